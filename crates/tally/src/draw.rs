//! Lots: the order that a seed gives to entries that nothing else separates.
//!
//! The lot of an entry is the BLAKE3 hash of the seed (32 bytes), the category's id and the entry's
//! id. Before each id comes its length as u32 little-endian. The lowest lot comes first.
//!
//! The seed is logged after the log is frozen. It comes from the source that the rules name in
//! advance. So rulings cannot be chosen by the order that the seed gives.

use acclaim_contest::{CategoryId, EntryId, Instant};
use serde::Serialize;

/// The seed as it is logged.
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

    /// The lot of an entry in lowercase hex, which sorts in the order of the bytes.
    pub(crate) fn lot(&self, category: &CategoryId, entry: &EntryId) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed_bytes());
        for id in [category.as_str(), entry.as_str()] {
            // Ids have at most 64 bytes.
            let length = u32::try_from(id.len()).unwrap_or(u32::MAX);
            hasher.update(&length.to_le_bytes()).update(id.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    fn seed_bytes(&self) -> Vec<u8> {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        // The log format allows only 64 hexadecimal digits here.
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
