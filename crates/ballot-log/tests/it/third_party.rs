//! Other implementations of the C2SP specifications read this crate's bytes, and the other way
//! round.

use acclaim_ballot_log::{Checkpoint, CosigningKey, Hash, SigningKey, proof};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, VerifyingKey};
use signed_note::{Note, StandardVerifier, Verifier, VerifierList};
use tlog_tiles::{Error, Tile, TileHashReader, TileReader};

use crate::log::{Tiles, grown, leaf};

/// Serves the tiles of a log of `size` entries.
struct Store {
    tiles: Tiles,
    size: u64,
}

impl TileReader for Store {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        let serve = self.tiles.at(self.size);
        tiles
            .iter()
            .map(|tile| {
                let id = acclaim_ballot_log::TileId { level: tile.level(), number: tile.level_index() };
                // Paths of `tlog_tiles` also name the height: `tile/8/0/000`.
                let width = u16::try_from(tile.width()).unwrap();
                assert_eq!(id.path(width).to_string(), tile.path().replacen("tile/8/", "tile/", 1));
                serve(id).ok_or(Error::InvalidTile)
            })
            .collect()
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

fn theirs(hash: Hash) -> tlog_tiles::Hash {
    tlog_tiles::Hash(hash.0)
}

fn all_theirs(path: &[Hash]) -> Vec<tlog_tiles::Hash> {
    path.iter().copied().map(theirs).collect()
}

/// The reader of `tlog_tiles` verifies every tile with the root before it uses it.
///
/// `tlog_tiles` makes its proofs from the tiles of this crate.
#[test]
fn tiles_and_proofs_are_those_of_tlog_tiles() {
    let (tree, tiles) = grown(66_000);
    for size in [1, 2, 255, 256, 257, 700, 65_536, 65_537, 66_000] {
        let root = proof::root_at(size, &tiles.at(size)).unwrap();
        let store = Store { tiles: tiles.clone(), size };
        let reader = TileHashReader::new(size, theirs(root), &store);
        assert_eq!(tlog_tiles::tree_hash(size, &reader).unwrap(), theirs(root));
        for position in
            [0, 1, 254, 255, 256, 300, 65_535, 65_999].into_iter().filter(|position| *position < size)
        {
            let path = all_theirs(&proof::inclusion(position, size, &tiles.at(size)).unwrap());
            assert_eq!(
                tlog_tiles::prove_record(size, position, &reader).unwrap(),
                path,
                "{position} in {size}"
            );
            tlog_tiles::check_record(&path, size, theirs(root), position, theirs(leaf(position))).unwrap();

            let old = position + 1;
            let old_root = proof::root_at(old, &tiles.at(old)).unwrap();
            let path = all_theirs(&proof::consistency(old, size, &tiles.at(size)).unwrap());
            assert_eq!(tlog_tiles::prove_tree(size, old, &reader).unwrap(), path, "{old} to {size}");
            tlog_tiles::check_tree(&path, size, theirs(root), old, theirs(old_root)).unwrap();
        }
    }
    assert_eq!(tree.size(), 66_000);
}

/// The tiles to publish from `old` to `new` in one step are the same as in `tlog_tiles`.
#[test]
fn changed_tiles_are_those_of_tlog_tiles() {
    for (old, new) in [(0, 1), (0, 256), (10, 256), (255, 257), (256, 256), (300, 70_000)] {
        let (mut tree, _) = grown(old);
        for index in old..new {
            tree.append(leaf(index));
        }
        let mut ours: Vec<(u8, u64, usize)> =
            tree.changed_tiles().iter().map(|(id, bytes)| (id.level, id.number, bytes.len() / 32)).collect();
        ours.sort_unstable();
        let theirs = Tile::new_tiles(8, old, new);
        let theirs: Vec<(u8, u64, usize)> = theirs
            .iter()
            .map(|tile| (tile.level(), tile.level_index(), usize::try_from(tile.width()).unwrap()))
            .collect();
        assert_eq!(ours, theirs, "{old} to {new}");
    }
}

#[test]
fn checkpoints_are_signed_notes() {
    let (tree, _) = grown(300);
    let key = SigningKey::from_seed("vote.example.org/photo-2021", &[9; 32]).unwrap();
    let ours = key.sign(tree.size(), tree.root());

    let note = Note::from_bytes(ours.as_bytes()).unwrap();
    let verifier = StandardVerifier::new(&key.verifier().to_string()).unwrap();
    let (verified, unverified) = note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!((verified.len(), unverified.len()), (1, 0));
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!(checkpoint.origin(), "vote.example.org/photo-2021");
    assert_eq!((checkpoint.size(), *checkpoint.hash()), (300, theirs(tree.root())));

    let read = Checkpoint::open(note.to_bytes(), key.verifier()).unwrap();
    assert_eq!(read.to_string().as_bytes(), checkpoint.to_bytes());
}

/// A verifier for `signed_note`, implemented after the text of tlog-cosignature.
struct Witness {
    name: String,
    id: u32,
    key: VerifyingKey,
}

impl Witness {
    fn new(vkey: &str) -> Self {
        let (name, rest) = vkey.split_once('+').unwrap();
        let (_, key) = rest.split_once('+').unwrap();
        let key = STANDARD.decode(key).unwrap();
        let public = VerifyingKey::from_bytes(key[1..].try_into().unwrap()).unwrap();
        Self { name: name.to_owned(), id: signed_note::key_id(name, &key), key: public }
    }
}

impl Verifier for Witness {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        self.id
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        let (time, signature) = signature.split_at(8);
        let time = u64::from_be_bytes(time.try_into().unwrap());
        let message = [format!("cosignature/v1\ntime {time}\n").as_bytes(), text].concat();
        self.key.verify_strict(&message, &Signature::from_slice(signature).unwrap()).is_ok()
    }
}

#[test]
fn cosigned_checkpoints_are_notes_with_two_signatures() {
    let key = SigningKey::from_seed("vote.example.org/photo-2021", &[9; 32]).unwrap();
    let witness = CosigningKey::from_seed("witness.example.org", &[7; 32]).unwrap();
    let signed = key.sign(300, Hash([5; 32]));
    let cosigned = format!("{signed}{}", witness.cosign(&signed, 1_679_315_147).unwrap());

    let verifiers = || {
        let log = StandardVerifier::new(&key.verifier().to_string()).unwrap();
        VerifierList::new(vec![Box::new(log), Box::new(Witness::new(&witness.verifier().to_string()))])
    };
    let note = Note::from_bytes(cosigned.as_bytes()).unwrap();
    let (verified, unverified) = note.verify(&verifiers()).unwrap();
    assert_eq!((verified.len(), unverified.len()), (2, 0));
    let wrong_checkpoint = format!("{signed}{}", witness.cosign(key.sign(301, Hash([5; 32])), 1).unwrap());
    assert!(Note::from_bytes(wrong_checkpoint.as_bytes()).unwrap().verify(&verifiers()).is_err());
}
