//! The Merkle tree of a growing log (RFC 6962, section 2.1). It keeps the roots of the perfect subtrees at its right edge and the
//! tiles that are not full yet, so its memory does not grow with the log.

use std::mem;

use crate::hash::{HASH_LENGTH, Hash, empty_root, node_hash};
use crate::tile::{TILE_HEIGHT, TILE_LENGTH, TILE_WIDTH, TileId, hashes_at, perfect_root};

/// The largest tree that can be resumed. No log gets there; sizes beyond it can only be a mistake.
pub const MAX_SIZE: u64 = 1 << 56;

/// Why a tree cannot be resumed from its tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// Larger than [`MAX_SIZE`].
    #[error("a log of {0} entries is larger than any")]
    TooLarge(u64),
    /// A tile at the right edge is not there.
    #[error("tile {} of level {} is missing", .0.number, .0.level)]
    MissingTile(TileId),
    /// A tile at the right edge has fewer hashes than the size says, or is no row of hashes.
    #[error("tile {} of level {} has a length that does not fit the size", .0.number, .0.level)]
    WrongLength(TileId),
}

/// A log's Merkle tree, to append to.
#[derive(Debug, Clone)]
pub struct Tree {
    size: u64,
    /// Roots of the perfect subtrees, largest first: one for each bit that is set in `size`.
    frontier: Vec<Hash>,
    /// By level: the tile being filled.
    open: Vec<OpenTile>,
    /// Tiles filled since the last call of [`Tree::changed_tiles`].
    filled: Vec<(TileId, Vec<u8>)>,
    keeps_tiles: bool,
}

/// A tile being filled.
#[derive(Debug, Clone, Default)]
struct OpenTile {
    number: u64,
    bytes: Vec<u8>,
    /// How many of the bytes the last call of [`Tree::changed_tiles`] has returned.
    reported: usize,
}

impl Tree {
    /// The empty tree. Full tiles wait in memory until [`Tree::changed_tiles`] takes them.
    #[must_use]
    pub fn new() -> Self {
        Self { size: 0, frontier: Vec::new(), open: Vec::new(), filled: Vec::new(), keeps_tiles: true }
    }

    /// The empty tree for one who wants roots only, such as an auditor: it has no tiles, [`Tree::changed_tiles`] is always empty,
    /// and its memory is a few hashes however long the log.
    #[must_use]
    pub fn without_tiles() -> Self {
        Self { keeps_tiles: false, ..Self::new() }
    }

    /// The tree of `size` entries, from the tiles at its right edge: at each level the one that is not full. `tiles` is asked for just these.
    /// A stored tile may be wider than the tree of this size needs.
    ///
    /// # Errors
    /// [`TreeError`]. Whether the tiles are the right ones only the root can tell: compare it with the checkpoint's.
    pub fn resume(size: u64, mut tiles: impl FnMut(TileId) -> Option<Vec<u8>>) -> Result<Self, TreeError> {
        if size > MAX_SIZE {
            return Err(TreeError::TooLarge(size));
        }
        let mut tree = Self { size, ..Self::new() };
        for id in Self::edge(size) {
            let width = usize::from(id.width_at(size));
            let mut bytes = Vec::new();
            if width > 0 {
                bytes = tiles(id).ok_or(TreeError::MissingTile(id))?;
                if bytes.len() > TILE_LENGTH
                    || bytes.len() % HASH_LENGTH != 0
                    || bytes.len() < width * HASH_LENGTH
                {
                    return Err(TreeError::WrongLength(id));
                }
                bytes.truncate(width * HASH_LENGTH);
            }
            tree.open.push(OpenTile { number: id.number, reported: bytes.len(), bytes });
        }
        for tile in tree.open.iter().rev() {
            let (mut rest, _) = tile.bytes.as_chunks::<HASH_LENGTH>();
            for bit in (0..TILE_HEIGHT).rev() {
                if rest.len() >> bit & 1 == 1
                    && let Some((subtree, tail)) = rest.split_at_checked(1 << bit)
                {
                    tree.frontier.extend(perfect_root(subtree));
                    rest = tail;
                }
            }
        }
        Ok(tree)
    }

    /// The tiles that [`Tree::resume`] asks for at this size, so that they can be fetched beforehand.
    #[must_use]
    pub fn tiles_to_resume(size: u64) -> Vec<TileId> {
        Self::edge(size).filter(|id| id.width_at(size) > 0).collect()
    }

    /// The tile at each level that is not full, even if it has no hash yet.
    fn edge(size: u64) -> impl Iterator<Item = TileId> {
        (0..=u8::MAX)
            .map(move |level| (level, hashes_at(size, level)))
            .take_while(|(_, hashes)| *hashes > 0)
            .map(|(level, hashes)| TileId { level, number: hashes / u64::from(TILE_WIDTH) })
    }

    /// Appends a leaf and returns its index.
    pub fn append(&mut self, leaf: Hash) -> u64 {
        let index = self.size;
        self.size += 1;
        self.put(0, &leaf);
        // Adding one to the size carries over its lowest set bits: as many subtrees merge into one.
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

    /// Appends a whole subtree of 2^`height` leaves by its root, which may have been computed on another thread. `false`, and nothing is done,
    /// unless the size is a multiple of so many leaves and the tree keeps no tiles.
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

    /// Puts a hash into the open tile of a level.
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

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree as it is.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut subtrees = self.frontier.iter().rev();
        let Some(last) = subtrees.next() else { return empty_root() };
        subtrees.fold(*last, |right, left| node_hash(left, &right))
    }

    /// The tiles that were filled or have grown since the last call, each with all its bytes: full ones once, the others
    /// as wide as they are. Store them before the checkpoint that covers them.
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
