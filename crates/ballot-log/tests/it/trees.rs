//! The growing tree, compared with the plain recursion, and its tiles with the definition of tiles.

use acclaim_ballot_log::{Hash, Tree, proof};
use proptest::prelude::*;

use crate::log::{Tiles, grown, leaf, naive_root};

const EDGE: u64 = 65_536;

#[test]
fn roots_are_those_of_the_recursion() {
    let leaves: Vec<Hash> = (0..600).map(leaf).collect();
    let mut tree = Tree::new();
    let mut bare = Tree::without_tiles();
    for size in 0..=600 {
        assert_eq!(tree.root(), naive_root(&leaves[..size]), "size {size}");
        assert_eq!(bare.root(), tree.root());
        if let Some(leaf) = leaves.get(size) {
            tree.append(*leaf);
            bare.append(*leaf);
        }
    }
    assert!(bare.changed_tiles().is_empty());
    assert_eq!(bare.size(), 600);
}

#[test]
fn roots_match_across_tile_levels() {
    let leaves: Vec<Hash> = (0..EDGE + 300).map(leaf).collect();
    let mut tree = Tree::new();
    let mut tiles = Tiles::default();
    for leaf in &leaves {
        tree.append(*leaf);
        let size = tree.size();
        if [EDGE - 257, EDGE - 256, EDGE - 1, EDGE, EDGE + 1, EDGE + 255, EDGE + 256, EDGE + 300]
            .contains(&size)
        {
            tiles.take_from(&mut tree);
            let root = naive_root(&leaves[..usize::try_from(size).unwrap()]);
            assert_eq!(tree.root(), root, "size {size}");
            assert_eq!(proof::root_at(size, &tiles.at(size)), Ok(root), "size {size}");
        }
    }
    // The store has exactly the tiles that the size requires, each with the required width.
    let size = tree.size();
    let expected: u64 = [size, size / 256, size / EDGE].map(|hashes| hashes.div_ceil(256)).iter().sum();
    assert_eq!(u64::try_from(tiles.0.len()).unwrap(), expected);
    for (id, bytes) in &tiles.0 {
        assert_eq!(bytes.len(), usize::from(id.width_at(size)) * 32, "{id:?}");
        for (position, hash) in bytes.chunks(32).enumerate() {
            let span = 256_usize.pow(id.level.into());
            let start = (usize::try_from(id.number).unwrap() * 256 + position) * span;
            assert_eq!(naive_root(&leaves[start..start + span]).0, hash, "{id:?} {position}");
        }
    }
}

proptest! {
    /// The stored tiles do not depend on when they are taken from the tree.
    #[test]
    fn tiles_do_not_depend_on_when_they_are_taken(steps in prop::collection::vec(0_u64..400, 1..8)) {
        let (mut tree, mut tiles) = (Tree::new(), Tiles::default());
        for step in steps {
            for _ in 0..step {
                tree.append(leaf(tree.size()));
            }
            let before = tiles.clone();
            for (id, bytes) in tree.changed_tiles() {
                prop_assert_eq!(bytes.len(), usize::from(id.width_at(tree.size())) * 32);
                let old = before.0.get(&id).map_or(&[][..], Vec::as_slice);
                prop_assert!(bytes.len() > old.len() && bytes.starts_with(old));
                tiles.0.insert(id, bytes);
            }
        }
        let (at_once, all) = grown(tree.size());
        prop_assert_eq!(tree.root(), at_once.root());
        prop_assert_eq!(tiles.0, all.0);
    }
}
