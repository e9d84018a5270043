//! The SQLite file: one connection for writes, on its own thread, and a few connections for reads.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use acclaim_store::error::{Result, StoreError};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::{
    error::unavailable,
    move_mark,
    readers::Readers,
    schema::{OpenError, SCHEMA_VERSION, configure, inspect, prepare},
    writer::Writer,
};

/// Number of connections for the reads of requests.
const READERS: usize = 4;
/// Number of connections for the reads of the sequencer. No request uses them.
const RECORDING_READERS: usize = 2;

/// The ledger, contests, commands and keys of an embedded installation.
#[derive(Debug)]
pub struct SqliteDatabase {
    /// Dropped before `file`: the writer's connection closes last, and so empties the write-ahead
    /// log.
    readers: Arc<Readers>,
    file: Arc<SharedFile>,
}

/// The parts that all handles of one file share.
#[derive(Debug)]
struct SharedFile {
    path: PathBuf,
    request_readers: Arc<Readers>,
    recording_readers: Arc<Readers>,
    writer: Writer,
}

impl Drop for SharedFile {
    fn drop(&mut self) {
        self.request_readers.close_idle();
        self.recording_readers.close_idle();
    }
}

impl SqliteDatabase {
    /// Opens the file and updates its schema. Creates the file if it is absent.
    ///
    /// # Errors
    /// [`OpenError`]. A file of a newer version, or of another program, stays unchanged.
    pub fn open(path: &Path) -> std::result::Result<Self, OpenError> {
        Self::open_unless_moved(path, prepare(path)?)
    }

    /// Opens the file beside the process that holds the directory.
    ///
    /// The other process may be of another version, so the schema stays as it is.
    ///
    /// # Errors
    /// As [`SqliteDatabase::open`], and `Foreign` for a file of an older schema version.
    pub fn open_beside(path: &Path) -> std::result::Result<Self, OpenError> {
        let (connection, version) = inspect(path)?;
        if version != SCHEMA_VERSION {
            let what = format!(
                "of schema version {version}, but this program needs {}: run `acclaim serve` to update it",
                SCHEMA_VERSION
            );
            return Err(OpenError::Foreign { path: path.to_owned(), what });
        }
        configure(&connection).map_err(|error| OpenError::Sqlite { path: path.to_owned(), error })?;
        Self::open_unless_moved(path, connection)
    }

    fn open_unless_moved(path: &Path, connection: Connection) -> std::result::Result<Self, OpenError> {
        match move_mark::read(&connection)
            .map_err(|error| OpenError::Sqlite { path: path.to_owned(), error })?
        {
            Some(mark) => Err(OpenError::Moved { path: path.to_owned(), mark }),
            None => Self::run(path, connection),
        }
    }

    /// As [`SqliteDatabase::open`], but also opens the file of an installation that was moved.
    ///
    /// The move uses it, and so does the command that takes the installation back.
    ///
    /// # Errors
    /// [`OpenError`], except `Moved`.
    pub fn open_to_move(path: &Path) -> std::result::Result<Self, OpenError> {
        Self::run(path, prepare(path)?)
    }

    /// Starts the writer thread.
    fn run(path: &Path, connection: Connection) -> std::result::Result<Self, OpenError> {
        let writer = Writer::start(connection).map_err(|error| OpenError::Foreign {
            path: path.to_owned(),
            what: format!("not usable, because the writer thread cannot be started: {error}"),
        })?;
        let request_readers = Readers::new(path.to_owned(), READERS);
        let recording_readers = Readers::new(path.to_owned(), RECORDING_READERS);
        let readers = Arc::clone(&request_readers);
        let path = path.to_owned();
        Ok(Self { readers, file: Arc::new(SharedFile { path, request_readers, recording_readers, writer }) })
    }

    /// Returns a handle of the same database for the sequencer, with its own connections for reads.
    ///
    /// Many requests at once therefore cannot delay the sequencer.
    #[must_use]
    pub fn for_recording(&self) -> Self {
        Self { readers: Arc::clone(&self.file.recording_readers), file: Arc::clone(&self.file) }
    }

    /// Runs `body` in a transaction of the writing connection. It is durable when this returns
    /// `Ok`.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        body: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.on_writer(move |connection| run_tx(connection, body)).await
    }

    /// Runs `work` on the writing connection.
    pub(crate) async fn on_writer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.file.writer.run(work).await.map_err(|error| self.with_path(error))
    }

    /// Queues work for the writer without waiting for its end. Called at start, when the queue is
    /// empty.
    pub(crate) fn queue_first(&self, work: impl FnOnce(&mut Connection) + Send + 'static) {
        self.file.writer.queue_first(work);
    }

    /// Runs `body` on a connection for reading, in one read transaction.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        body: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.readers.read(body).await.map_err(|error| self.with_path(error))
    }

    /// Adds the file's path to a report of damage.
    fn with_path(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Corrupt(problem) => {
                StoreError::Corrupt(format!("{}: {problem}", self.file.path.display()))
            }
            other => other,
        }
    }

    /// Limits the size of the file, in pages of 4,096 bytes. Tests simulate a full disk with it.
    ///
    /// # Errors
    /// `Unavailable` if SQLite refuses.
    pub async fn limit_pages(&self, pages: u32) -> Result<()> {
        self.write(move |tx| {
            tx.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).map_err(unavailable)
        })
        .await
    }
}

fn run_tx<T>(connection: &mut Connection, body: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unavailable)?;
    // An early return drops the transaction, which rolls it back.
    let value = body(&tx)?;
    tx.commit().map_err(|error| StoreError::Unknown(error.to_string()))?;
    Ok(value)
}
