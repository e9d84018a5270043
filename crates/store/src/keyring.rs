//! The installation's keys: wrapped in the database, plain in memory.
//!
//! The installation's secret wraps the log key's seed, the pass keys and each contest's tag key.
//! The secret itself comes from a file or the environment.
//!
//! The cipher is XChaCha20-Poly1305. The associated data is the value's name. A random nonce of 24
//! bytes precedes the ciphertext.

use std::fmt;

use acclaim_contest::{ContestId, TagKey, pass::PassKey};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use zeroize::Zeroizing;

use crate::{error::StoreError, keys::Keys, request_id::RequestId};

const NAME: &str = "name";
const LOG_KEY: &str = "log-key";
const PASS_KEY: &str = "pass-key-";
const NONCE_LENGTH: usize = 24;

/// 32 random bytes that wrap every other key.
pub struct Secret(pub [u8; 32]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Why the keys are not available.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system returned no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Randomness(String),
    /// The secret does not decrypt the stored value.
    #[error(
        "`{0}` cannot be decrypted: the installation's secret is not the one that encrypted it. Set the secret that this installation was created with"
    )]
    WrongSecret(String),
    /// The installation was created with another name, which is part of every log's origin.
    #[error(
        "this installation is named `{stored}`, not `{asked}`: the name is part of every log's origin and cannot change"
    )]
    AnotherName {
        /// The stored name.
        stored: String,
        /// The configured name.
        asked: String,
    },
}

