//! The connections for reads: a fixed number, each used by one read at a time.
//!
//! Further reads wait, and fail after a time-out. Many requests at once therefore cannot create
//! threads, connections or page caches without bound.

use std::{path::PathBuf, sync::Arc, time::Duration};

use acclaim_store::error::{Result, StoreError};
use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, Transaction};
use tokio::sync::Semaphore;

use crate::error::unavailable;

/// How long a read waits for a connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);
/// Page cache of a connection, in KiB.
const CACHE_KIB: i32 = 16_384;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    /// Open connections that no read uses now. A connection is opened when it is first needed.
    idle: Mutex<Vec<Connection>>,
    /// One permit for each connection that may be open.
    permits: Arc<Semaphore>,
    /// How long a read waits for a permit.
    timeout: Duration,
}

impl Readers {
    /// Allows at most `count` connections to the file at `path`.
    pub(crate) fn new(path: PathBuf, count: usize) -> Arc<Self> {
        Arc::new(Self::with_timeout(path, count, CONNECTION_TIMEOUT))
    }

    fn with_timeout(path: PathBuf, count: usize, timeout: Duration) -> Self {
        Self { path, idle: Mutex::default(), permits: Arc::new(Semaphore::new(count)), timeout }
    }

    /// Runs `body` in one read transaction, on a thread that may block.
    ///
    /// # Errors
    /// `Unavailable` if no connection is free within five seconds, or if none can be opened. Also
    /// any error that `body` returns.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        body: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let busy = || StoreError::Unavailable("too many reads wait for the database".to_owned());
        let acquiring = tokio::time::timeout(self.timeout, Arc::clone(&self.permits).acquire_owned());
        let permit = acquiring.await.ok().and_then(|permit| permit.ok()).ok_or_else(busy)?;
        let readers = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || {
            // The read holds the permit to its end, even if the request is cancelled earlier.
            let _permit = permit;
            readers.read_blocking(body)
        });
        reading
            .await
            .unwrap_or_else(|error| Err(StoreError::Unavailable(format!("the read ended early: {error}"))))
    }

    fn read_blocking<T>(&self, body: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let idle = self.idle.lock().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.open().map_err(unavailable)?,
        };
        let value = body(&connection.transaction().map_err(unavailable)?);
        self.idle.lock().push(connection);
        value
    }

    /// Closes all connections that no read uses.
    pub(crate) fn close_idle(&self) {
        self.idle.lock().clear();
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        // The connection is not read-only, because the connection that closes last must be able to
        // clean up the write-ahead log. `query_only` keeps the connection from changing data.
        let flags =
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        Ok(connection)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn many_reads_at_once_share_the_connections() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("database");
        let writer = Connection::open(&path).unwrap();
        writer.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).unwrap();
        let readers = Readers::new(path, 3);
        let (running, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let reads = (0..200).map(|_| {
            let (readers, running, peak) = (Arc::clone(&readers), Arc::clone(&running), Arc::clone(&peak));
            tokio::spawn(async move {
                let read = readers.read(move |_| {
                    peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::yield_now();
                    running.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                });
                read.await.unwrap();
            })
        });
        for read in reads.collect::<Vec<_>>() {
            read.await.unwrap();
        }
        assert!((1..=3).contains(&peak.load(Ordering::SeqCst)), "{peak:?} reads at once");
        assert!((1..=3).contains(&readers.idle.lock().len()));
    }

    #[tokio::test]
    async fn a_read_that_finds_no_connection_in_time_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let readers =
            Arc::new(Readers::with_timeout(folder.path().join("database"), 1, Duration::from_millis(5)));
        let _all = Arc::clone(&readers.permits).acquire_owned().await.unwrap();
        let refused = readers.read(|_| Ok(())).await.unwrap_err();
        assert!(refused.to_string().contains("too many reads"), "{refused}");
    }
}
