//! The erasure of deleted bytes from the files.
//!
//! SQLite overwrites freed bytes (`secure_delete`), but only in its main file. It does so only when
//! the write-ahead log, which holds earlier contents of pages, is emptied.

use std::time::Duration;

use acclaim_store::error::{Result, StoreError};
use rusqlite::Connection;

use crate::{database::SqliteDatabase, error::unavailable};

/// Number of attempts to empty the log while another connection reads from it.
const MAX_ATTEMPTS: usize = 5;
/// The longest time that one attempt blocks writes, and the pause between two attempts.
const RETRY_DELAY: Duration = Duration::from_millis(200);
/// SQLite's normal time-out for locks, the default of rusqlite.
const DEFAULT_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl SqliteDatabase {
    /// Erases from the files all bytes that were deleted and committed before.
    ///
    /// # Errors
    /// `Unavailable` if other connections keep reading, or if SQLite refuses. The next start tries
    /// again.
    pub(crate) async fn erase(&self) -> Result<()> {
        for _ in 0..MAX_ATTEMPTS {
            if self.on_writer(truncate_wal).await? {
                return Ok(());
            }
            tokio::time::sleep(RETRY_DELAY).await;
        }
        Err(StoreError::Unavailable("the write-ahead log is being read".to_owned()))
    }

    /// Erases as the first work of a start, because a killed process may have left bytes behind.
    pub(crate) fn erase_first(&self) {
        self.queue_first(|connection| {
            if let Err(error) = truncate_wal(connection) {
                tracing::warn!(%error, "the write-ahead log is not emptied");
            }
        });
    }
}

/// Moves the write-ahead log into the main file and empties it.
///
/// Returns `false` if another connection prevented it.
fn truncate_wal(connection: &mut Connection) -> Result<bool> {
    connection.busy_timeout(RETRY_DELAY).map_err(unavailable)?;
    let emptied =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get::<_, i64>(0)? == 0));
    connection.busy_timeout(DEFAULT_BUSY_TIMEOUT).map_err(unavailable)?;
    emptied.map_err(unavailable)
}
