//! Helpers of the tests: a log's leaves, the plain recursion of RFC 6962, and a store of tiles.

use std::collections::HashMap;

use acclaim_ballot_log::{
    Hash, TileId, Tree, empty_root,
    hash::{leaf_hash, node_hash},
};

/// The leaf of the tests at an index.
pub(crate) fn leaf(index: u64) -> Hash {
    leaf_hash(&index.to_be_bytes())
}

/// `MTH(D[n])` of RFC 6962, section 2.1, implemented literally.
pub(crate) fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [single] => *single,
        _ => {
            let (left, right) = leaves.split_at(naive_split(leaves.len()));
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

/// `PATH(m, D[n])` of RFC 6962, section 2.1.1, implemented literally.
pub(crate) fn naive_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(naive_split(leaves.len()));
    let (mut path, sibling) = if index < left.len() {
        (naive_path(index, left), right)
    } else {
        (naive_path(index - left.len(), right), left)
    };
    path.push(naive_root(sibling));
    path
}

/// `PROOF(m, D[n])` of RFC 6962, section 2.1.2, implemented literally.
pub(crate) fn naive_proof(old: usize, leaves: &[Hash]) -> Vec<Hash> {
    naive_subproof(old, leaves, true)
}

fn naive_subproof(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole { Vec::new() } else { vec![naive_root(leaves)] };
    }
    let (left, right) = leaves.split_at(naive_split(leaves.len()));
    let (mut proof, sibling) = if old <= left.len() {
        (naive_subproof(old, left, whole), right)
    } else {
        (naive_subproof(old - left.len(), right, false), left)
    };
    proof.push(naive_root(sibling));
    proof
}

fn naive_split(length: usize) -> usize {
    let mut split = 1;
    while split * 2 < length {
        split *= 2;
    }
    split
}

/// A store of tiles, each with the content last reported.
#[derive(Default, Clone)]
pub(crate) struct Tiles(pub(crate) HashMap<TileId, Vec<u8>>);

impl Tiles {
    pub(crate) fn take_from(&mut self, tree: &mut Tree) {
        self.0.extend(tree.changed_tiles());
    }

    /// The tiles as a store serves them for a log of `size` entries.
    pub(crate) fn at(&self, size: u64) -> impl Fn(TileId) -> Option<Vec<u8>> {
        move |id| {
            let width = usize::from(id.width_at(size));
            self.0.get(&id).map(|bytes| bytes[..width * 32].to_vec())
        }
    }
}

/// A tree of `size` leaves with all its tiles.
pub(crate) fn grown(size: u64) -> (Tree, Tiles) {
    let mut tree = Tree::new();
    let mut tiles = Tiles::default();
    for index in 0..size {
        assert_eq!(tree.append(leaf(index)), index);
    }
    tiles.take_from(&mut tree);
    (tree, tiles)
}