/// The keys of an installation.
pub struct Keyring {
    /// The installation's name, which is the first part of each log's origin.
    pub name: String,
    /// Seed of the Ed25519 key that signs checkpoints.
    pub log_seed: [u8; 32],
    secret: Secret,
    /// Oldest first.
    pass_keys: Vec<PassKey>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Keyring {
    /// Opens the installation's keys, and creates them at the first start.
    ///
    /// # Errors
    /// [`KeyringError`]. Nothing is changed if the secret or the name is wrong.
    pub async fn open(
        keys: &(impl Keys + ?Sized),
        secret: Secret,
        name: Option<&str>,
    ) -> Result<Self, KeyringError> {
        let values = keys.installation_values().await?;
        let value = |key: &str| values.iter().find(|(name, _)| name == key).map(|(_, value)| value);

        let log_seed = match value(LOG_KEY) {
            Some(wrapped) => unwrap_key(&secret, LOG_KEY, wrapped)?,
            None => create_wrapped_key(keys, &secret, LOG_KEY).await?,
        };
        let stored = value(NAME).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let name = match (stored, name) {
            (Some(stored), Some(asked)) if stored != asked => {
                return Err(KeyringError::AnotherName { stored, asked: asked.to_owned() });
            }
            (Some(stored), _) => stored,
            (None, asked) => {
                let name = asked.unwrap_or("localhost").to_owned();
                keys.add_installation_value(NAME, name.as_bytes()).await?;
                name
            }
        };
        let mut pass_keys = Vec::new();
        for (name, wrapped) in &values {
            if let Some(id) = name.strip_prefix(PASS_KEY).and_then(|id| id.parse().ok()) {
                pass_keys.push(PassKey { id, secret: unwrap_key(&secret, name, wrapped)? });
            }
        }
        pass_keys.sort_by_key(|key| key.id);
        if pass_keys.is_empty() {
            pass_keys.push(PassKey {
                id: 1,
                secret: create_wrapped_key(keys, &secret, &format!("{PASS_KEY}1")).await?,
            });
        }
        Ok(Self { name, log_seed, secret, pass_keys })
    }

    /// Adds a pass key and returns its id. The older keys still verify passes.
    ///
    /// The new key mints passes from the next start on.
    ///
    /// # Errors
    /// [`KeyringError`]
    pub async fn rotate_pass_key(&self, keys: &(impl Keys + ?Sized)) -> Result<u32, KeyringError> {
        let id = self.pass_keys.last().map_or(0, |key| key.id) + 1;
        create_wrapped_key(keys, &self.secret, &format!("{PASS_KEY}{id}")).await?;
        Ok(id)
    }

    /// The keys that verify passes; the last one mints.
    #[must_use]
    pub fn pass_keys(&self) -> &[PassKey] {
        &self.pass_keys
    }

    /// Creates a tag key for a contest and returns it wrapped.
    ///
    /// # Errors
    /// [`KeyringError::Randomness`]
    pub fn new_tag_key(&self, contest: &ContestId) -> Result<Vec<u8>, KeyringError> {
        wrap_key(&self.secret, &tag_key_name(contest), &random_bytes()?)
    }

    /// Unwraps a contest's tag key.
    ///
    /// # Errors
    /// [`KeyringError::WrongSecret`]
    pub fn tag_key(&self, contest: &ContestId, wrapped: &[u8]) -> Result<TagKey, KeyringError> {
        unwrap_key(&self.secret, &tag_key_name(contest), wrapped).map(TagKey)
    }

    /// The key that signs items in an intake outside the process.
    ///
    /// It is derived from the installation's secret.
    #[must_use]
    pub fn intake_key(&self) -> [u8; 32] {
        blake3::derive_key("acclaim v1 intake items", &self.secret.0)
    }

    /// The key that signs notices between processes.
    ///
    /// It is derived from the installation's secret.
    #[must_use]
    pub fn notice_key(&self) -> [u8; 32] {
        blake3::derive_key("acclaim v1 notices", &self.secret.0)
    }

    /// The secret of the staff key that a request creates. A repeated request gets the same secret.
    ///
    /// The secret of a juror's key also depends on `juror`. So a juror's lost key that was replaced
    /// cannot come back as a key of another name.
    #[must_use]
    pub fn staff_key_secret(&self, id: &RequestId, juror: Option<&str>) -> [u8; 32] {
        let key = blake3::derive_key("acclaim v1 staff keys", &self.secret.0);
        // The length separates the name from the `Idempotency-Key`, so that no other pair has these
        // bytes.
        let mut hasher = blake3::Hasher::new_keyed(&key);
        hasher.update(&(id.by.len() as u64).to_le_bytes()).update(id.by.as_bytes()).update(id.key.as_bytes());
        if let Some(juror) = juror {
            // An `Idempotency-Key` has no NUL byte.
            hasher.update(b"\0").update(juror.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }

    /// The origin of a contest's log.
    #[must_use]
    pub fn origin(&self, contest: &ContestId) -> String {
        format!("{}/{contest}", self.name)
    }
}

fn tag_key_name(contest: &ContestId) -> String {
    format!("tag-key/{contest}")
}

/// Creates a key and stores it wrapped.
async fn create_wrapped_key(
    keys: &(impl Keys + ?Sized),
    secret: &Secret,
    name: &str,
) -> Result<[u8; 32], KeyringError> {
    let key = random_bytes()?;
    keys.add_installation_value(name, &wrap_key(secret, name, &key)?).await?;
    Ok(key)
}

/// Random bytes of the operating system.
///
/// # Errors
/// [`KeyringError::Randomness`]
pub fn random_bytes<const N: usize>() -> Result<[u8; N], KeyringError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| KeyringError::Randomness(error.to_string()))?;
    Ok(bytes)
}

fn wrap_key(secret: &Secret, name: &str, key: &[u8; 32]) -> Result<Vec<u8>, KeyringError> {
    let nonce: [u8; NONCE_LENGTH] = random_bytes()?;
    let payload = Payload { msg: key, aad: name.as_bytes() };
    let sealed = XChaCha20Poly1305::new(&secret.0.into())
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| KeyringError::WrongSecret(name.to_owned()))?;
    Ok([&nonce[..], &sealed].concat())
}

fn unwrap_key(secret: &Secret, name: &str, wrapped: &[u8]) -> Result<[u8; 32], KeyringError> {
    let wrong = || KeyringError::WrongSecret(name.to_owned());
    let (nonce, sealed) = wrapped.split_first_chunk::<NONCE_LENGTH>().ok_or_else(wrong)?;
    let payload = Payload { msg: sealed, aad: name.as_bytes() };
    let key = XChaCha20Poly1305::new(&secret.0.into())
        .decrypt(&XNonce::from(*nonce), payload)
        .map(Zeroizing::new)
        .map_err(|_| wrong())?;
    key.as_slice().try_into().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unwraps_key_only_with_its_secret_and_name() {
        let secret = Secret([7; 32]);
        let wrapped = wrap_key(&secret, "tag-key/a", &[1; 32]).unwrap();
        assert_eq!(unwrap_key(&secret, "tag-key/a", &wrapped).unwrap(), [1; 32]);
        assert!(unwrap_key(&Secret([8; 32]), "tag-key/a", &wrapped).is_err());
        assert!(unwrap_key(&secret, "tag-key/b", &wrapped).is_err());
        assert!(unwrap_key(&secret, "tag-key/a", &wrapped[..40]).is_err());
        assert!(unwrap_key(&secret, "tag-key/a", &[]).is_err());
        assert!(!wrapped.windows(32).any(|window| window == [1; 32]));
    }
}
