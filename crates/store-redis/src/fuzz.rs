//! The decoders of data from Redis, for the fuzz targets only.

use acclaim_contest::ContestId;
use acclaim_store::intake::Item;
use bytes::Bytes;

use crate::{item, notice_bridge, sealed};

/// Returns the items of a block from the buffer, and the number of dropped items.
#[must_use]
pub fn items(key: &[u8; 32], contest: &ContestId, block: Vec<u8>) -> (Vec<Item>, u64) {
    let decoded = item::decode(key, contest, &Bytes::from(block));
    (decoded.items, decoded.forged)
}

/// Returns the bytes of an item.
#[must_use]
pub fn item(key: &[u8; 32], contest: &ContestId, item: &Item) -> Vec<u8> {
    let mut block = Vec::new();
    item::encode(key, contest, item, &mut block);
    block
}

/// Puts a correct length and MAC before any bytes.
#[must_use]
pub fn genuine_item(key: &[u8; 32], contest: &ContestId, body: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    item::seal(key, contest, &mut block, |genuine| genuine.extend(body));
    block
}

/// Reads a message between processes and writes it again. Its seal is always correct.
///
/// Returns `None` if the bytes are not a message.
#[must_use]
pub fn message(message: &[u8]) -> Option<Vec<u8>> {
    let (key, place) = ([7; 32], "place");
    let sealed = sealed::seal(&key, place, message);
    notice_bridge::reread(sealed::open(&key, place, &sealed)?)
}

/// Reads a stored publication and writes it again; `None` if the bytes are not a publication.
#[must_use]
pub fn publication(bytes: &[u8]) -> Option<Vec<u8>> {
    let publication: acclaim_store::hub::Publication = rmp_serde::from_slice(bytes).ok()?;
    rmp_serde::to_vec_named(&publication).ok()
}

/// Whether a sealed message passes as genuine.
#[must_use]
pub fn is_genuine(sealed: &[u8]) -> bool {
    sealed::open(&[7; 32], "place", sealed).is_some()
}
