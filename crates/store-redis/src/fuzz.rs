//! What is read from Redis: open to the fuzz targets alone.

use acclaim_contest::ContestId;
use acclaim_store::intake::Item;
use bytes::Bytes;

use crate::{item, notice_bridge, sealed};

/// The items of a block from the buffer, and how many were dropped.
#[must_use]
pub fn items(key: &[u8; 32], contest: &ContestId, block: Vec<u8>) -> (Vec<Item>, u64) {
    let decoded = item::decode(key, contest, &Bytes::from(block));
    (decoded.items, decoded.forged)
}

/// An item as it is written.
#[must_use]
pub fn item(key: &[u8; 32], contest: &ContestId, item: &Item) -> Vec<u8> {
    let mut block = Vec::new();
    item::encode(key, contest, item, &mut block);
    block
}

/// Whatever follows an item's MAC, with the length and MAC that make it genuine.
#[must_use]
pub fn genuine_item(key: &[u8; 32], contest: &ContestId, body: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    item::seal(key, contest, &mut block, |genuine| genuine.extend(body));
    block
}

/// A message between processes, read and written again; `None` if it is none. Its seal is as it should be.
#[must_use]
pub fn message(message: &[u8]) -> Option<Vec<u8>> {
    let (key, place) = ([7; 32], "place");
    let sealed = sealed::seal(&key, place, message);
    notice_bridge::reread(sealed::open(&key, place, &sealed)?)
}

/// A publication kept for processes to come, read and written again; `None` if it is none.
#[must_use]
pub fn publication(bytes: &[u8]) -> Option<Vec<u8>> {
    let publication: acclaim_store::hub::Publication = rmp_serde::from_slice(bytes).ok()?;
    rmp_serde::to_vec_named(&publication).ok()
}

/// Whether a sealed message is taken for genuine.
#[must_use]
pub fn is_genuine(sealed: &[u8]) -> bool {
    sealed::open(&[7; 32], "place", sealed).is_some()
}
