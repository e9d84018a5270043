//! The state of a witness: the newest checkpoint that it has cosigned of each log.
//!
//! The state is one file, which is replaced as a whole. Its last line is a hash of the rest, which
//! reveals damage. A lock keeps other processes out.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use acclaim_ballot_log::{Checkpoint, Hash, WitnessKey};
use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use super::files;

/// The version of the file's format.
const VERSION: u32 = 1;

/// The file, with its content as it is on disk.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    content: Content,
    /// The lock's file, which is locked as long as this value lives.
    _lock: File,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    /// The witness's verifier key. A state belongs to one key.
    vkey: String,
    /// The newest cosigned checkpoints, by origin.
    logs: BTreeMap<String, LatestCheckpoint>,
}

/// The newest cosigned checkpoint of one log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LatestCheckpoint {
    pub(super) size: u64,
    pub(super) root: Hash,
    /// The note as it was submitted. Together with a note of another history, it is evidence.
    pub(super) checkpoint: String,
}

impl StateFile {
    /// Locks the state for this process and reads it. Returns `None` if there is no state yet.
    ///
    /// # Errors
    /// If another process has the lock, or if the state is damaged or cannot be read.
    pub(super) fn open(path: &Path) -> Result<(Option<Self>, Lock)> {
        let lock = Lock::take(path)?;
        let unreadable = || format!("cannot read the state file {}", path.display());
        let Some(text) = files::read(path).with_context(unreadable)? else { return Ok((None, lock)) };
        let content = parse(&text).with_context(|| {
            format!(
                "the state file {} is damaged: restore it, or start a witness with a new name, key and state",
                path.display()
            )
        })?;
        let own = lock.0.try_clone().with_context(unreadable)?;
        Ok((Some(Self { path: path.to_owned(), content, _lock: own }), lock))
    }

    /// Makes a state without checkpoints.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn begin(path: &Path, key: &WitnessKey, lock: Lock) -> Result<Self> {
        let content = Content { version: VERSION, vkey: key.to_string(), logs: BTreeMap::new() };
        let state = Self { path: path.to_owned(), content, _lock: lock.0 };
        state
            .write(&state.content)
            .with_context(|| format!("cannot write the state file {}", path.display()))?;
        Ok(state)
    }

    /// Returns the verifier key that the state belongs to, as text.
    pub(super) fn vkey(&self) -> &str {
        &self.content.vkey
    }

    /// Whether the witness has never cosigned.
    pub(super) fn is_empty(&self) -> bool {
        self.content.logs.is_empty()
    }

    /// Returns the newest cosigned checkpoint of a log.
    pub(super) fn latest_checkpoint(&self, origin: &str) -> Option<&LatestCheckpoint> {
        self.content.logs.get(origin)
    }

    /// Keeps a checkpoint that is about to be cosigned. It is on disk when the function returns.
    ///
    /// # Errors
    /// If the file cannot be written. Then the checkpoint must not be cosigned.
    pub(super) fn keep(&mut self, checkpoint: Checkpoint, note: &str) -> io::Result<()> {
        let mut content = self.content.clone();
        let latest =
            LatestCheckpoint { size: checkpoint.size, root: checkpoint.root, checkpoint: note.to_owned() };
        content.logs.insert(checkpoint.origin, latest);
        self.write(&content)?;
        self.content = content;
        Ok(())
    }

    fn write(&self, content: &Content) -> io::Result<()> {
        let mut text = serde_json::to_string(content).map_err(io::Error::other)?;
        let hash = blake3::hash(text.as_bytes()).to_hex();
        text.push('\n');
        text.push_str(&hash);
        text.push('\n');
        files::replace(&self.path, text.as_bytes())
    }
}

fn parse(text: &str) -> Result<Content> {
    let (json, hash) =
        text.strip_suffix('\n').and_then(|text| text.split_once('\n')).context("the file is cut off")?;
    if blake3::hash(json.as_bytes()).to_hex().as_str() != hash {
        bail!("the hash in its last line does not match its content");
    }
    let content: Content = serde_json::from_str(json)?;
    if content.version != VERSION {
        bail!("its version is {}, not {VERSION}", content.version);
    }
    Ok(content)
}

/// A lock that keeps other processes from using a state. It ends with the process, even if the
/// process is killed.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    fn take(path: &Path) -> Result<Self> {
        let path = files::with_suffix(path, ".lock");
        let lock_name = || format!("the lock {}", path.display());
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).open(&path).with_context(lock_name)?;
        if file.try_lock().is_err() {
            bail!("{} is held: another process runs this witness", lock_name());
        }
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use acclaim_ballot_log::CosigningKey;

    use super::*;

    fn new_state(path: &Path) -> StateFile {
        let (state, lock) = StateFile::open(path).unwrap();
        assert!(state.is_none());
        let key = CosigningKey::from_seed("w", &[1; 32]).unwrap();
        StateFile::begin(path, key.verifier(), lock).unwrap()
    }

    #[test]
    fn reads_saved_state_and_detects_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mut state = new_state(&path);
        assert!(StateFile::open(&path).unwrap_err().to_string().contains("another process"));
        let checkpoint = Checkpoint { origin: "log".to_owned(), size: 7, root: Hash([7; 32]) };
        state.keep(checkpoint, "note").unwrap();
        drop(state);
        let read = StateFile::open(&path).unwrap().0.unwrap();
        assert_eq!(
            read.latest_checkpoint("log").map(|latest| (latest.size, latest.root)),
            Some((7, Hash([7; 32])))
        );
        assert!(read.latest_checkpoint("other").is_none() && !read.is_empty());
        drop(read);

        let whole = std::fs::read(&path).unwrap();
        for position in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[position] ^= 1;
            std::fs::write(&path, &damaged).unwrap();
            assert!(StateFile::open(&path).is_err(), "byte {position}");
            std::fs::write(&path, &whole[..position]).unwrap();
            assert!(StateFile::open(&path).is_err(), "cut at {position}");
        }
    }

    #[test]
    fn keeps_old_state_when_write_fails() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        let mut state = new_state(&inner.join("state"));
        std::fs::remove_dir_all(&inner).unwrap();
        let checkpoint = Checkpoint { origin: "log".to_owned(), size: 7, root: Hash([7; 32]) };
        assert!(state.keep(checkpoint, "note").is_err());
        assert!(state.latest_checkpoint("log").is_none());
    }
}
