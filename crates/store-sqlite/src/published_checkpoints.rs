//! The highest published checkpoints, one file for each contest, beside the database.

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

/// The checkpoints as files `<contest>.checkpoint`, and the cosigned ones as `<contest>.cosigned`,
/// in one directory.
///
/// A file is replaced by renaming, without a sync: it survives the process. After a loss of power
/// it may be older than the ledger, which is synced. That is safe: the check against an older file
/// accepts the ledger as it is.
#[derive(Debug)]
pub struct PublishedCheckpointFiles {
    directory: PathBuf,
}

impl PublishedCheckpointFiles {
    /// Uses the files in `directory`, and creates it if it is absent.
    ///
    /// # Errors
    /// If the directory cannot be created.
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

    // The directory's lock leaves one writer, so the file cannot change between the read and the
    // write.
    async fn save_cosigned(&self, contest: &ContestId, note: &str) -> Result<()> {
        let path = self.cosigned_path(contest);
        let size = checkpoint_size(note)?;
        match read(&path)? {
            Some(stored) if checkpoint_size(&stored).is_ok_and(|stored| stored > size) => Ok(()),
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
        // A loss of power can leave an empty file, if it was renamed before its content was on
        // disk. Then no checkpoint is known.
        Ok(text) if text.is_empty() => {
            tracing::warn!(file = %path.display(), "checkpoint file is empty");
            Ok(None)
        }
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unavailable(&error)),
    }
}

/// Replaces a file without a sync. That takes some tens of microseconds, less than a switch to
/// another thread would cost.
fn write(path: &Path, note: &str) -> Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    fs::write(&new, note).and_then(|()| fs::rename(&new, path)).map_err(|error| unavailable(&error))
}

fn unavailable(error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("published checkpoints: {error}"))
}
