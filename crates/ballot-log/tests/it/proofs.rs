//! Proofs from tiles are equal to those of the plain recursion, they verify, and other proofs do
//! not.

use std::cell::RefCell;

use acclaim_ballot_log::{
    Checkpoint, Hash, Receipt, ReceiptError, SigningKey, TileId, Tree,
    proof::{self, MAX_PROOF_LENGTH, ProofError, VerifyError, verify_consistency, verify_inclusion},
};
use proptest::prelude::*;

use crate::log::{Tiles, grown, leaf, naive_path, naive_proof, naive_root};

fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(leaf).collect()
}

fn length(size: u64) -> usize {
    usize::try_from(size).unwrap()
}

/// Runs `prove` over tiles and checks that it reads exactly the tiles in `needed`.
fn prove_with_tiles<T>(
    tiles: &Tiles,
    size: u64,
    needed: &[TileId],
    prove: impl Fn(&dyn Fn(TileId) -> Option<Vec<u8>>) -> T,
) -> T {
    let reads = RefCell::new(Vec::new());
    let serve = tiles.at(size);
    let proof = prove(&|id| {
        reads.borrow_mut().push(id);
        serve(id)
    });
    let mut reads = reads.into_inner();
    reads.sort_unstable();
    reads.dedup();
    assert_eq!(reads, needed);
    proof
}

fn check_inclusion(index: u64, size: u64, tiles: &Tiles, leaves: &[Hash]) {
    let needed = proof::tiles_for_inclusion(index, size);
    let path = prove_with_tiles(tiles, size, &needed, |serve| proof::inclusion(index, size, &serve)).unwrap();
    assert_eq!(path, naive_path(length(index), leaves), "{index} in {size}");
    assert_eq!(
        verify_inclusion(leaf(index), index, size, &path, naive_root(leaves)),
        Ok(()),
        "{index} in {size}"
    );
}

fn check_consistency(old: u64, new: u64, tiles: &Tiles, leaves: &[Hash]) {
    let needed = proof::tiles_for_consistency(old, new);
    let path = prove_with_tiles(tiles, new, &needed, |serve| proof::consistency(old, new, &serve)).unwrap();
    let naive = if old == 0 { Vec::new() } else { naive_proof(length(old), leaves) };
    assert_eq!(path, naive, "{old} to {new}");
    let (old_root, new_root) = (naive_root(&leaves[..length(old)]), naive_root(leaves));
    assert_eq!(verify_consistency(old, old_root, new, new_root, &path), Ok(()), "{old} to {new}");
}

#[test]
fn every_proof_of_every_small_tree_is_that_of_the_recursion() {
    let (_, tiles) = grown(70);
    let leaves = leaves(70);
    for size in 0..=70 {
        let leaves = &leaves[..length(size)];
        let root = prove_with_tiles(&tiles, size, &proof::tiles_for_root(size), |serve| {
            proof::root_at(size, &serve)
        });
        assert_eq!(root, Ok(naive_root(leaves)));
        for index in 0..size {
            check_inclusion(index, size, &tiles, leaves);
        }
        for old in 0..=size {
            check_consistency(old, size, &tiles, leaves);
        }
    }
}

