//! What processes leave for each other in Redis carries a MAC: whoever else can write there can put in nothing.

/// Puts a MAC before bytes that are meant for one place: a channel or key.
pub(crate) fn seal(key: &[u8; 32], place: &str, bytes: &[u8]) -> Vec<u8> {
    [mac(key, place, bytes).as_bytes(), bytes].concat()
}

/// The bytes behind the MAC, if it is theirs.
pub(crate) fn open<'a>(key: &[u8; 32], place: &str, sealed: &'a [u8]) -> Option<&'a [u8]> {
    let (given, bytes) = sealed.split_first_chunk::<32>()?;
    (mac(key, place, bytes) == blake3::Hash::from(*given)).then_some(bytes)
}

fn mac(key: &[u8; 32], place: &str, bytes: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(place.as_bytes()).update(&[0]).update(bytes);
    hasher.finalize()
}
