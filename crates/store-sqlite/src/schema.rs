//! Opening the file: the checks that it is Acclaim's, its settings, and its migrations.

use std::{
    fs::OpenOptions,
    path::{Path, PathBuf},
};

use acclaim_store::relocation::MoveMark;
use rusqlite::{Connection, TransactionBehavior};

use crate::move_mark;

/// The migrations. Migration N leads from schema version N - 1 to N. SQLite's `user_version` holds
/// the version.
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

/// The version of this program's schema.
pub(crate) const SCHEMA_VERSION: usize = MIGRATIONS.len();

/// Marks the file as Acclaim's: `acl1` in ASCII.
const APPLICATION_ID: i32 = 0x6163_6c31;

/// Why the file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file belongs to another program, or to another version of this program.
    #[error("{path} is {what}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Description of the file.
        what: String,
    },
    /// The installation was moved, or its move is not complete.
    #[error("{}", moved_message(path, mark))]
    Moved {
        /// The file.
        path: PathBuf,
        /// The target of the move.
        mark: MoveMark,
    },
    /// SQLite returned an error.
    #[error("{path}: {error}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's error.
        error: rusqlite::Error,
    },
}

fn moved_message(path: &Path, mark: &MoveMark) -> String {
    let (path, to) = (path.display(), &mark.to);
    if mark.complete {
        return format!(
            "the installation in {path} was moved to {to} and continues there: to continue here too would create a second history"
        );
    }
    format!(
        "the installation in {path} may have been moved to {to}: a move there was interrupted. Run the same `acclaim move` again to finish it, \
         or undo it with `--take-back`"
    )
}

/// Opens a connection for writes to Acclaim's file, and updates the file's schema.
pub(crate) fn prepare(path: &Path) -> std::result::Result<Connection, OpenError> {
    let failed = |error| OpenError::Sqlite { path: path.to_owned(), error };
    let (mut connection, version) = inspect(path)?;
    configure(&connection).map_err(failed)?;
    migrate(&mut connection, version).map_err(failed)?;
    Ok(connection)
}

/// Opens a connection to a file that is new or Acclaim's. Returns it with the file's schema
/// version.
pub(crate) fn inspect(path: &Path) -> std::result::Result<(Connection, usize), OpenError> {
    let failed = |error| OpenError::Sqlite { path: path.to_owned(), error };
    // Only its owner can read a new file, and SQLite gives its other files the same mode. An error
    // here appears again below.
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
        return foreign("not a database of Acclaim".to_owned());
    }
    if version > SCHEMA_VERSION {
        return foreign(format!(
            "of schema version {version}, but this program knows versions up to {} only: run a newer program",
            SCHEMA_VERSION
        ));
    }
    Ok((connection, version))
}

pub(crate) fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    // `recorded` promises durability: the write-ahead log is synced at every commit.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -131_072)?;
    connection.pragma_update(None, "wal_autocheckpoint", 8_192)?;
    // Deleted bytes are overwritten in the main file. `erasure` removes them from the write-ahead
    // log.
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn migrate(connection: &mut Connection, version: usize) -> rusqlite::Result<()> {
    for (number, migration) in (1_u32..).zip(MIGRATIONS).skip(version) {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch(migration)?;
        // A table that a migration created again has lost its triggers, and a new table has none.
        let is_last = usize::try_from(number) == Ok(SCHEMA_VERSION);
        if is_last && move_mark::read(&tx)?.is_some() {
            move_mark::install_write_locks(&tx)?;
        }
        tx.pragma_update(None, "user_version", number)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.commit()?;
    }
    Ok(())
}
