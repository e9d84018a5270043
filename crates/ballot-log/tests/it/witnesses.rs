//! Requests to witnesses, and the checks of a witness.

use acclaim_ballot_log::{
    AddCheckpoint, Hash, SigningKey, Tree,
    checkpoint::CheckpointError,
    hash::empty_root,
    note::NoteError,
    proof,
    proof::VerifyError,
    witness::{CosignError, InvalidRequest, MAX_PROOF_LINES},
};

use crate::log::{Tiles, grown, leaf};

fn key() -> SigningKey {
    SigningKey::from_seed("vote.example.org/photo-2021", &[9; 32]).unwrap()
}

fn root(tiles: &Tiles, size: u64) -> Hash {
    proof::root_at(size, &tiles.at(size)).unwrap()
}

fn request(tiles: &Tiles, old: u64, new: u64) -> AddCheckpoint {
    AddCheckpoint {
        old,
        proof: proof::consistency(old, new, &tiles.at(new)).unwrap(),
        checkpoint: key().sign(new, root(tiles, new)),
    }
}

#[test]
fn witness_cosigns_growing_log_at_every_size() {
    let (_, tiles) = grown(700);
    let mut latest = None;
    for new in [0, 0, 1, 2, 3, 255, 256, 257, 511, 700, 700] {
        let old = latest.map_or(0, |(size, _)| size);
        let sent = request(&tiles, old, new);
        let read: AddCheckpoint = sent.to_string().parse().unwrap();
        assert_eq!(read, sent);
        let checkpoint = read.verify(key().verifier(), latest).unwrap();
        assert_eq!((checkpoint.size, checkpoint.root), (new, root(&tiles, new)), "{old} to {new}");
        latest = Some((checkpoint.size, checkpoint.root));
    }
}

#[test]
fn witness_rejects_inconsistent_checkpoints() {
    let (_, tiles) = grown(300);
    let latest = Some((200, root(&tiles, 200)));
    let verify = |request: &AddCheckpoint| request.verify(key().verifier(), latest).unwrap_err();
    let good = request(&tiles, 200, 300);
    assert!(good.verify(key().verifier(), latest).is_ok());

    assert_eq!(verify(&request(&tiles, 100, 300)), CosignError::Stale(200));
    assert_eq!(verify(&request(&tiles, 100, 150)), CosignError::Stale(200), "the size went back");
    assert_eq!(verify(&AddCheckpoint { old: 301, ..good.clone() }), CosignError::OldIsLarger);
    assert_eq!(good.verify(key().verifier(), None), Err(CosignError::Stale(0)), "no checkpoint was cosigned");
    let other_root = AddCheckpoint { checkpoint: key().sign(200, leaf(7)), ..request(&tiles, 200, 200) };
    assert_eq!(verify(&other_root), CosignError::AnotherRoot(200));
    let mut other = Tree::without_tiles();
    for index in 1..=300 {
        other.append(leaf(index));
    }
    let history = AddCheckpoint { checkpoint: key().sign(300, other.root()), ..good.clone() };
    assert_eq!(verify(&history), CosignError::Proof(VerifyError::RootMismatch));
    let mut short = good.clone();
    short.proof.pop();
    assert!(matches!(verify(&short), CosignError::Proof(_)));
    let mut long = request(&tiles, 200, 200);
    long.proof.push(leaf(1));
    assert_eq!(verify(&long), CosignError::Proof(VerifyError::WrongLength), "a proof where none is needed");

    let strange = SigningKey::from_seed("vote.example.org/photo-2021", &[8; 32]).unwrap();
    let unsigned = AddCheckpoint { checkpoint: strange.sign(300, root(&tiles, 300)), ..good };
    assert_eq!(verify(&unsigned), CosignError::Checkpoint(CheckpointError::Note(NoteError::NotSigned)));
    let empty = |root| AddCheckpoint { old: 0, proof: Vec::new(), checkpoint: key().sign(0, root) };
    assert!(empty(empty_root()).verify(key().verifier(), None).is_ok());
    assert_eq!(empty(leaf(0)).verify(key().verifier(), None), Err(CosignError::AnotherRoot(0)));
}

#[test]
fn other_forms_of_a_request_are_refused() {
    let (_, tiles) = grown(300);
    let text = request(&tiles, 200, 300).to_string();
    assert!(text.parse::<AddCheckpoint>().is_ok());
    let hash = format!("{}\n", leaf(0));
    let proofs = |lines: usize| format!("old 0\n{}\n{}", hash.repeat(lines), key().sign(1, leaf(0)));
    assert!(proofs(MAX_PROOF_LINES).parse::<AddCheckpoint>().is_ok());
    for bad in [
        String::new(),
        "old 200".to_owned(),
        "old 200\n".to_owned(),
        text.replacen("old 200", "old 0200", 1),
        text.replacen("old 200", "old +200", 1),
        text.replacen("old 200", "old -1", 1),
        text.replacen("old 200", "old  200", 1),
        text.replacen("old 200", "old 18446744073709551616", 1),
        text.replacen("old ", "OLD ", 1),
        text.replacen('\n', "\r\n", 1),
        text.replacen("=\n", "\n", 1),
        proofs(MAX_PROOF_LINES + 1),
    ] {
        assert_eq!(bad.parse::<AddCheckpoint>(), Err(InvalidRequest), "{bad}");
    }
}
