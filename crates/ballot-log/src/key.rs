//! The keys that sign and verify checkpoints, after C2SP signed-note.
//!
//! A key is an Ed25519 key with a name and a key id. The name is the log's origin.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer as _};
use sha2::{Digest as _, Sha256};

/// The maximum length of an origin, in bytes.
pub const MAX_ORIGIN_LENGTH: usize = 255;

/// The signature type 1 of signed-note: Ed25519.
const ED25519: u8 = 1;

/// The signature type 4 of tlog-cosignature: Ed25519 over a time and a checkpoint.
pub(crate) const COSIGNATURE: u8 = 4;

/// Whether `text` can name a log and its key: 1 to 255 bytes without white space, control
/// characters and `+`.
#[must_use]
pub fn is_origin(text: &str) -> bool {
    (1..=MAX_ORIGIN_LENGTH).contains(&text.len())
        && !text.chars().any(|c| c == '+' || c.is_whitespace() || c.is_control())
}

/// Why a text is not an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an origin has 1 to 255 bytes, no white space, no control character and no `+`")]
pub struct InvalidOrigin;

/// Why a text is not a [`VerifierKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidVerifierKey {
    /// Not `name+hex(key id)+base64(type || public key)`.
    #[error("not of the form name+hex(key id)+base64(type || public key)")]
    Malformed,
    /// The key is a log's key instead of a witness's key, or the other way round.
    #[error("the key has type {found}, not {wanted}: type 1 is a log's key, type 4 a witness's key")]
    Type {
        /// The key's type.
        found: u8,
        /// The expected type.
        wanted: u8,
    },
    /// The name is not an origin.
    #[error(transparent)]
    Name(#[from] InvalidOrigin),
    /// The key id does not follow from name and key.
    #[error("the key id does not match the name and the key")]
    KeyId,
    /// The bytes are no point of the curve, or a point that must not be used.
    #[error("not an Ed25519 public key")]
    PublicKey,
}

/// The key that signs the checkpoints of one log.
#[derive(Clone)]
pub struct SigningKey {
    secret: ed25519_dalek::SigningKey,
    verifier: VerifierKey,
}

impl SigningKey {
    /// The key of the log `origin`, made from 32 secret random bytes.
    ///
    /// The logs of an installation share the seed. Their keys differ in name and key id.
    ///
    /// # Errors
    /// [`InvalidOrigin`]
    pub fn from_seed(origin: &str, seed: &[u8; 32]) -> Result<Self, InvalidOrigin> {
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        let verifier = VerifierKey::new(origin, secret.verifying_key())?;
        Ok(Self { secret, verifier })
    }

    /// The public key that verifies this key's signatures.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    pub(crate) fn sign_bytes(&self, message: &[u8]) -> [u8; 64] {
        self.secret.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey {{ verifier: {}, .. }}", self.verifier)
    }
}

/// The public key of one log. Its text form is `name+hex(key id)+base64(0x01 || public key)`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey(PublicKey);

impl VerifierKey {
    fn new(name: &str, public: ed25519_dalek::VerifyingKey) -> Result<Self, InvalidOrigin> {
        PublicKey::new(name, ED25519, public).map(Self)
    }

    /// The key of another log of the same installation. These logs share one public key.
    ///
    /// # Errors
    /// [`InvalidOrigin`]
    pub fn with_origin(&self, origin: &str) -> Result<Self, InvalidOrigin> {
        Self::new(origin, self.0.public)
    }

    /// The log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The first four bytes of `SHA-256(name || 0x0A || 0x01 || public key)`.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        self.0.id()
    }

    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.has_signed(message, signature)
    }
}

impl FromStr for VerifierKey {
    type Err = InvalidVerifierKey;

