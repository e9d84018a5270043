//! Entry bundles: the bytes of log entries in groups of 256, in the format of C2SP tlog-tiles.
//!
//! Each entry is its length as a big-endian u16, followed by its bytes.

use crate::{entry::MAX_ENTRY_LENGTH, tile::TILE_WIDTH};

/// The reason why a bundle cannot be decoded or encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// An entry has this number of bytes, which is too many.
    #[error("an entry has {0} bytes: the maximum is {MAX_ENTRY_LENGTH}")]
    EntryTooLong(usize),
    /// The bytes end within an entry.
    #[error("the bundle ends within an entry")]
    Truncated,
    /// The bundle does not have this number of entries. When encoding: it has more.
    #[error("the bundle does not have {0} entries")]
    WrongWidth(u16),
}

/// Appends one entry to a bundle.
///
/// # Errors
/// [`BundleError::EntryTooLong`]. The bundle is then unchanged.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), BundleError> {
    let length = u16::try_from(entry.len()).map_err(|_| BundleError::EntryTooLong(entry.len()))?;
    bundle.extend(length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// Encodes at most 256 entries as a bundle.
///
/// # Errors
/// [`BundleError::EntryTooLong`]; [`BundleError::WrongWidth`] for more than 256 entries.
pub fn encode_bundle<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, BundleError> {
    let mut bundle = Vec::new();
    for (position, entry) in entries.into_iter().enumerate() {
        if position >= TILE_WIDTH.into() {
            return Err(BundleError::WrongWidth(TILE_WIDTH));
        }
        push_entry(&mut bundle, entry)?;
    }
    Ok(bundle)
}

/// Decodes a bundle of `width` entries.
///
/// # Errors
/// [`BundleError::Truncated`], [`BundleError::WrongWidth`].
pub fn decode_bundle(bundle: &[u8], width: u16) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::with_capacity(width.min(TILE_WIDTH).into());
    let mut rest = bundle;
    while !rest.is_empty() {
        if entries.len() >= width.into() {
            return Err(BundleError::WrongWidth(width));
        }
        let (length, tail) = rest.split_first_chunk().ok_or(BundleError::Truncated)?;
        let length = u16::from_be_bytes(*length);
        let (entry, tail) = tail.split_at_checked(length.into()).ok_or(BundleError::Truncated)?;
        entries.push(entry);
        rest = tail;
    }
    if entries.len() == usize::from(width) { Ok(entries) } else { Err(BundleError::WrongWidth(width)) }
}
