//! Inclusion and consistency proofs (RFC 6962, sections 2.1.1 and 2.1.2).
//!
//! They are made from tiles, and verified with only hashes.
//!
//! A proof is a list of roots of subtrees, each over a range of leaves. The sizes alone decide
//! these ranges, and the tiles with their hashes. So a store can fetch the tiles first and then
//! make the proof without waiting.

use std::collections::BTreeSet;

use crate::{
    hash::{HASH_LENGTH, Hash, empty_root, node_hash},
    tile::{TILE_HEIGHT, TILE_WIDTH, TileId, perfect_root},
};

/// The maximum number of hashes in a proof: one for each bit of a size, and one for consistency.
pub const MAX_PROOF_LENGTH: usize = 65;

/// Why a proof cannot be made from the tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There is no such leaf, or the old tree is larger than the new one.
    #[error("the index or old size {position} is beyond the log of {size} entries")]
    OutOfRange {
        /// The index or the old size.
        position: u64,
        /// The size of the log.
        size: u64,
    },
    /// A tile is missing.
    #[error("tile {} of level {} is missing", .0.number, .0.level)]
    MissingTile(TileId),
    /// A tile has fewer hashes than the size requires.
    #[error("tile {} of level {} is too short", .0.number, .0.level)]
    ShortTile(TileId),
}

/// Why a proof is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// There is no such leaf, or the old tree is larger than the new one.
    #[error("the index or old size is beyond the size of the log")]
    OutOfRange,
    /// The proof has more or fewer hashes than the sizes require.
    #[error("the proof has the wrong number of hashes for these sizes")]
    WrongLength,
    /// The root computed from the hashes is not the given one.
    #[error("the proof does not lead to the root")]
    RootMismatch,
}

/// The leaves from `start` (included) to `end` (excluded).
type Range = (u64, u64);

/// The audit path of the leaf `index` in the tree of `size` leaves, the leaf's sibling first.
///
/// # Errors
/// [`ProofError`]
pub fn inclusion<B: AsRef<[u8]>>(
    index: u64,
    size: u64,
    tiles: &impl Fn(TileId) -> Option<B>,
) -> Result<Vec<Hash>, ProofError> {
    if index >= size {
        return Err(ProofError::OutOfRange { position: index, size });
    }
    inclusion_ranges(index, size).into_iter().map(|range| range_root(range, tiles)).collect()
}

/// The proof that the tree of `new` leaves begins with the tree of `old` leaves.
///
/// It is empty if they are equal or `old` is 0.
///
/// # Errors
/// [`ProofError`]
pub fn consistency<B: AsRef<[u8]>>(
    old: u64,
    new: u64,
    tiles: &impl Fn(TileId) -> Option<B>,
) -> Result<Vec<Hash>, ProofError> {
    if old > new {
        return Err(ProofError::OutOfRange { position: old, size: new });
    }
    consistency_ranges(old, new).into_iter().map(|range| range_root(range, tiles)).collect()
}

/// The root of the first `size` leaves.
///
/// # Errors
/// [`ProofError::MissingTile`], [`ProofError::ShortTile`]
pub fn root_at<B: AsRef<[u8]>>(size: u64, tiles: &impl Fn(TileId) -> Option<B>) -> Result<Hash, ProofError> {
    range_root((0, size), tiles)
}

/// The tiles that [`inclusion`] reads, sorted and without repetition.
///
/// The list is empty if there is no such leaf.
#[must_use]
pub fn tiles_for_inclusion(index: u64, size: u64) -> Vec<TileId> {
    tiles_of(&inclusion_ranges(index, size))
}

/// The tiles that [`consistency`] reads, sorted and without repetition.
///
/// The list is empty if `old` is larger than `new`.
#[must_use]
pub fn tiles_for_consistency(old: u64, new: u64) -> Vec<TileId> {
    tiles_of(&consistency_ranges(old, new))
}

/// The tiles that [`root_at`] reads, sorted and without repetition.
#[must_use]
pub fn tiles_for_root(size: u64) -> Vec<TileId> {
    tiles_of(&[(0, size)])
}

