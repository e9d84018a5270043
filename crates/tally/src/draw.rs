//! Lots: the order that a seed gives to entries which nothing else tells apart.
//!
//! The lot of an entry is BLAKE3 over the seed (32 bytes), then its category's and its own identifier, each preceded by its length as
//! u32 little-endian. The lowest lot comes first. The seed is logged after the log is frozen, from the source that the rules
//! name in advance, so that nobody can choose a ruling by the order that it leads to.

use acclaim_contest::{CategoryId, EntryId, Instant};
use serde::Serialize;

/// The seed as logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct DrawSeed {
    index: u64,
    source: String,
    /// 32 bytes in lowercase hex.
    seed: String,
    by: String,
    at: Instant,
}

impl DrawSeed {
    pub(crate) fn new(index: u64, source: &str, seed: &str, by: &str, at: Instant) -> Self {
        Self { index, source: source.to_owned(), seed: seed.to_owned(), by: by.to_owned(), at }
    }

    /// The lot of an entry in lowercase hex, whose order is that of the bytes.
    pub(crate) fn lot(&self, category: &CategoryId, entry: &EntryId) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed_bytes());
        for id in [category.as_str(), entry.as_str()] {
            // Identifiers have at most 64 bytes.
            let length = u32::try_from(id.len()).unwrap_or(u32::MAX);
            hasher.update(&length.to_le_bytes()).update(id.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    fn seed_bytes(&self) -> Vec<u8> {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        // An entry of the log has nothing but 64 such digits.
        let (pairs, _) = self.seed.as_bytes().as_chunks::<2>();
        pairs.iter().map(|[high, low]| digit(*high).unwrap_or(0) << 4 | digit(*low).unwrap_or(0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lot_is_the_hash_that_is_described() {
        let seed: String = (0..32).map(|byte| format!("{byte:02x}")).collect();
        let drawn = DrawSeed::new(7, "beacon", &seed, "chair", "2021-03-05T00:00:00Z".parse().unwrap());
        let mut bytes: Vec<u8> = (0..32).collect();
        bytes.extend(b"\x03\0\0\0c01\x05\0\0\0p0001");
        let expected = blake3::hash(&bytes).to_hex().to_string();
        assert_eq!(drawn.lot(&"c01".parse().unwrap(), &"p0001".parse().unwrap()), expected);
    }
}
