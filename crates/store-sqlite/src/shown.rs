//! The highest checkpoints shown, a file a contest beside the database.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use acclaim_contest::ContestId;
use acclaim_store::{
    Shown,
    error::{Result, StoreError},
};
use async_trait::async_trait;

/// Checkpoints as files `<contest>.checkpoint` in one directory.
///
/// A file is replaced by renaming, and left to the system to bring to disk: it survives the process, and after a loss of power it may be
/// older than the ledger, which is synchronised. That errs on the safe side: an older file accepts the ledger as it is.
#[derive(Debug)]
pub struct ShownFiles {
    directory: PathBuf,
}

impl ShownFiles {
    /// Files in `directory`, which is created if it is absent.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn new(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        Ok(Self { directory: directory.to_owned() })
    }

    fn path(&self, contest: &ContestId) -> PathBuf {
        self.directory.join(format!("{contest}.checkpoint"))
    }
}

#[async_trait]
impl Shown for ShownFiles {
    async fn highest(&self, contest: &ContestId) -> Result<Option<String>> {
        match fs::read_to_string(self.path(contest)) {
            // A loss of power can leave a file of no bytes, renamed before its content was on disk: nothing is known then.
            Ok(text) if text.is_empty() => {
                tracing::warn!(%contest, "the file of the highest checkpoint shown is empty");
                Ok(None)
            }
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unavailable(&error)),
        }
    }

    // Some tens of microseconds of file system calls without a sync: less than a hop to another thread would cost.
    async fn about_to_show(&self, contest: &ContestId, checkpoint: &str) -> Result<()> {
        let path = self.path(contest);
        let new = path.with_extension("new");
        fs::write(&new, checkpoint)
            .and_then(|()| fs::rename(&new, &path))
            .map_err(|error| unavailable(&error))
    }

    async fn forget(&self, contest: &ContestId) -> Result<()> {
        match fs::remove_file(self.path(contest)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(unavailable(&error)),
            _ => Ok(()),
        }
    }
}

fn unavailable(error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("the highest checkpoint shown: {error}"))
}
