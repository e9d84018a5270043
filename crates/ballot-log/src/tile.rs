//! Tiles: the stored form of the tree, after C2SP tlog-tiles.
//!
//! A tile of level L and number N has up to 256 hashes. They are leaves at level 0, and roots of
//! full tiles of level L - 1 at the levels above. Tiles and entry bundles are served under the
//! paths of this module.

use std::{fmt, str::FromStr};

use crate::hash::{HASH_LENGTH, Hash, node_hash};

/// Number of hashes in a full tile, and of entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;

/// Length of a full tile, in bytes.
pub const TILE_LENGTH: usize = TILE_WIDTH as usize * HASH_LENGTH;

/// Number of tree levels in a tile: 256 is 2 to the power of 8.
pub const TILE_HEIGHT: u8 = 8;

/// The highest level in a tile's path.
const MAX_LEVEL: u8 = 63;

/// The id of a tile. It does not depend on the tile's current width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileId {
    /// The level; 0 for leaf hashes.
    pub level: u8,
    /// The position from the left, from 0.
    pub number: u64,
}

impl TileId {
    /// Number of hashes in the tile for a log of `size` entries.
    ///
    /// 0 if the tile does not exist, 256 if it is full.
    #[must_use]
    pub fn width_at(self, size: u64) -> u16 {
        width_at(hashes_at(size, self.level), self.number)
    }

    /// The path of the tile when it has `width` hashes.
    #[must_use]
    pub fn path(self, width: u16) -> TilePath {
        TilePath { kind: TileKind::Hashes(self.level), number: self.number, width }
    }
}

/// Number of entries in bundle `number` for a log of `size` entries.
///
/// 0 if the bundle does not exist, 256 if it is full.
#[must_use]
pub fn bundle_width_at(number: u64, size: u64) -> u16 {
    width_at(size, number)
}

/// Total number of hashes in all tiles of a level.
pub(crate) fn hashes_at(size: u64, level: u8) -> u64 {
    size.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0)
}

fn width_at(hashes: u64, number: u64) -> u16 {
    let before = number.checked_mul(TILE_WIDTH.into());
    let width = before.map_or(0, |before| hashes.saturating_sub(before)).min(TILE_WIDTH.into());
    // The width is at most 256.
    u16::try_from(width).unwrap_or(TILE_WIDTH)
}

/// The root of a perfect subtree over `hashes`, whose number is a power of two.
///
/// `None` if there are no hashes.
#[must_use]
pub fn perfect_root(hashes: &[[u8; HASH_LENGTH]]) -> Option<Hash> {
    if let [single] = hashes {
        return Some(Hash(*single));
    }
    if hashes.is_empty() {
        return None;
    }
    let (left, right) = hashes.split_at(hashes.len() / 2);
    Some(node_hash(&perfect_root(left)?, &perfect_root(right)?))
}

/// The content at a [`TilePath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TileKind {
    /// Hashes of this level.
    Hashes(u8),
    /// Entries.
    Entries,
}

/// The path of a tile or entry bundle: `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`.
///
/// Each path has one spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TilePath {
    /// The content at the path.
    pub kind: TileKind,
    /// The position from the left, from 0.
    pub number: u64,
    /// Number of hashes or entries: 1 to 255 if partial, 256 if full.
    pub width: u16,
}

/// Why a text is not a [`TilePath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the path of a tile")]
pub struct InvalidTilePath;

impl FromStr for TilePath {
    type Err = InvalidTilePath;

    fn from_str(text: &str) -> Result<Self, InvalidTilePath> {
        let path = parse(text).ok_or(InvalidTilePath)?;
        // This refuses leading zeros, signs, and groups of zeros at the start.
        if path.to_string() == text { Ok(path) } else { Err(InvalidTilePath) }
    }
}

fn parse(text: &str) -> Option<TilePath> {
    // No path is longer: there is one x-group for each three digits of a u64.
    if text.len() > 60 {
        return None;
    }
    let (kind, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let kind = match kind {
        "entries" => TileKind::Entries,
        level => TileKind::Hashes(level.parse().ok().filter(|level| *level <= MAX_LEVEL)?),
    };
    let (groups, width) = match rest.split_once(".p/") {
        Some((groups, width)) => {
            (groups, width.parse().ok().filter(|width| (1..TILE_WIDTH).contains(width))?)
        }
        None => (rest, TILE_WIDTH),
    };
    let mut number = 0_u64;
    for group in groups.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        let value: u64 = digits.parse().ok().filter(|_| digits.len() == 3)?;
        number = number.checked_mul(1000)?.checked_add(value)?;
    }
    Some(TilePath { kind, number, width })
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes(level) => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
        }
        // The largest power of 1,000 that is not larger than the number, so that the first group
        // has a digit.
        let mut scale = 1_u64;
        while self.number / scale >= 1000 {
            scale *= 1000;
        }
        while scale > 1 {
            write!(f, "x{:03}/", self.number / scale % 1000)?;
            scale /= 1000;
        }
        write!(f, "{:03}", self.number % 1000)?;
        if self.width == TILE_WIDTH { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_follow_from_the_size() {
        let width = |level, number, size| TileId { level, number }.width_at(size);
        assert_eq!([width(0, 0, 0), width(0, 0, 1), width(0, 0, 256), width(0, 1, 256)], [0, 1, 256, 0]);
        assert_eq!(
            [width(1, 0, 255), width(1, 0, 256), width(1, 0, 65_536), width(2, 0, 65_536)],
            [0, 1, 256, 1]
        );
        assert_eq!(
            [width(7, 0, u64::MAX), width(8, 0, u64::MAX), width(63, 0, u64::MAX), width(255, 0, u64::MAX)],
            [255, 0, 0, 0]
        );
        assert_eq!([width(0, u64::MAX, u64::MAX), width(0, u64::MAX >> 8, u64::MAX)], [0, 255]);
        assert_eq!([bundle_width_at(0, 300), bundle_width_at(1, 300), bundle_width_at(2, 300)], [256, 44, 0]);
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        let path = |level, number, width| TileId { level, number }.path(width).to_string();
        assert_eq!(path(0, 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(path(5, 0, 1), "tile/5/000.p/1");
        assert_eq!(path(0, 1000, 255), "tile/0/x001/000.p/255");
        assert_eq!(path(0, u64::MAX, 256), "tile/0/x018/x446/x744/x073/x709/x551/615");
        let entries = TilePath { kind: TileKind::Entries, number: 999, width: 7 };
        assert_eq!(entries.to_string(), "tile/entries/999.p/7");
    }

    #[test]
    fn other_spellings_of_a_path_are_refused() {
        for bad in [
            "",
            "tile/0/",
            "tile/0/0",
            "tile/0/0000",
            "tile/0/x001",
            "tile/0/001/067",
            "tile/0/x000/067",
            "tile/0/x001/x067",
            "tile/0/x001//067",
            "tile/0/xx01/067",
            "tile/0/+01",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
            "tile/00/000",
            "tile/64/000",
            "tile/-1/000",
            "tile/+1/000",
            "tile/entry/000",
            "/tile/0/000",
            "tile/0/000/",
            "tile/0/000.p",
            "tile/0/000.p/",
            "tile/0/000.p/0",
            "tile/0/000.p/01",
            "tile/0/000.p/256",
            "tile/0/000.p/1.p/1",
            "tile/0/x001.p/1/067",
        ] {
            assert_eq!(bad.parse::<TilePath>(), Err(InvalidTilePath), "{bad}");
        }
    }
}
