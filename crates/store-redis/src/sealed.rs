//! The MAC of the data that processes leave for each other in Redis.
//!
//! A program without the key can write to Redis, but cannot forge this data.

/// Puts a MAC before bytes that are for one place, the name of a channel or key.
pub(crate) fn seal(key: &[u8; 32], place: &str, bytes: &[u8]) -> Vec<u8> {
    [mac(key, place, bytes).as_bytes(), bytes].concat()
}

/// Returns the bytes after the MAC, or `None` if the MAC is wrong.
pub(crate) fn open<'a>(key: &[u8; 32], place: &str, sealed: &'a [u8]) -> Option<&'a [u8]> {
    let (found_mac, bytes) = sealed.split_first_chunk::<32>()?;
    (mac(key, place, bytes) == blake3::Hash::from(*found_mac)).then_some(bytes)
}

fn mac(key: &[u8; 32], place: &str, bytes: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(place.as_bytes()).update(&[0]).update(bytes);
    hasher.finalize()
}
