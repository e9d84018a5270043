//! What is deleted leaves no bytes behind. SQLite overwrites what it frees (`secure_delete`), but only in its main file, and only when the write-ahead
//! log, which holds pages as they were, comes to be emptied.

use std::time::Duration;

use acclaim_store::error::{Result, StoreError};
use rusqlite::Connection;

use crate::{database::SqliteDatabase, error::unavailable};

/// How often the log is tried to be emptied while somebody reads from it.
const MAX_ATTEMPTS: usize = 5;
/// How long each keeps others from writing, at most, and the wait between two.
const RETRY_DELAY: Duration = Duration::from_millis(200);
/// How long SQLite waits for locks otherwise, as rusqlite has it.
const DEFAULT_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl SqliteDatabase {
    /// Rids the files of what was deleted and committed before.
    ///
    /// # Errors
    /// `Unavailable` if somebody reads on and on, or SQLite refuses. It is made up for at the next start.
    pub(crate) async fn erase(&self) -> Result<()> {
        for _ in 0..MAX_ATTEMPTS {
            if self.on_writer(truncate_wal).await? {
                return Ok(());
            }
            tokio::time::sleep(RETRY_DELAY).await;
        }
        Err(StoreError::Unavailable("the write-ahead log is being read".to_owned()))
    }

    /// The same as the first thing of a start, in case the process was killed before it came to it.
    pub(crate) fn erase_first(&self) {
        self.begin_with(|connection| {
            if let Err(error) = truncate_wal(connection) {
                tracing::warn!(%error, "the write-ahead log is not emptied");
            }
        });
    }
}

/// Carries the write-ahead log over into the main file and empties it. Says whether nobody was in the way.
fn truncate_wal(connection: &mut Connection) -> Result<bool> {
    connection.busy_timeout(RETRY_DELAY).map_err(unavailable)?;
    let emptied =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get::<_, i64>(0)? == 0));
    connection.busy_timeout(DEFAULT_BUSY_TIMEOUT).map_err(unavailable)?;
    emptied.map_err(unavailable)
}
