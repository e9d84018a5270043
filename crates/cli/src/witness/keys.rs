//! A witness's key and the state that belongs to it.
//!
//! Neither is of use without the other. A key without its state would cosign a log that was set
//! back.

use std::path::Path;

use acclaim_ballot_log::CosigningKey;
use acclaim_store_sqlite::directory::parse_secret;
use anyhow::{Context as _, Result, bail};

use super::{
    files,
    state::{Lock, StateFile},
};
use crate::random;

/// A witness's key and state.
#[derive(Debug)]
pub struct Identity {
    pub(super) key: CosigningKey,
    pub(super) state: StateFile,
}

impl Identity {
    /// Opens the files of the key and the state, or makes both at the first start.
    ///
    /// `new_state` makes a new state for an existing key that has never cosigned.
    ///
    /// # Errors
    /// - The state or the key exists without the other.
    /// - A file is damaged, or cannot be read or written.
    /// - The state belongs to another key or another name.
    /// - Another process uses the state.
    /// - `new_state` is set although the state exists.
    pub fn open(name: &str, state: &Path, key_file: Option<&Path>, new_state: bool) -> Result<Self> {
        let default_key_file = files::with_suffix(state, ".key");
        let key_file = key_file.unwrap_or(&default_key_file);
        let (existing, lock) = StateFile::open(state)?;
        let key = read_key(name, key_file)?;
        match (existing, key) {
            // A first start was killed after it made the state and before it made the key.
            (Some(existing), None) if existing.is_empty() => create_identity(name, state, key_file, lock),
            (None, None) => create_identity(name, state, key_file, lock),
            (Some(_), None) => bail!(
                "{} is missing: restore this key, or start a witness with a new name and a new state",
                key_file.display()
            ),
            (None, Some(key)) if new_state => {
                Ok(Self { state: StateFile::begin(state, key.verifier(), lock)?, key })
            }
            (None, Some(_)) => bail!(
                "{} is missing, so it is not known what this key has cosigned. If the file was moved, move it back. Never restore it from a backup. \
                 Otherwise start a witness with a new name and a new key. --new-state is only for a key that has never cosigned",
                state.display()
            ),
            (Some(_), Some(_)) if new_state => {
                bail!("{} exists already: leave out --new-state", state.display())
            }
            (Some(existing), Some(key)) if existing.vkey() == key.verifier().to_string() => {
                Ok(Self { key, state: existing })
            }
            (Some(existing), Some(_)) => {
                bail!("{} is the state of {}, which is another name or key", state.display(), existing.vkey())
            }
        }
    }
}

/// Makes a key and its state. Writes the state first, because a key without a state is of no use.
fn create_identity(name: &str, state: &Path, key_file: &Path, lock: Lock) -> Result<Identity> {
    let seed = random::bytes()?;
    let key = CosigningKey::from_seed(name, &seed)?;
    let state = StateFile::begin(state, key.verifier(), lock)?;
    let mut text: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
    text.push('\n');
    files::replace(key_file, text.as_bytes())
        .with_context(|| format!("cannot write the key {}", key_file.display()))?;
    Ok(Identity { key, state })
}

fn read_key(name: &str, file: &Path) -> Result<Option<CosigningKey>> {
    let unreadable = || format!("cannot read the key {}", file.display());
    let Some(text) = files::read(file).with_context(unreadable)? else { return Ok(None) };
    let seed =
        parse_secret(&text).with_context(|| format!("{}: it must be 64 hexadecimal digits", unreadable()))?;
    Ok(Some(CosigningKey::from_seed(name, &seed.0)?))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use acclaim_ballot_log::{Checkpoint, Hash};

    use super::*;

    #[test]
    fn key_and_state_are_made_once_and_belong_together() {
        let folder = tempfile::tempdir().unwrap();
        let (state, key) = (folder.path().join("state"), folder.path().join("state.key"));
        let open = |name: &str, new_state| Identity::open(name, &state, None, new_state);
        let first = open("w", false).unwrap();
        let vkey = first.key.verifier().to_string();
        drop(first);
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        let mut again = open("w", false).unwrap();
        assert_eq!(again.key.verifier().to_string(), vkey);
        again
            .state
            .keep(Checkpoint { origin: "log".to_owned(), size: 1, root: Hash([1; 32]) }, "note")
            .unwrap();
        drop(again);

        let refused = |name: &str, new_state| open(name, new_state).unwrap_err().to_string();
        assert!(refused("v", false).contains(&vkey), "another name");
        assert!(refused("w", true).contains("--new-state"));
        let backup = (fs::read(&state).unwrap(), fs::read(&key).unwrap());
        fs::remove_file(&state).unwrap();
        assert!(refused("w", false).contains("is missing"));
        drop(open("w", true).unwrap());
        fs::write(&state, backup.0).unwrap();
        fs::remove_file(&key).unwrap();
        assert!(refused("w", false).contains("is missing"));
        fs::write(&key, "00").unwrap();
        assert!(refused("w", false).contains("64 hexadecimal digits"));
        fs::write(&key, "11".repeat(32)).unwrap();
        assert!(refused("w", false).contains("another name or key"));
        fs::write(&key, backup.1).unwrap();
        assert!(open("w", false).is_ok());
    }

    #[test]
    fn a_first_start_that_was_cut_off_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        drop(Identity::open("w", &state, None, false).unwrap());
        fs::remove_file(folder.path().join("state.key")).unwrap();
        assert!(Identity::open("w", &state, None, false).is_ok());
    }
}
