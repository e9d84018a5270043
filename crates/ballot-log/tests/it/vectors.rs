//! The published vectors of both versions: a log with its hashes and roots, a checkpoint, a
//! receipt.
//!
//! A program without shared code made the vectors of version 2.

use acclaim_ballot_log::{
    Checkpoint, Hash, LogEntry, Receipt, SigningKey, Tree, VerifierKey, entry::Event, leaf_hash, proof,
};
use acclaim_contest::ContestId;

use crate::log::Tiles;

/// The published vectors of one version.
struct Vector {
    log: &'static str,
    expected: &'static str,
    checkpoint: &'static str,
    proof: &'static str,
    /// Index of the proof.
    index: usize,
}

const FIRST: Vector = Vector {
    log: include_str!("../vectors/log.jsonl"),
    expected: include_str!("../vectors/expected.json"),
    checkpoint: include_str!("../vectors/checkpoint"),
    proof: include_str!("../vectors/proof-index-6"),
    index: 6,
};

const SECOND: Vector = Vector {
    log: include_str!("../vectors/2/log.jsonl"),
    expected: include_str!("../vectors/2/expected.json"),
    checkpoint: include_str!("../vectors/2/checkpoint"),
    proof: include_str!("../vectors/2/proof-index-14"),
    index: 14,
};

const BOTH: [Vector; 2] = [FIRST, SECOND];

impl Vector {
    fn lines(&self) -> impl Iterator<Item = &'static [u8]> + use<> {
        self.log.strip_suffix('\n').unwrap().split('\n').map(str::as_bytes)
    }

    fn expected(&self) -> serde_json::Value {
        serde_json::from_str(self.expected).unwrap()
    }

    fn tree(&self) -> (Tree, Tiles) {
        let (mut tree, mut tiles) = (Tree::new(), Tiles::default());
        for line in self.lines() {
            tree.append(leaf_hash(line));
        }
        tiles.take_from(&mut tree);
        (tree, tiles)
    }

    fn keys(&self) -> (SigningKey, VerifierKey) {
        let expected = self.expected();
        let seed = hex::decode(expected["signing_seed_hex"].as_str().unwrap()).unwrap();
        let signing =
            SigningKey::from_seed("vote.example.org/photo-2021", &seed.try_into().unwrap()).unwrap();
        (signing, expected["vkey"].as_str().unwrap().parse().unwrap())
    }
}

/// The lines of both logs.
pub(crate) fn lines() -> impl Iterator<Item = &'static [u8]> {
    BOTH.into_iter().flat_map(|vector| vector.lines())
}

#[test]
fn every_line_decodes_and_encodes_to_itself() {
    let mut contest = None;
    for line in lines() {
        let entry = LogEntry::decode(line).unwrap();
        assert_eq!(entry.encode().unwrap(), line);
        match entry {
            LogEntry::Event(event, _) => {
                if let Event::Contest(header) = *event {
                    contest = Some(header.contest);
                }
            }
            LogEntry::Ballot(ballot) => {
                let contest: &ContestId = contest.as_ref().unwrap();
                assert_eq!(ballot.expected_id(contest), ballot.id);
                let mut again = b"before".to_vec();
                assert_eq!(ballot.as_new().write(contest, &mut again).unwrap(), ballot.id);
                assert_eq!(again.strip_prefix(b"before").unwrap(), line);
            }
        }
    }
}

#[test]
fn leaf_hashes_are_those_published() {
    for vector in BOTH {
        let expected = vector.expected();
        let leaves = expected["leaf_hashes_hex"].as_array().unwrap();
        assert_eq!(leaves.len(), vector.lines().count());
        for (line, leaf) in vector.lines().zip(leaves) {
            assert_eq!(hex::encode(leaf_hash(line).0), leaf.as_str().unwrap());
        }
    }
}

#[test]
fn all_roots_are_those_published() {
    BOTH.iter().for_each(check_roots);
}

