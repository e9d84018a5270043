//! The SQLite file: one connection that writes, on a thread of its own, and a few that read.

use std::{
    fs::OpenOptions,
    path::{Path, PathBuf},
    sync::Arc,
};

use acclaim_contest::ContestId;
use acclaim_store::{
    error::{Result, StoreError},
    moving::Moved,
};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Transaction, TransactionBehavior};

use crate::{
    erasure::overwrite_freed,
    leaving::{fence, read_mark},
    readers::Readers,
    writer::Writer,
};

/// The schema's version, kept in `user_version`. Migration N leads from version N - 1 to N.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/1.sql"),
    include_str!("../migrations/2.sql"),
    include_str!("../migrations/3.sql"),
    include_str!("../migrations/4.sql"),
    include_str!("../migrations/5.sql"),
    include_str!("../migrations/6.sql"),
    include_str!("../migrations/7.sql"),
    include_str!("../migrations/8.sql"),
    include_str!("../migrations/9.sql"),
];
/// Marks the file as ours: `acl1` in ASCII.
const APPLICATION_ID: i32 = 0x6163_6c31;
/// Connections for reads of requests.
const READERS: usize = 4;
/// Connections for reads of the sequencer, which no request uses.
const RECORDING_READERS: usize = 2;

/// The ledger, contests, commands and keys of an embedded installation.
#[derive(Debug)]
pub struct SqliteDatabase {
    /// Dropped before the file: the writer's connection is the last to go, and empties the write-ahead log.
    readers: Arc<Readers>,
    file: Arc<File>,
}

/// What all handles of one file share.
#[derive(Debug)]
struct File {
    path: PathBuf,
    request_readers: Arc<Readers>,
    recording_readers: Arc<Readers>,
    writer: Writer,
}

impl Drop for File {
    fn drop(&mut self) {
        self.request_readers.close_idle();
        self.recording_readers.close_idle();
    }
}

/// Why the file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another program's, or one of another version of this program.
    #[error("{path} is {what}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// The installation went elsewhere, or is on its way.
    #[error("{}", left(path, mark))]
    Moved {
        /// The file.
        path: PathBuf,
        /// Where it went.
        mark: Moved,
    },
    /// SQLite said no.
    #[error("{path}: {error}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        error: rusqlite::Error,
    },
}

fn left(path: &Path, mark: &Moved) -> String {
    let (path, to) = (path.display(), &mark.to);
    if mark.complete {
        return format!(
            "the installation in {path} was moved to {to}: it goes on there, and going on here too would make a second history"
        );
    }
    format!(
        "the installation in {path} may have been moved to {to}: a move there was cut off. Finish it by the same `acclaim move` again, \
         or undo it with `--take-back`"
    )
}

impl SqliteDatabase {
    /// Opens the file, creating it if it is absent, and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`]; a file of a newer version, or of another program, is left as it is.
    pub fn open(path: &Path) -> std::result::Result<Self, OpenError> {
        Self::open_unless_moved(path, prepare(path)?)
    }

    /// As [`SqliteDatabase::open`], for a process beside the one that has the directory, which may be of another version: the schema stays as it is.
    ///
    /// # Errors
    /// [`OpenError`]; also for a file of an older version.
    pub fn open_beside(path: &Path) -> std::result::Result<Self, OpenError> {
        let (connection, version) = inspect(path)?;
        if version != MIGRATIONS.len() {
            let what = format!(
                "of schema version {version}, and this program's is {}: `acclaim serve` brings it up to date",
                MIGRATIONS.len()
            );
            return Err(OpenError::Foreign { path: path.to_owned(), what });
        }
        configure(&connection).map_err(|error| OpenError::Sqlite { path: path.to_owned(), error })?;
        Self::open_unless_moved(path, connection)
    }

    fn open_unless_moved(path: &Path, connection: Connection) -> std::result::Result<Self, OpenError> {
        match read_mark(&connection).map_err(|error| OpenError::Sqlite { path: path.to_owned(), error })? {
            Some(mark) => Err(OpenError::Moved { path: path.to_owned(), mark }),
            None => Self::run(path, connection),
        }
    }

