//! The Merkle tree of a growing log (RFC 6962, section 2.1).
//!
//! It keeps only the roots of the perfect subtrees at its right edge, and the tiles that are not
//! full yet. So its memory does not grow with the log.

use std::mem;

use crate::{
    hash::{Hash, empty_root, node_hash},
    tile::{TILE_HEIGHT, TILE_LENGTH, TileId},
};

/// A log's Merkle tree, for appending.
#[derive(Debug, Clone)]
pub struct Tree {
    size: u64,
    /// Roots of the perfect subtrees, largest first. There is one for each bit that is set in
    /// `size`.
    frontier: Vec<Hash>,
    /// The tile that is being filled, by level.
    open: Vec<OpenTile>,
    /// Tiles filled since the last call of [`Tree::changed_tiles`].
    filled: Vec<(TileId, Vec<u8>)>,
    keeps_tiles: bool,
}

/// A tile that is being filled.
#[derive(Debug, Clone, Default)]
struct OpenTile {
    number: u64,
    bytes: Vec<u8>,
    /// Number of bytes that the last call of [`Tree::changed_tiles`] has returned.
    reported: usize,
}

impl Tree {
    /// The empty tree. Full tiles stay in memory until [`Tree::changed_tiles`] takes them.
    #[must_use]
    pub fn new() -> Self {
        Self { size: 0, frontier: Vec::new(), open: Vec::new(), filled: Vec::new(), keeps_tiles: true }
    }

    /// The empty tree for callers that need only roots, for example an auditor.
    ///
    /// It has no tiles, and [`Tree::changed_tiles`] is always empty. Its memory is a few hashes for
    /// a log of any length.
    #[must_use]
    pub fn without_tiles() -> Self {
        Self { keeps_tiles: false, ..Self::new() }
    }

    /// Appends a leaf and returns its index.
    pub fn append(&mut self, leaf: Hash) -> u64 {
        let index = self.size;
        self.size += 1;
        self.put(0, &leaf);
        // Adding one to the size carries over its lowest set bits. The same number of subtrees
        // merge into one.
        let mut hash = leaf;
        for height in 1..=index.trailing_ones() {
            let Some(left) = self.frontier.pop() else { break };
            hash = node_hash(&left, &hash);
            if height % u32::from(TILE_HEIGHT) == 0 {
                self.put(height / u32::from(TILE_HEIGHT), &hash);
            }
        }
        self.frontier.push(hash);
        index
    }

    /// Appends a whole subtree of 2^`height` leaves by its root.
    ///
    /// The root may come from another thread. It returns `false` and changes nothing unless the
    /// size is a multiple of 2^`height` and the tree keeps no tiles.
    #[must_use]
    pub fn append_subtree(&mut self, height: u32, root: Hash) -> bool {
        let Some(leaves) = 1_u64.checked_shl(height) else { return false };
        if self.keeps_tiles || !self.size.is_multiple_of(leaves) {
            return false;
        }
        let merged = (self.size / leaves).trailing_ones();
        self.size += leaves;
        let mut hash = root;
        for _ in 0..merged {
            let Some(left) = self.frontier.pop() else { break };
            hash = node_hash(&left, &hash);
        }
        self.frontier.push(hash);
        true
    }

    /// Appends a hash to the open tile of a level.
    fn put(&mut self, level: u32, hash: &Hash) {
        if !self.keeps_tiles {
            return;
        }
        // A tree has no more than eight levels of tiles.
        let (Ok(level), Ok(position)) = (u8::try_from(level), usize::try_from(level)) else { return };
        if self.open.len() <= position {
            self.open.resize_with(position + 1, OpenTile::default);
        }
        let Some(tile) = self.open.get_mut(position) else { return };
        tile.bytes.extend_from_slice(&hash.0);
        if tile.bytes.len() == TILE_LENGTH {
            let id = TileId { level, number: tile.number };
            self.filled.push((id, mem::take(&mut tile.bytes)));
            *tile = OpenTile { number: id.number + 1, ..OpenTile::default() };
        }
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the current tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut subtrees = self.frontier.iter().rev();
        let Some(last) = subtrees.next() else { return empty_root() };
        subtrees.fold(*last, |right, left| node_hash(left, &right))
    }

    /// The tiles that were filled or have grown since the last call, each with all its bytes.
    ///
    /// A full tile is returned once. The others are returned with their current width. Store the
    /// tiles before the checkpoint that covers them.
    pub fn changed_tiles(&mut self) -> Vec<(TileId, Vec<u8>)> {
        let mut changed = mem::take(&mut self.filled);
        for (level, tile) in (0..=u8::MAX).zip(&mut self.open) {
            if tile.bytes.len() > tile.reported {
                tile.reported = tile.bytes.len();
                changed.push((TileId { level, number: tile.number }, tile.bytes.clone()));
            }
        }
        changed
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}