fn check_roots(vector: &Vector) {
    let expected = vector.expected();
    let roots: Vec<&str> =
        expected["roots_hex"].as_array().unwrap().iter().map(|root| root.as_str().unwrap()).collect();
    assert_eq!(roots.len(), vector.lines().count() + 1);
    let mut growing = Tree::new();
    let (_, tiles) = vector.tree();
    for (size, root) in (0..).zip(&roots) {
        assert_eq!(hex::encode(growing.root().0), *root, "size {size}");
        assert_eq!(hex::encode(proof::root_at(size, &tiles.at(size)).unwrap().0), *root, "size {size}");
        if let Some(line) = vector.lines().nth(usize::try_from(size).unwrap()) {
            growing.append(leaf_hash(line));
        }
    }
    assert_eq!(hex::encode(growing.root().0), expected["root_hex"].as_str().unwrap());
}

#[test]
fn the_checkpoint_is_the_published_one() {
    for vector in BOTH {
        let (signing, verifier) = vector.keys();
        let (tree, _) = vector.tree();
        assert_eq!(signing.verifier(), &verifier);
        assert_eq!(verifier.to_string(), vector.expected()["vkey"].as_str().unwrap());
        let checkpoint = Checkpoint::open(vector.checkpoint, &verifier).unwrap();
        assert_eq!((checkpoint.size, checkpoint.root), (tree.size(), tree.root()));
        assert_eq!(checkpoint.origin, "vote.example.org/photo-2021");
        assert_eq!(signing.sign(tree.size(), tree.root()), vector.checkpoint);
    }
}

#[test]
fn the_receipt_is_the_published_one() {
    for vector in BOTH {
        let (signing, verifier) = vector.keys();
        let (tree, tiles) = vector.tree();
        let index = vector.index as u64;
        let path = proof::inclusion(index, tree.size(), &tiles.at(tree.size())).unwrap();
        let created =
            Receipt { extra: None, index, path, checkpoint: signing.sign(tree.size(), tree.root()) };
        assert_eq!(created.to_string(), vector.proof);

        let receipt: Receipt = vector.proof.parse().unwrap();
        assert_eq!(receipt, created);
        let leaves: Vec<Hash> = vector.lines().map(leaf_hash).collect();
        assert_eq!(receipt.verify(leaves[vector.index], &verifier).unwrap().size, tree.size());
        assert!(receipt.verify(leaves[vector.index + 1], &verifier).is_err());
    }
}

/// A receipt with any flipped bit fails to parse or to verify.
#[test]
fn any_flipped_bit_of_the_receipt_is_refused() {
    let (_, verifier) = FIRST.keys();
    let leaf = leaf_hash(FIRST.lines().nth(6).unwrap());
    for bit in 0..FIRST.proof.len() * 8 {
        let mut flipped = FIRST.proof.as_bytes().to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let verified = std::str::from_utf8(&flipped).ok().and_then(|text| {
            let receipt: Receipt = text.parse().ok()?;
            receipt.verify(leaf, &verifier).ok()
        });
        assert_eq!(verified, None, "bit {bit}");
    }
}

#[test]
fn other_forms_of_the_receipt_are_refused() {
    let hash = "QgxQ1Rrb7YImPUWUIfIAXdt6OqjaCBy4/7FeENEXbhM=\n";
    assert!(FIRST.proof.contains(hash));
    for (from, to) in [
        ("index 6", "index 06"),
        ("index 6", "index +6"),
        ("index 6", "index 18446744073709551616"),
        ("@v1", "@v2"),
        (hash, &hash.repeat(70)),
        (hash, "QgxQ\n"),
        ("\n", "\r\n"),
    ] {
        assert!(FIRST.proof.replace(from, to).parse::<Receipt>().is_err(), "{to}");
    }
    for end in 0..FIRST.proof.len() {
        // A truncated text is no receipt, or its checkpoint is not valid.
        let cut: Option<Receipt> = FIRST.proof.get(..end).and_then(|text| text.parse().ok());
        assert!(cut.is_none_or(|cut| Checkpoint::open(&cut.checkpoint, &FIRST.keys().1).is_err()), "{end}");
    }
    let long = FIRST.proof.to_owned() + &"x".repeat(70_000);
    assert!(long.parse::<Receipt>().is_err());
}