    /// As [`SqliteDatabase::open`], also if the installation went elsewhere: for whoever moves it, or takes it back.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn open_to_move(path: &Path) -> std::result::Result<Self, OpenError> {
        Self::run(path, prepare(path)?)
    }

    /// Starts the thread that writes.
    fn run(path: &Path, connection: Connection) -> std::result::Result<Self, OpenError> {
        let writer = Writer::start(connection).map_err(|error| OpenError::Foreign {
            path: path.to_owned(),
            what: format!("without a thread: {error}"),
        })?;
        let request_readers = Readers::new(path.to_owned(), READERS);
        let recording_readers = Readers::new(path.to_owned(), RECORDING_READERS);
        let readers = Arc::clone(&request_readers);
        let path = path.to_owned();
        Ok(Self { readers, file: Arc::new(File { path, request_readers, recording_readers, writer }) })
    }

    /// The same database for the sequencer, with connections of its own for reading: no flood of requests delays it.
    #[must_use]
    pub fn for_recording(&self) -> Self {
        Self { readers: Arc::clone(&self.file.recording_readers), file: Arc::clone(&self.file) }
    }

    /// Runs `body` in a transaction of the writing connection; it is durable when this returns `Ok`.
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

    /// Has the writer do something that nobody waits for: at a start, when it has nothing else to do.
    pub(crate) fn begin_with(&self, work: impl FnOnce(&mut Connection) + Send + 'static) {
        self.file.writer.begin_with(work);
    }

    /// Runs `body` on a connection for reading, in one read transaction.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        body: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.readers.read(body).await.map_err(|error| self.with_path(error))
    }

    /// Damage is reported with the file that has it.
    fn with_path(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Corrupt(problem) => {
                StoreError::Corrupt(format!("{}: {problem}", self.file.path.display()))
            }
            other => other,
        }
    }

    /// Bounds the size of the file, in pages of 4,096 bytes: what a full disk looks like, without one.
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

/// A connection that may write, to a file that is ours and up to date.
fn prepare(path: &Path) -> std::result::Result<Connection, OpenError> {
    let failed = |error| OpenError::Sqlite { path: path.to_owned(), error };
    let (mut connection, version) = inspect(path)?;
    configure(&connection).map_err(failed)?;
    migrate(&mut connection, version).map_err(failed)?;
    Ok(connection)
}

/// A connection to a file that is ours or new, and its schema's version.
fn inspect(path: &Path) -> std::result::Result<(Connection, usize), OpenError> {
    let failed = |error| OpenError::Sqlite { path: path.to_owned(), error };
    // A new one is its owner's alone, and SQLite gives its other files the same mode. What fails here fails again below.
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _failed_below = options.open(path);
    let connection = Connection::open(path).map_err(failed)?;
    let version: u32 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    let version = usize::try_from(version).unwrap_or(usize::MAX);
    let application: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
    let empty: bool = connection
        .query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    let foreign = |what| Err(OpenError::Foreign { path: path.to_owned(), what });
    if !empty && application != APPLICATION_ID {
        return foreign("not a database of acclaim".to_owned());
    }
    if version > MIGRATIONS.len() {
        return foreign(format!(
            "of schema version {version}; this program knows up to {}",
            MIGRATIONS.len()
        ));
    }
    Ok((connection, version))
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    // The promise `recorded`: the write-ahead log is synchronised at every commit.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -131_072)?;
    connection.pragma_update(None, "wal_autocheckpoint", 8_192)?;
    overwrite_freed(connection)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn migrate(connection: &mut Connection, version: usize) -> rusqlite::Result<()> {
    for (number, migration) in (1_u32..).zip(MIGRATIONS).skip(version) {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch(migration)?;
        // A table that was made again has lost its triggers, and a new one has none.
        let is_last = usize::try_from(number) == Ok(MIGRATIONS.len());
        if is_last && read_mark(&tx)?.is_some() {
            fence(&tx)?;
        }
        tx.pragma_update(None, "user_version", number)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.commit()?;
    }
    Ok(())
}

fn run_tx<T>(connection: &mut Connection, body: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unavailable)?;
    // An early return drops the transaction, which rolls it back.
    let value = body(&tx)?;
    tx.commit().map_err(|error| StoreError::Unknown(error.to_string()))?;
    Ok(value)
}

/// An error before the commit: the transaction is rolled back, so nothing was changed.
#[expect(clippy::needless_pass_by_value, reason = "fits `map_err`")]
pub(crate) fn unavailable(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(error.to_string()),
        Some(ErrorCode::ConstraintViolation) => StoreError::Conflict(error.to_string()),
        Some(ErrorCode::DiskFull) => StoreError::Unavailable("the disk is full".to_owned()),
        _ => StoreError::Unavailable(error.to_string()),
    }
}

/// A value that this program cannot have written.
pub(crate) fn corrupt(what: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(what.to_string())
}

/// SQLite's integers are signed.
pub(crate) fn signed(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| corrupt(format!("{value} is out of range")))
}

/// SQLite's integers are signed.
pub(crate) fn unsigned(value: i64) -> Result<u64> {
    u64::try_from(value).map_err(|_| corrupt(format!("{value} is out of range")))
}

/// A contest's number, or `None` if there is no such contest.
pub(crate) fn contest_number(tx: &Transaction<'_>, contest: &ContestId) -> Result<Option<i64>> {
    tx.prepare_cached("SELECT number FROM contests WHERE id = ?1")
        .and_then(|mut statement| statement.query_row([contest.as_str()], |row| row.get(0)).optional())
        .map_err(unavailable)
}

/// A contest's number; it must exist.
pub(crate) fn known_contest(tx: &Transaction<'_>, contest: &ContestId) -> Result<i64> {
    contest_number(tx, contest)?.ok_or_else(|| StoreError::Conflict(format!("there is no contest {contest}")))
}
