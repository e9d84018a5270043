//! The data directory of an embedded installation: `acclaim.db`, `secret`, `shown/`, `lock`.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use acclaim_store::keyring::{KeyringError, Secret, random_bytes};

use crate::{PublishedCheckpointFiles, SqliteDatabase, schema::OpenError};

/// Why a data directory cannot be used. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Another process holds the directory.
    #[error("the data directory {directory} is in use by a running process{holder}")]
    InUse {
        /// The directory.
        directory: PathBuf,
        /// The holder's description of itself: ` (process 12, http://127.0.0.1:8080)`.
        holder: String,
    },
    /// A file system operation failed.
    #[error("{path}: {error}")]
    Io {
        /// The path of the operation.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The database cannot be opened.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The file does not hold a valid secret.
    #[error("{0} is not an installation's secret, which is 64 hexadecimal digits: restore it from a backup")]
    Secret(PathBuf),
    /// The database exists, but the secret that unwraps its keys is missing.
    #[error(
        "{0} is missing, and without it the keys in the database cannot be opened: restore it from a backup"
    )]
    SecretMissing(PathBuf),
    /// A secret and published checkpoints exist, but the database that they belong to is missing.
    #[error(
        "{0} is missing or empty, but other files of its installation exist: restore it from a backup. \
         For a new installation, choose another directory"
    )]
    DatabaseMissing(PathBuf),
    /// The system gave no random bytes.
    #[error(transparent)]
    Randomness(#[from] KeyringError),
}

/// A data directory. It stays locked as long as this value lives.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    /// Whether there was a database when the directory was locked.
    had_database: bool,
    /// The lock ends when the file is closed, also when the process is killed.
    lock: File,
}

impl DataDirectory {
    /// Locks a directory for this process alone. Creates it if it is absent.
    ///
    /// # Errors
    /// - [`DirectoryError::InUse`] if another process holds it.
    /// - [`DirectoryError::Io`] if the directory or the lock file cannot be created or written.
    pub fn lock(path: &Path) -> Result<Self, DirectoryError> {
        create(path).map_err(|error| DirectoryError::Io { path: path.to_owned(), error })?;
        let lock_path = path.join("lock");
        let io = |error| DirectoryError::Io { path: lock_path.clone(), error };
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {
                lock.set_len(0).map_err(io)?;
                write!(lock, " (process {})", std::process::id()).map_err(io)?;
                let had_database = is_not_empty(&path.join("acclaim.db"));
                Ok(Self { path: path.to_owned(), had_database, lock })
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _unreadable = lock.take(200).read_to_string(&mut holder);
                Err(DirectoryError::InUse { directory: path.to_owned(), holder })
            }
            Err(TryLockError::Error(error)) => Err(io(error)),
        }
    }

    /// Writes the holder's URL into the lock file, for processes that find the directory locked.
    ///
    /// # Errors
    /// [`DirectoryError::Io`]
    pub fn record_url(&mut self, url: &str) -> Result<(), DirectoryError> {
        let path = self.path.join("lock");
        self.lock
            .set_len(0)
            .and_then(|()| io::Seek::rewind(&mut self.lock))
            .and_then(|()| write!(self.lock, " (process {}, {url})", std::process::id()))
            .map_err(|error| DirectoryError::Io { path, error })
    }

    /// Opens the database. Creates it at the first start.
    ///
    /// # Errors
    /// [`DirectoryError::Database`]; [`DirectoryError::DatabaseMissing`] if there was one before.
    pub fn database(&self) -> Result<SqliteDatabase, DirectoryError> {
        // The checkpoints' directory is created after the database: an interrupted first start
        // leaves none.
        if !self.had_database && self.published_checkpoints_path().exists() {
            return Err(DirectoryError::DatabaseMissing(self.database_path()));
        }
        let database = SqliteDatabase::open(&self.database_path())?;
        database.erase_first();
        Ok(database)
    }

    /// Opens the database of an installation that is about to be moved, or that was moved.
    ///
    /// # Errors
    /// [`DirectoryError::Database`]
    pub fn database_to_move(&self) -> Result<SqliteDatabase, DirectoryError> {
        Ok(SqliteDatabase::open_to_move(&self.database_path())?)
    }

    fn published_checkpoints_path(&self) -> PathBuf {
        self.path.join("shown")
    }

    fn database_path(&self) -> PathBuf {
        self.path.join("acclaim.db")
    }

    /// Opens the files of the highest published checkpoints.
    ///
    /// # Errors
    /// [`DirectoryError::Io`]
    pub fn published_checkpoints(&self) -> Result<PublishedCheckpointFiles, DirectoryError> {
        let path = self.published_checkpoints_path();
        if self.had_database && !path.exists() {
            tracing::warn!(
                directory = %path.display(),
                "the published checkpoints are missing: a database that was restored to an older state cannot be detected. \
                 Compare it with a checkpoint that a witness or an auditor has kept"
            );
        }
        PublishedCheckpointFiles::new(&path).map_err(|error| DirectoryError::Io { path, error })
    }

    /// Returns the installation's secret, and creates it at the first start.
    ///
    /// Call it before [`DataDirectory::database`]: a database without its secret is refused. It
    /// gets no
    /// new secret.
    ///
    /// # Errors
    /// - [`DirectoryError::Secret`] if the file does not hold 64 hexadecimal digits.
    /// - [`DirectoryError::SecretMissing`] if the database exists, but the secret does not.
    /// - [`DirectoryError::Io`] if the file cannot be read or written.
    /// - [`DirectoryError::Randomness`] if the system gives no random bytes.
    pub fn secret(&self) -> Result<Secret, DirectoryError> {
        let path = self.path.join("secret");
        match fs::read_to_string(&path) {
            Ok(text) => parse_secret(&text).ok_or(DirectoryError::Secret(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if self.database_path().exists() {
                    return Err(DirectoryError::SecretMissing(path));
                }
                let secret = Secret(random_bytes()?);
                write_secret(&path, &secret).map_err(|error| DirectoryError::Io { path, error })?;
                Ok(secret)
            }
            Err(error) => Err(DirectoryError::Io { path, error }),
        }
    }
}

fn is_not_empty(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.len() > 0)
}

/// Parses a secret: 64 hexadecimal digits, with optional white space around them.
#[must_use]
pub fn parse_secret(text: &str) -> Option<Secret> {
    let digits = text.trim().as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(Secret(bytes))
}

/// Creates a directory if it is absent. Only its owner can open it, because it holds secrets.
fn create(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Writes the secret. It is durable on return, before any value is wrapped with it.
fn write_secret(path: &Path, secret: &Secret) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let new = path.with_extension("new");
    let _leftover = fs::remove_file(&new);
    let mut file = options.open(&new)?;
    for byte in secret.0 {
        write!(file, "{byte:02x}")?;
    }
    writeln!(file)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
