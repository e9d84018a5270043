//! Audits and receipts of a published log, intact and tampered with.
//!
//! The log is that of the format's test vectors, with real ballots.

use std::fs;

use acclaim_ballot_log::{SigningKey, Tree, leaf_hash};

use crate::session::{CommandOutput, Session, assert_transcript};

const VKEY: &str = "vote.example.org/photo-2021+9049215d+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ballot-log/tests/vectors");

fn vector(name: &str) -> String {
    fs::read_to_string(format!("{VECTORS}/{name}")).unwrap()
}

/// A session with the log in the folder `log`, with or without its tiles.
fn session(with_tiles: bool) -> Session {
    let session = Session::new();
    fs::create_dir_all(session.path("log/tile/0/000.p")).unwrap();
    let log = vector("log.jsonl");
    session.write("log/log.jsonl", &log);
    session.write("log/checkpoint", vector("checkpoint"));
    if with_tiles {
        let mut tree = Tree::new();
        for line in log.lines() {
            tree.append(leaf_hash(line.as_bytes()));
        }
        for (tile, hashes) in tree.changed_tiles() {
            session.write(&format!("log/{}", tile.path(tile.width_at(13))), hashes);
        }
    }
    session
}

fn audit(session: &mut Session, lines: &[&str]) -> CommandOutput {
    let text: String = lines.iter().flat_map(|line| [*line, "\n"]).collect();
    session.write("log/log.jsonl", text);
    session.type_in(&["audit", "log", "--vkey", VKEY])
}

#[test]
fn each_tampering_is_refused_by_its_index() {
    for with_tiles in [true, false] {
        let mut session = session(with_tiles);
        let log = vector("log.jsonl");
        let lines: Vec<&str> = log.lines().collect();
        assert_eq!(audit(&mut session, &lines).status, 0);

        let flipped = lines[7].replace("\"p2\"", "\"p3\"");
        let mut flip = lines.clone();
        flip[7] = &flipped;
        let mut drop = lines.clone();
        drop.remove(7);
        let mut add = lines.clone();
        add.insert(10, lines[9]);
        let mut reorder = lines.clone();
        reorder.swap(6, 7);
        let roll_back = lines[..11].to_vec();
        for (index, tampered) in [(7, flip), (7, drop), (10, add), (6, reorder), (11, roll_back)] {
            let output = audit(&mut session, &tampered);
            assert_eq!(output.status, 1, "{}", output.out);
            // A log without the ballot, or with it moved, can be a valid log. Only the tiles know
            // where it differs.
            if with_tiles || !matches!((index, tampered.len()), (7, 12) | (6, _)) {
                let prefix = format!("index {index}: ");
                assert!(output.out.lines().any(|line| line.starts_with(&prefix)), "{index}: {}", output.out);
            }
        }
        if with_tiles {
            assert_transcript!(session.transcript());
        }
    }
}

#[test]
fn impossible_audit_has_status_2() {
    let mut session = session(true);
    let log = vector("log.jsonl");
    let other = VKEY.replace("vote.example.org/photo-2021+9049215d", "vote.example.org/photo-2022+9049215d");
    assert_eq!(
        session.type_in(&["audit", "log", "--vkey", &other]).status,
        2,
        "the id is that of another key"
    );
    let another = SigningKey::from_seed("vote.example.org/photo-2021", &[2; 32]).unwrap();
    assert_eq!(session.type_in(&["audit", "log", "--vkey", &another.verifier().to_string()]).status, 2);
    assert_eq!(session.type_in(&["audit", "absent", "--vkey", VKEY]).status, 2);
    session.write("log/log.jsonl", &log[..log.len() - 10]);
    assert_eq!(
        session.type_in(&["audit", "log", "--vkey", VKEY]).status,
        1,
        "a log with a partial line is a finding"
    );
    session.write("log/log.jsonl", "x".repeat(70_000));
    assert_eq!(
        session.type_in(&["audit", "log", "--vkey", VKEY]).status,
        1,
        "a line that is too long is a finding"
    );
    session.write("log/log.jsonl", "");
    assert_eq!(session.type_in(&["audit", "log", "--vkey", VKEY]).status, 1, "an empty log is a finding");
    fs::remove_file(session.path("log/log.jsonl")).unwrap();
    assert_eq!(session.type_in(&["audit", "log", "--vkey", VKEY]).status, 2);
    assert_transcript!(session.transcript());
}

#[test]
fn a_published_result_and_an_earlier_checkpoint_are_compared() {
    let mut session = session(true);
    let tally = session.run(&["tally", "log"]);
    assert_eq!(tally.status, 0, "{}", tally.err);
    session.write("result.json", &tally.out);
    assert_eq!(session.type_in(&["audit", "log", "--vkey", VKEY, "--result", "result.json"]).status, 0);
    session.write("result.json", tally.out.replacen("\"votes\":1", "\"votes\":2", 1));
    assert_eq!(session.type_in(&["audit", "log", "--vkey", VKEY, "--result", "result.json"]).status, 1);
    session.write("receipt", vector("proof-index-6"));
    assert_eq!(session.type_in(&["audit", "log", "--vkey", VKEY, "--earlier", "receipt"]).status, 0);
    session.write("receipt", "nothing of the kind");
    assert_eq!(session.type_in(&["audit", "log", "--vkey", VKEY, "--earlier", "receipt"]).status, 2);
    assert_transcript!(session.transcript());
}

#[test]
fn a_receipt_proves_its_ballot_and_no_other() {
    let mut session = session(false);
    let log = vector("log.jsonl");
    session.write("receipt", vector("proof-index-6"));
    session.write("mine", format!("{}\n", log.lines().nth(6).unwrap()));
    session.write("other", log.lines().nth(7).unwrap());
    let leaf = leaf_hash(log.lines().nth(6).unwrap().as_bytes()).to_string();
    let verify = ["receipt", "verify", "receipt", "--vkey", VKEY];
    assert_eq!(session.type_in(&[&verify[..], &["--entry", "mine"]].concat()).status, 0);
    assert_eq!(session.type_in(&[&verify[..], &["--leaf-hash", &leaf]].concat()).status, 0);
    assert_eq!(session.type_in(&[&verify[..], &["--entry", "other"]].concat()).status, 1);
    session.write("receipt", vector("proof-index-6").replace("index 6", "index 7"));
    assert_eq!(session.type_in(&[&verify[..], &["--entry", "mine"]].concat()).status, 1);
    session.write("receipt", "c2sp.org/tlog-proof@v2\n");
    assert_eq!(session.type_in(&[&verify[..], &["--entry", "mine"]].concat()).status, 2);
    assert_transcript!(session.transcript());
}