#[test]
fn proofs_of_several_levels_of_tiles_are_those_of_the_recursion() {
    let (_, tiles) = grown(66_000);
    let leaves = leaves(66_000);
    // The recursion hashes the whole tree each time. So the test uses a few positions that differ
    // in their tile levels.
    for (size, positions) in [(65_536, [255, 65_535]), (65_537, [0, 65_536]), (66_000, [65_279, 65_793])] {
        let leaves = &leaves[..length(size)];
        for position in positions {
            check_inclusion(position, size, &tiles, leaves);
            check_consistency(position, size, &tiles, leaves);
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_is_refused() {
    let (tree, tiles) = grown(300);
    let root = tree.root();
    let flip = |hash: Hash, bit: usize| {
        let mut bytes = hash.0;
        bytes[bit / 8] ^= 1 << (bit % 8);
        Hash(bytes)
    };
    for index in [0, 255, 256, 299] {
        let path = proof::inclusion(index, 300, &tiles.at(300)).unwrap();
        for bit in 0..256 {
            assert!(verify_inclusion(flip(leaf(index), bit), index, 300, &path, root).is_err());
            assert!(verify_inclusion(leaf(index), index, 300, &path, flip(root, bit)).is_err());
            for position in 0..path.len() {
                let mut path = path.clone();
                path[position] = flip(path[position], bit);
                assert!(verify_inclusion(leaf(index), index, 300, &path, root).is_err());
            }
        }
        for other in (0..400).filter(|other| *other != index) {
            assert!(verify_inclusion(leaf(index), other, 300, &path, root).is_err(), "{index} as {other}");
        }
    }
    for old in [1, 128, 200, 256, 299] {
        let old_root = proof::root_at(old, &tiles.at(old)).unwrap();
        let path = proof::consistency(old, 300, &tiles.at(300)).unwrap();
        for bit in 0..256 {
            assert!(verify_consistency(old, flip(old_root, bit), 300, root, &path).is_err());
            assert!(verify_consistency(old, old_root, 300, flip(root, bit), &path).is_err());
            for position in 0..path.len() {
                let mut path = path.clone();
                path[position] = flip(path[position], bit);
                assert!(verify_consistency(old, old_root, 300, root, &path).is_err());
            }
        }
    }
}

#[test]
fn proofs_of_another_length_are_refused() {
    let (tree, tiles) = grown(300);
    let root = tree.root();
    let path = proof::inclusion(77, 300, &tiles.at(300)).unwrap();
    let longer = [path.as_slice(), &[root]].concat();
    for other in [&[][..], &path[1..], &path[..path.len() - 1], &longer] {
        assert!(verify_inclusion(leaf(77), 77, 300, other, root).is_err());
    }
    assert_eq!(verify_inclusion(leaf(77), 77, 300, &longer, root), Err(VerifyError::WrongLength));
    assert_eq!(verify_inclusion(leaf(300), 300, 300, &path, root), Err(VerifyError::OutOfRange));

    for old in [200, 256] {
        let old_root = proof::root_at(old, &tiles.at(old)).unwrap();
        let path = proof::consistency(old, 300, &tiles.at(300)).unwrap();
        let longer = [path.as_slice(), &[root]].concat();
        for other in [&[][..], &path[1..], &path[..path.len() - 1], &longer] {
            assert!(verify_consistency(old, old_root, 300, root, other).is_err());
        }
    }
    assert_eq!(verify_consistency(300, root, 300, root, &[root]), Err(VerifyError::WrongLength));
    assert_eq!(verify_consistency(300, leaf(0), 300, root, &[]), Err(VerifyError::RootMismatch));
    assert_eq!(verify_consistency(301, root, 300, root, &[]), Err(VerifyError::OutOfRange));
    assert_eq!(verify_consistency(0, root, 300, root, &[]), Err(VerifyError::RootMismatch));
    assert_eq!(verify_consistency(0, Tree::new().root(), 300, root, &[root]), Err(VerifyError::WrongLength));
}

#[test]
fn missing_and_short_tiles_are_named() {
    let (_, tiles) = grown(300);
    let edge = TileId { level: 0, number: 1 };
    let without = |id: TileId| if id == edge { None } else { tiles.at(300)(id) };
    assert_eq!(proof::inclusion(299, 300, &without), Err(ProofError::MissingTile(edge)));
    assert_eq!(proof::consistency(270, 300, &without), Err(ProofError::MissingTile(edge)));
    let short = |id: TileId| {
        tiles.at(300)(id).map(|bytes| if id == edge { bytes[..43 * 32 + 31].to_vec() } else { bytes })
    };
    assert_eq!(proof::root_at(300, &short), Err(ProofError::ShortTile(edge)));
    let out_of_range = |position| Err(ProofError::OutOfRange { position, size: 300 });
    assert_eq!(proof::inclusion(300, 300, &tiles.at(300)), out_of_range(300));
    assert_eq!(proof::consistency(301, 300, &tiles.at(300)), out_of_range(301));
}

/// Sizes and indexes that are often at the ends of the range.
fn extreme() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0..5_u64,
        (u64::MAX - 5)..=u64::MAX,
        (0..64_u32, 0..3_u64).prop_map(|(bit, less)| (1_u64 << bit).saturating_sub(less))
    ]
}

proptest! {
    #[test]
    fn extreme_sizes_do_not_panic(a in extreme(), b in extreme(), hashes in prop::collection::vec(any::<[u8; 32]>(), 0..70)) {
        let path: Vec<Hash> = hashes.into_iter().map(Hash).collect();
        prop_assert!(verify_inclusion(leaf(0), a, b, &path, leaf(1)).is_err());
        prop_assert!(verify_consistency(a, leaf(0), b, leaf(1), &path).is_err());
        let full = |_| Some(vec![7; 256 * 32]);
        for needed in [proof::tiles_for_inclusion(a, b), proof::tiles_for_consistency(a, b), proof::tiles_for_root(a)] {
            prop_assert!(needed.len() <= 256);
        }
        for tile in proof::tiles_for_inclusion(a, b).into_iter().chain(proof::tiles_for_consistency(a, b)) {
            prop_assert!(tile.width_at(b) > 0);
        }
        // With identical tiles, proofs are false but have the correct length.
        prop_assert_eq!(proof::inclusion(a, b, &full).is_ok(), a < b);
        if let Ok(path) = proof::inclusion(a, b, &full) {
            prop_assert!(path.len() < MAX_PROOF_LENGTH);
            prop_assert_eq!(verify_inclusion(leaf(0), a, b, &path, leaf(1)), Err(VerifyError::RootMismatch));
        }
        prop_assert_eq!(proof::consistency(a, b, &full).is_ok(), a <= b);
        if let Ok(path) = proof::consistency(a, b, &full) {
            prop_assert!(path.len() <= MAX_PROOF_LENGTH);
            prop_assert_eq!(verify_consistency(a, leaf(0), b, leaf(1), &path), Err(VerifyError::RootMismatch));
        }
        prop_assert!(proof::root_at(a, &full).is_ok());
    }

    #[test]
    fn receipt_survives_round_trip_and_verifies(size in 1_u64..700, index: u64) {
        let index = index % size;
        let (tree, tiles) = grown(size);
        let key = SigningKey::from_seed("vote.example.org/c", &[5; 32]).unwrap();
        let path = proof::inclusion(index, size, &tiles.at(size)).unwrap();
        let receipt = Receipt { extra: None, index, path, checkpoint: key.sign(size, tree.root()) };
        let text = receipt.to_string();
        prop_assert_eq!(text.parse(), Ok(receipt.clone()));
        let checkpoint = Checkpoint { origin: "vote.example.org/c".to_owned(), size, root: tree.root() };
        prop_assert_eq!(receipt.verify(leaf(index), key.verifier()), Ok(checkpoint));
        let other_leaf = receipt.verify(leaf(index + 1), key.verifier());
        prop_assert_eq!(other_leaf, Err(ReceiptError::Proof(VerifyError::RootMismatch)));
        let other_key = SigningKey::from_seed("vote.example.org/d", &[5; 32]).unwrap();
        prop_assert!(receipt.verify(leaf(index), other_key.verifier()).is_err());
    }
}