    fn from_str(text: &str) -> Result<Self, InvalidVerifierKey> {
        PublicKey::parse(text, ED25519).map(Self)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An Ed25519 public key with a name, for one type of signature.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PublicKey {
    name: String,
    kind: u8,
    id: [u8; 4],
    public: ed25519_dalek::VerifyingKey,
}

impl PublicKey {
    pub(crate) fn new(
        name: &str,
        kind: u8,
        public: ed25519_dalek::VerifyingKey,
    ) -> Result<Self, InvalidOrigin> {
        if !is_origin(name) {
            return Err(InvalidOrigin);
        }
        let hash = Sha256::new()
            .chain_update(name)
            .chain_update([b'\n', kind])
            .chain_update(public.as_bytes())
            .finalize();
        let [a, b, c, d, ..] = <[u8; 32]>::from(hash);
        Ok(Self { name: name.to_owned(), kind, id: [a, b, c, d], public })
    }

    /// Reads the text form of a key, which must have the type `wanted`.
    pub(crate) fn parse(text: &str, wanted: u8) -> Result<Self, InvalidVerifierKey> {
        // Base64 may contain `+` too, so only the first two separate the parts.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(InvalidVerifierKey::Malformed);
        };
        // 33 bytes are 44 characters.
        let mut bytes = [0; 33];
        if id.len() != 8 || key.len() != 44 || STANDARD.decode_slice(key, &mut bytes) != Ok(33) {
            return Err(InvalidVerifierKey::Malformed);
        }
        let [found, public @ ..] = bytes;
        if found != wanted {
            return Err(InvalidVerifierKey::Type { found, wanted });
        }
        let public =
            ed25519_dalek::VerifyingKey::from_bytes(&public).map_err(|_| InvalidVerifierKey::PublicKey)?;
        if public.is_weak() {
            return Err(InvalidVerifierKey::PublicKey);
        }
        let key = Self::new(name, wanted, public)?;
        if hex(key.id) == id { Ok(key) } else { Err(InvalidVerifierKey::KeyId) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn id(&self) -> [u8; 4] {
        self.id
    }

    /// Whether `signature` is this key's signature of `message`.
    ///
    /// Implementations disagree about signatures of keys of small order, and about signatures that
    /// are not canonical. These are refused.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.public.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![self.kind];
        key.extend(self.public.as_bytes());
        write!(f, "{}+{}+{}", self.name, hex(self.id), STANDARD.encode(key))
    }
}

fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VKEY: &str = "vote.example.org/photo-2021+9049215d+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";

    #[test]
    fn derives_key_from_seed_and_name() {
        let key = SigningKey::from_seed("vote.example.org/photo-2021", &[1; 32]).unwrap();
        assert_eq!(key.verifier().to_string(), VKEY);
        assert_eq!(VKEY.parse(), Ok(key.verifier().clone()));
        assert!(!format!("{key:?}").contains("secret"));
    }

    #[test]
    fn names_error_of_altered_verifier_key() {
        let refused = |text: &str| text.parse::<VerifierKey>().unwrap_err();
        for malformed in [
            "",
            "a+b",
            &VKEY.replace("+9049215d", "+9049215D0"),
            &VKEY[..VKEY.len() - 1],
            &format!("{VKEY}\n"),
        ] {
            assert_eq!(refused(malformed), InvalidVerifierKey::Malformed, "{malformed}");
        }
        let witness_key = VKEY.replace("+AY", "+BI");
        assert_eq!(refused(&witness_key), InvalidVerifierKey::Type { found: 4, wanted: 1 });
        for (from, to) in [("9049215d", "9049215e"), ("9049215d", "9049215D"), ("2021+", "2022+")] {
            assert_eq!(refused(&VKEY.replace(from, to)), InvalidVerifierKey::KeyId);
        }
        assert_eq!(refused(&VKEY.replace("vote.", "vote ")), InvalidVerifierKey::Name(InvalidOrigin));
        // The neutral element: with this key, one signature verifies for many messages.
        let mut weak = [0; 33];
        (weak[0], weak[1]) = (1, 1);
        assert_eq!(refused(&format!("a+00000000+{}", STANDARD.encode(weak))), InvalidVerifierKey::PublicKey);
    }

    #[test]
    fn origins_have_no_space_and_no_plus() {
        assert!(is_origin("vote.example.org/photo-2021"));
        for bad in ["", "a b", "a\u{a0}b", "a+b", "a\nb", "a\0", &"a".repeat(256)] {
            assert!(!is_origin(bad), "{bad:?}");
        }
    }
}
