//! The hashes of the Merkle tree: RFC 6962, section 2.1, with SHA-256.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

/// Length of a hash, in bytes.
pub const HASH_LENGTH: usize = 32;

/// Length of a hash in base64, in characters.
const TEXT_LENGTH: usize = 44;

/// A SHA-256 hash of a leaf, node or root. Its text form is standard base64 with padding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; HASH_LENGTH]);

/// Why a text is not a [`struct@Hash`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 32 bytes in base64 (44 characters)")]
pub struct InvalidHash;

/// The hash of a leaf: `SHA-256(0x00 || entry)`.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
}

/// The hash of an inner node: `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 1 + 2 * HASH_LENGTH];
    let (_, children) = bytes.split_at_mut(1);
    let (first, second) = children.split_at_mut(HASH_LENGTH);
    first.copy_from_slice(&left.0);
    second.copy_from_slice(&right.0);
    Hash(Sha256::digest(bytes).into())
}

/// The root of the tree without leaves: `SHA-256("")`.
#[must_use]
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}

impl FromStr for Hash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        if text.len() != TEXT_LENGTH {
            return Err(InvalidHash);
        }
        // The buffer has one byte more than a hash, because 44 characters can encode 33 bytes.
        let mut buffer = [0; HASH_LENGTH + 1];
        let length = STANDARD.decode_slice(text, &mut buffer).map_err(|_| InvalidHash)?;
        buffer.get(..length).and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(InvalidHash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; TEXT_LENGTH];
        // 32 bytes make exactly 44 characters, all ASCII.
        STANDARD.encode_slice(self.0, &mut buffer).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&buffer).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_log_format() {
        let hex = |hash: Hash| hex::encode(hash.0);
        assert_eq!(hex(leaf_hash(b"")), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        let [a, b, c] = [b"a", b"b", b"c"].map(|entry| leaf_hash(entry));
        assert_eq!(hex(a), "022a6979e6dab7aa5ae4c3e5e45f7e977112a7e63593820dbec1ec738a24f93c");
        let root = node_hash(&node_hash(&a, &b), &c);
        assert_eq!(hex(root), "36642e73c2540ab121e3a6bf9545b0a24982cd830eb13d3cd19de3ce6c021ec1");
        assert_eq!(hex(empty_root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn a_hash_has_one_spelling() {
        let text = empty_root().to_string();
        assert_eq!(text, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(text.parse(), Ok(empty_root()));
        let spare_bits = text.replace("FU=", "FV=");
        for bad in
            ["", &text[..43], &format!("{text}\n"), &spare_bits, &text.replace('=', "A"), &"é".repeat(22)]
        {
            assert_eq!(bad.parse::<Hash>(), Err(InvalidHash), "{bad}");
        }
    }
}
