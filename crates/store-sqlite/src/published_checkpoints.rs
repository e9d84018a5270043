//! The highest checkpoints shown, a file a contest beside the database.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use acclaim_contest::ContestId;
use acclaim_store::{
    PublishedCheckpoints,
    error::{Result, StoreError},
    published_checkpoints::checkpoint_size,
};
use async_trait::async_trait;

/// Checkpoints as files `<contest>.checkpoint`, and cosigned ones as `<contest>.cosigned`, in one directory.
///
/// A file is replaced by renaming, and left to the system to bring to disk: it survives the process, and after a loss of power it may be
/// older than the ledger, which is synchronised. That errs on the safe side: an older file accepts the ledger as it is.
#[derive(Debug)]
pub struct PublishedCheckpointFiles {
    directory: PathBuf,
}

impl PublishedCheckpointFiles {
    /// Files in `directory`, which is created if it is absent.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn new(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        Ok(Self { directory: directory.to_owned() })
    }

    fn checkpoint_path(&self, contest: &ContestId) -> PathBuf {
        self.directory.join(format!("{contest}.checkpoint"))
    }

    fn cosigned_path(&self, contest: &ContestId) -> PathBuf {
        self.directory.join(format!("{contest}.cosigned"))
    }
}

#[async_trait]
impl PublishedCheckpoints for PublishedCheckpointFiles {
    async fn highest(&self, contest: &ContestId) -> Result<Option<String>> {
        read(&self.checkpoint_path(contest))
    }

    async fn record_before_publish(&self, contest: &ContestId, checkpoint: &str) -> Result<()> {
        write(&self.checkpoint_path(contest), checkpoint)
    }

    async fn cosigned(&self, contest: &ContestId) -> Result<Option<String>> {
        read(&self.cosigned_path(contest))
    }

    // The directory's lock leaves one writer, so that nobody comes in between.
    async fn save_cosigned(&self, contest: &ContestId, note: &str) -> Result<()> {
        let path = self.cosigned_path(contest);
        let size = checkpoint_size(note)?;
        match read(&path)? {
            Some(kept) if checkpoint_size(&kept).is_ok_and(|kept| kept > size) => Ok(()),
            _ => write(&path, note),
        }
    }

    async fn forget(&self, contest: &ContestId) -> Result<()> {
        for path in [self.checkpoint_path(contest), self.cosigned_path(contest)] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(unavailable(&error)),
                _ => {}
            }
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        // A loss of power can leave a file of no bytes, renamed before its content was on disk: nothing is known then.
        Ok(text) if text.is_empty() => {
            tracing::warn!(file = %path.display(), "the file of a checkpoint is empty");
            Ok(None)
        }
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unavailable(&error)),
    }
}

/// Some tens of microseconds of file system calls without a sync: less than a hop to another thread would cost.
fn write(path: &Path, note: &str) -> Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    fs::write(&new, note).and_then(|()| fs::rename(&new, path)).map_err(|error| unavailable(&error))
}

fn unavailable(error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("the checkpoints shown: {error}"))
}
