//! Receipts under newer checkpoints, from folders with logs of many sizes.
//!
//! The tests also cover a log with another history, and folders without a valid log.

use std::{collections::BTreeMap, fs};

use acclaim_ballot_log::{Receipt, SigningKey, TileId, Tree, VerifierKey, leaf_hash, proof::inclusion};
use acclaim_cli::folder::FolderWriter;

use crate::session::{CommandOutput, Session, assert_transcript};

const ORIGIN: &str = "vote.example.org/sizes";

fn key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[4; 32]).unwrap()
}

fn line(number: u64) -> String {
    format!("entry {number}")
}

/// Writes a log of `size` entries as an export does. The entry at index `other` differs.
fn write_log(session: &Session, name: &str, size: u64, other: Option<u64>) {
    let mut writer = FolderWriter::create(&session.path(name)).unwrap();
    for number in 0..size {
        let line = if other == Some(number) { "another".to_owned() } else { line(number) };
        writer.push(line.as_bytes()).unwrap();
    }
    let mut folder = writer.finish().unwrap();
    let note = key().sign(size, folder.tree.root());
    folder.add("checkpoint", note.as_bytes()).unwrap();
}

/// Returns the receipt that the server gave when the log had `size` entries.
fn receipt(index: u64, size: u64) -> String {
    let mut tree = Tree::new();
    for number in 0..size {
        tree.append(leaf_hash(line(number).as_bytes()));
    }
    let tiles: BTreeMap<TileId, Vec<u8>> = tree.changed_tiles().into_iter().collect();
    let path = inclusion(index, size, &|tile| tiles.get(&tile)).unwrap();
    Receipt { extra: None, index, path, checkpoint: key().sign(size, tree.root()) }.to_string()
}

fn upgrade(session: &Session, log: &str, out: &str) -> CommandOutput {
    let vkey = key().verifier().to_string();
    session.run(&["receipt", "upgrade", "old", "--vkey", &vkey, "--log", log, "--out", out])
}

#[test]
fn upgrades_receipt_of_any_size_to_any_later_size() {
    let session = Session::new();
    let (mut number, sizes) = (0, [1, 2, 7, 255, 256, 257, 700, 66_000]);
    for size in sizes {
        write_log(&session, &format!("log-{size}"), size, None);
    }
    let mut check_upgrade = |index: u64, old: u64, new: u64, log: &str| {
        number += 1;
        let (vkey, out): (VerifierKey, String) = (key().verifier().clone(), format!("new-{number}"));
        session.write("old", receipt(index, old));
        let output = upgrade(&session, log, &out);
        assert_eq!(output.status, 0, "{index}, {old} to {new}: {output:?}");
        assert!(
            output.out.starts_with(&format!("in the log: index {index} of {new} at {ORIGIN}")),
            "{output:?}"
        );
        let newer: Receipt = session.read(&out).parse().unwrap();
        let checkpoint = newer.verify(leaf_hash(line(index).as_bytes()), &vkey).unwrap();
        assert_eq!((newer.index, checkpoint.size), (index, new));
    };
    for (position, old) in sizes.into_iter().enumerate().take(7) {
        for new in &sizes[position..] {
            for index in [0, old / 2, old - 1] {
                check_upgrade(index, old, *new, &format!("log-{new}"));
            }
        }
    }
    // A copy that was kept for an audit has only entries and checkpoint.
    for size in [257, 66_000] {
        fs::remove_dir_all(session.path(&format!("log-{size}/tile"))).unwrap();
        check_upgrade(3, 7, size, &format!("log-{size}"));
        check_upgrade(256, 257, size, &format!("log-{size}"));
    }
}

#[test]
fn refuses_another_history_wherever_it_differs() {
    let session = Session::new();
    session.write("old", receipt(300, 400));
    // The difference is beside the entry, in another tile, at the end of the receipt's log, or the
    // entry itself.
    for (number, (index, reason)) in [
        (301, "another history"),
        (3, "another history"),
        (399, "another history"),
        (300, "not the entry of the receipt"),
    ]
    .into_iter()
    .enumerate()
    {
        let log = format!("log-{number}");
        write_log(&session, &log, 1_000, Some(index));
        let output = upgrade(&session, &log, "new");
        assert_eq!(output.status, 1, "{index}: {output:?}");
        assert!(output.err.contains(reason), "{index}: {output:?}");
        assert!(!session.path("new").exists(), "{index}");
    }
    write_log(&session, "log", 1_000, Some(400));
    assert_eq!(upgrade(&session, "log", "new").status, 0, "later entries may differ");
    write_log(&session, "same", 400, Some(301));
    assert_eq!(upgrade(&session, "same", "other").status, 1, "two different logs of one size");
}

#[test]
fn refuses_what_is_no_upgraded_receipt() {
    let mut session = Session::new();
    write_log(&session, "log", 400, None);
    write_log(&session, "earlier", 300, None);
    let vkey = key().verifier().to_string();
    let old = receipt(300, 310);
    session.write("old", &old);
    let args =
        |log: &'static str, out: &'static str| ["receipt", "upgrade", "old", "--log", log, "--out", out];
    let mut run = |args: &[&str], vkey: &str, status: i32| {
        let args = [args, &["--vkey", vkey]].concat();
        assert_eq!(session.type_in(&args).status, status, "{args:?}");
    };
    run(&args("log", "new"), &vkey, 0);
    run(&args("log", "new"), &vkey, 2);
    run(&args("earlier", "newer"), &vkey, 1);
    run(&args("absent", "newer"), &vkey, 2);
    let another = SigningKey::from_seed(ORIGIN, &[5; 32]).unwrap().verifier().to_string();
    run(&args("log", "newer"), &another, 1);
    run(&["receipt", "upgrade", "old", "--out", "newer"], &vkey, 2);
    run(&["receipt", "upgrade", "old", "--out", "newer", "--url", "http://127.0.0.1:1"], &vkey, 2);
    session.write("old", old.replace("index 300", "index 301"));
    let moved = [&args("log", "newer")[..], &["--vkey", &vkey]].concat();
    assert_eq!(session.type_in(&moved).status, 1);
    session.write("old", "nothing of the kind");
    assert_eq!(session.type_in(&moved).status, 2);
    assert!(!session.path("newer").exists());
    assert_transcript!(session.transcript());
}
