//! Entry bundles: the entries themselves in groups of 256, after C2SP tlog-tiles: for each one a big-endian u16 length and the bytes.

use crate::entry::MAX_ENTRY_LENGTH;
use crate::tile::TILE_WIDTH;

/// Why bytes are not the bundle they should be, or a bundle cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// So many bytes in one entry.
    #[error("an entry of {0} bytes: it has at most {MAX_ENTRY_LENGTH}")]
    EntryTooLong(usize),
    /// The bytes end within an entry.
    #[error("the bundle ends within an entry")]
    Truncated,
    /// Another number of entries than should be there.
    #[error("the bundle has not the {0} entries it should have")]
    WrongWidth(u16),
}

/// Appends one entry to a bundle.
///
/// # Errors
/// [`BundleError::EntryTooLong`]; the bundle is then as it was before.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), BundleError> {
    let length = u16::try_from(entry.len()).map_err(|_| BundleError::EntryTooLong(entry.len()))?;
    bundle.extend(length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The bundle of these entries, at most 256 of them.
///
/// # Errors
/// [`BundleError::EntryTooLong`]; [`BundleError::WrongWidth`] of more entries than a bundle holds.
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

/// The entries of a bundle of `width` entries.
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