/// Verifies that `leaf` is the leaf `index` of the tree of `size` leaves with this `root`.
///
/// The algorithm is that of RFC 9162, section 2.1.3.2.
///
/// # Errors
/// [`VerifyError`]
pub fn verify_inclusion(
    leaf: Hash,
    index: u64,
    size: u64,
    path: &[Hash],
    root: Hash,
) -> Result<(), VerifyError> {
    if index >= size {
        return Err(VerifyError::OutOfRange);
    }
    let mut node = index;
    let mut last = size - 1;
    let mut hash = leaf;
    for sibling in path {
        if last == 0 {
            return Err(VerifyError::WrongLength);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // A last node without a sibling rises unchanged to the level where it has one.
            let levels = if node & 1 == 1 { 0 } else { node.trailing_zeros() };
            node = node.checked_shr(levels).unwrap_or(0);
            last = last.checked_shr(levels).unwrap_or(0);
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(VerifyError::WrongLength);
    }
    if hash == root { Ok(()) } else { Err(VerifyError::RootMismatch) }
}

/// Verifies that the tree of `new` leaves begins with the tree of `old` leaves.
///
/// The algorithm is that of RFC 9162, section 2.1.4.2. Every tree begins with the empty tree.
///
/// # Errors
/// [`VerifyError`]
pub fn verify_consistency(
    old: u64,
    old_root: Hash,
    new: u64,
    new_root: Hash,
    path: &[Hash],
) -> Result<(), VerifyError> {
    if old > new {
        return Err(VerifyError::OutOfRange);
    }
    if old == 0 || old == new {
        let expected = if old == new { new_root } else { empty_root() };
        return match path {
            [] if old_root == expected => Ok(()),
            [] => Err(VerifyError::RootMismatch),
            _ => Err(VerifyError::WrongLength),
        };
    }
    // The first hash of the path is the root of the old tree's last perfect subtree. It is left out
    // if this subtree is the whole old tree.
    let (mut old_hash, path) = match path {
        path if old.is_power_of_two() => (old_root, path),
        [first, path @ ..] => (*first, path),
        [] => return Err(VerifyError::WrongLength),
    };
    let mut new_hash = old_hash;
    let rising = (old - 1).trailing_ones();
    let mut node = (old - 1).checked_shr(rising).unwrap_or(0);
    let mut last = (new - 1).checked_shr(rising).unwrap_or(0);
    for sibling in path {
        if last == 0 {
            return Err(VerifyError::WrongLength);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            let levels = if node & 1 == 1 { 0 } else { node.trailing_zeros() };
            node = node.checked_shr(levels).unwrap_or(0);
            last = last.checked_shr(levels).unwrap_or(0);
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(VerifyError::WrongLength);
    }
    if old_hash == old_root && new_hash == new_root { Ok(()) } else { Err(VerifyError::RootMismatch) }
}

/// The largest power of two smaller than `length`, which is at least 2.
fn split(length: u64) -> u64 {
    1 << (length - 1).ilog2()
}

/// The siblings of the nodes between the leaf and the root, from the leaf up.
fn inclusion_ranges(index: u64, size: u64) -> Vec<Range> {
    let mut ranges = Vec::new();
    if index >= size {
        return ranges;
    }
    let (mut start, mut end) = (0, size);
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((start, middle));
            start = middle;
        }
    }
    ranges.reverse();
    ranges
}

/// `PROOF(old, D[new])` of RFC 6962, section 2.1.2.
fn consistency_ranges(old: u64, new: u64) -> Vec<Range> {
    let mut ranges = Vec::new();
    if old == 0 || old >= new {
        return ranges;
    }
    let (mut start, mut end) = (0, new);
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((start, middle));
            start = middle;
        }
    }
    // The verifier knows this root if the subtree is the whole old tree.
    if start > 0 {
        ranges.push((start, end));
    }
    ranges.reverse();
    ranges
}

/// A perfect subtree, as `width` hashes of one tile from `offset` on.
struct Subtree {
    tile: TileId,
    offset: usize,
    width: usize,
}

/// The perfect subtrees of a range, largest first.
///
/// A range of the tree starts at a multiple of its largest subtree's width.
fn subtrees((mut start, end): Range) -> impl Iterator<Item = Subtree> {
    std::iter::from_fn(move || {
        let height = u8::try_from(end.checked_sub(start)?.checked_ilog2()?).ok()?;
        // A subtree of height 8 is one hash at the next level of tiles.
        let level = height / TILE_HEIGHT;
        let first = start >> (u32::from(level) * u32::from(TILE_HEIGHT));
        let subtree = Subtree {
            tile: TileId { level, number: first / u64::from(TILE_WIDTH) },
            offset: usize::try_from(first % u64::from(TILE_WIDTH)).ok()?,
            width: 1 << (height % TILE_HEIGHT),
        };
        start += 1 << height;
        Some(subtree)
    })
}

fn tiles_of(ranges: &[Range]) -> Vec<TileId> {
    let tiles: BTreeSet<TileId> =
        ranges.iter().flat_map(|range| subtrees(*range)).map(|subtree| subtree.tile).collect();
    tiles.into_iter().collect()
}

fn range_root<B: AsRef<[u8]>>(
    range: Range,
    tiles: &impl Fn(TileId) -> Option<B>,
) -> Result<Hash, ProofError> {
    let mut roots = Vec::new();
    for Subtree { tile, offset, width } in subtrees(range) {
        let bytes = tiles(tile).ok_or(ProofError::MissingTile(tile))?;
        let (hashes, _) = bytes.as_ref().as_chunks::<HASH_LENGTH>();
        let root = hashes.get(offset..offset + width).and_then(perfect_root);
        roots.push(root.ok_or(ProofError::ShortTile(tile))?);
    }
    let mut roots = roots.iter().rev();
    let Some(last) = roots.next() else { return Ok(empty_root()) };
    Ok(roots.fold(*last, |right, left| node_hash(left, &right)))
}
