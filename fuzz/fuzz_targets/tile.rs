//! Paths of tiles, and tiles of any content: proofs are made within their length, or refused.

#![no_main]

use acclaim_ballot_log::{
    TileId, TilePath,
    proof::{MAX_PROOF_LENGTH, consistency, inclusion, root_at},
    tile::{TILE_LENGTH, TileKind},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, u64, u64, Vec<u8>)| {
    let (text, position, size, bytes) = input;
    if let Ok(path) = text.parse::<TilePath>() {
        assert_eq!(path.to_string(), text);
        if let TileKind::Hashes(level) = path.kind {
            let theirs = tlog_tiles::Tile::from_path(&text.replacen("tile/", "tile/8/", 1)).unwrap();
            assert_eq!(
                (theirs.level(), theirs.level_index(), theirs.width()),
                (level, path.number, path.width.into())
            );
        }
    }
    // All tiles have the same content, as from a store that answers with any bytes.
    let bytes = &bytes[..bytes.len().min(TILE_LENGTH)];
    let tiles = |_: TileId| Some(bytes);
    for proof in [inclusion(position, size, &tiles), consistency(position, size, &tiles)] {
        // An error means that the tiles are too short or that the position is outside the tree.
        assert!(proof.map_or(0, |proof| proof.len()) <= MAX_PROOF_LENGTH);
    }
    let _root_or_error = root_at(size, &tiles);
});
