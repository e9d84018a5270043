//! An audit finds any change in a chain, also one that a forger signs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use acclaim_ballot_log::SigningKey;
use serde_json::Value;

use super::{audit, root, three_rounds, verify_py};
use crate::{
    backends::{on_both_backends, succeeded},
    site::Site,
};

/// The seed of the key that signs forged chains.
const SEED: [u8; 32] = [9; 32];

on_both_backends!(audit_detects_changes_in_chain);

/// The logs of an exported chain, the newest first. A forger signs them.
struct ForgedChain {
    folder: PathBuf,
    logs: Vec<Vec<String>>,
    origins: Vec<String>,
    /// The result documents that `verify.py` needs beside each log.
    documents: Vec<Option<Vec<u8>>>,
}

impl ForgedChain {
    fn of(export: &Path, folder: PathBuf) -> Self {
        let mut at = export.to_owned();
        let (mut logs, mut origins, mut documents) = (Vec::new(), Vec::new(), Vec::new());
        while at.join("log.jsonl").is_file() {
            let text = fs::read_to_string(at.join("log.jsonl")).unwrap();
            logs.push(text.lines().map(str::to_owned).collect());
            let note = fs::read_to_string(at.join("checkpoint")).unwrap();
            origins.push(note.lines().next().unwrap().to_owned());
            documents.push(fs::read(at.join("result.json")).ok());
            at.push("previous");
        }
        Self { folder, logs, origins, documents }
    }

    fn key(&self, round: usize) -> SigningKey {
        SigningKey::from_seed(&self.origins[round], &SEED).unwrap()
    }

    #[track_caller]
    fn replace(&mut self, round: usize, index: usize, from: &str, to: &str) {
        let line = &mut self.logs[round][index];
        assert!(line.contains(from), "{from}: {line}");
        *line = line.replacen(from, to, 1);
    }

    fn find(&self, round: usize, text: &str) -> usize {
        self.logs[round].iter().position(|line| line.contains(text)).unwrap()
    }

    /// Writes the true root of the earlier log into the header of a round.
    fn bind(&mut self, round: usize) {
        let header: Value = serde_json::from_str(&self.logs[round][0]).unwrap();
        let size = usize::try_from(header["previous"]["size"].as_u64().unwrap()).unwrap();
        let old = header["previous"]["root"].as_str().unwrap().to_owned();
        let new = root(&self.logs[round + 1][..size]);
        self.replace(round, 0, &old, &new);
    }

    /// Writes the chain, and audits it with the forger's key. The audit computes the results.
    /// `verify.py` reads them, and must agree.
    fn audit(&self) -> (i32, String) {
        let mut at = self.folder.clone();
        for (round, log) in self.logs.iter().enumerate() {
            fs::create_dir_all(&at).unwrap();
            fs::write(at.join("log.jsonl"), log.join("\n") + "\n").unwrap();
            let root = root(log).parse().unwrap();
            fs::write(at.join("checkpoint"), self.key(round).sign(log.len() as u64, root)).unwrap();
            if let Some(document) = &self.documents[round] {
                fs::write(at.join("certified.json"), document).unwrap();
            }
            at.push("previous");
        }
        let output = audit(&self.folder, &self.key(0).verifier().to_string(), &[]);
        let verdict = verify_py(&self.folder, &self.key(0).verifier().to_string(), &[]);
        assert_eq!(output.status.code(), Some(verdict.status), "{output:?}\n{verdict:?}");
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), text + &verdict.output)
    }

    #[track_caller]
    fn finds(&self, expected: &str) {
        let (status, text) = self.audit();
        assert_eq!(status, 1, "{expected}\n{text}");
        assert!(text.lines().any(|line| line.contains(expected)), "{expected}\n{text}");
    }
}

fn audit_detects_changes_in_chain(site: &Site) {
    let vkey = three_rounds(site);
    let export = site.export("final", "chain");
    let forged = || ForgedChain::of(&export, site.folder.path().join("forged"));
    let honest = forged();
    assert_eq!(honest.logs.len(), 3);
    let (status, text) = honest.audit();
    assert_eq!((status, text.ends_with("audit: clean\nverify: clean\n")), (0, true), "{text}");

    // An entry that was no champion replaces a champion.
    let mut other = forged();
    let entry = other.find(0, r#""type":"entry","id":"a2""#);
    other.replace(0, entry, r#""id":"a2""#, r#""id":"a1""#);
    let ballot = other.find(0, r#""type":"ballot""#);
    other.logs[0].truncate(ballot);
    other.finds(&format!(
        "index {entry}: the entry a1 is no champion of {} in the category a",
        other.origins[1]
    ));
    other.finds(&format!("the champion a2 of {} in the category a is missing", other.origins[1]));
    other.finds(&format!("the entry a2 is missing here, and ('a', 'A2') of {}", other.origins[1]));
    other.finds(&format!("the entry a1 is ('a', 'A2') here, and no champion of {}", other.origins[1]));
    // A champion is in another category, or there is an additional entry.
    let mut moved = forged();
    moved.logs[0].truncate(ballot);
    moved.replace(0, entry, r#""category":"a""#, r#""category":"b""#);
    moved.finds(&format!("index {entry}: the entry a2 is no champion"));
    moved.finds("the entry a2 is ('b', 'A2') here, and ('a', 'A2') of ");
    let mut more = forged();
    more.logs[0].truncate(ballot);
    let line = more.logs[0][entry].replace("a2", "a3");
    more.logs[0].insert(entry, line);
    more.finds("the entry a3 is no champion");
    // The champions are the same, but one has another title.
    let mut renamed = forged();
    renamed.logs[0].truncate(ballot);
    let line: Value = serde_json::from_str(&renamed.logs[0][entry]).unwrap();
    let title = line["title"].as_str().unwrap();
    renamed.replace(0, entry, &format!(r#""title":"{title}""#), r#""title":"Another""#);
    renamed.finds(&format!(
        "index {entry}: the champion a2 of {} is {title:?} there, and not \"Another\"",
        renamed.origins[1]
    ));
    renamed.finds("the entry a2 is ('a', 'Another') here, and ('a', 'A2') of ");
    wrong_references_to_earlier_log(&honest, &forged);
    earlier_log_changed(&honest, &forged);
    mixed_up(site, &export, &vkey);
}

/// The result of the earlier log was never certified, is of another size, or is of another log.
fn wrong_references_to_earlier_log(honest: &ForgedChain, forged: &dyn Fn() -> ForgedChain) {
    let header: Value = serde_json::from_str(&honest.logs[0][0]).unwrap();
    let previous = &header["previous"];
    for (key, to, expected) in [
        ("result", "00".repeat(32), "goes by a result certified here, 0000"),
        ("result", "00".repeat(32), "is the result document 0000"),
        ("root", root(&honest.logs[1][..3]), "the contest that follows goes by"),
        ("root", root(&honest.logs[1][..3]), "the contest that follows goes by another root"),
    ] {
        let mut wrong = forged();
        wrong.replace(0, 0, previous[key].as_str().unwrap(), &to);
        wrong.finds(expected);
    }
    let size = previous["size"].as_u64().unwrap();
    let mut early = forged();
    early.replace(0, 0, &format!(r#""size":{size}"#), &format!(r#""size":{}"#, size - 1));
    early.bind(0);
    early.finds("goes by a result certified here");
    early.finds(&format!(
        "{}: index {}: the contest that follows goes by a result",
        early.origins[1],
        size - 2
    ));
    let mut late = forged();
    late.replace(0, 0, &format!(r#""size":{size}"#), &format!(r#""size":{}"#, size + 9));
    late.finds("missing: the contest that follows goes by");
}

/// The earlier log was changed, with and without matching changes in the later log.
fn earlier_log_changed(honest: &ForgedChain, forged: &dyn Fn() -> ForgedChain) {
    for bound in [false, true] {
        let mut changed = forged();
        let ballot = changed.find(2, r#""type":"ballot""#);
        changed.logs[2].remove(ballot);
        if bound {
            changed.replace(
                1,
                0,
                &format!(r#""size":{}"#, honest.logs[2].len()),
                &format!(r#""size":{}"#, honest.logs[2].len() - 1),
            );
            changed.bind(1);
        }
        let (status, text) = changed.audit();
        assert_eq!(status, 1, "{text}");
        assert!(text.contains(&format!("{}: index", changed.origins[2])), "{text}");
    }
}

/// Another log replaces the earlier log, or the published result differs.
fn mixed_up(site: &Site, export: &Path, vkey: &str) {
    let folder = site.folder.path().join("mixed");
    let copy = |from: &str, to: &str| {
        fs::create_dir_all(folder.join(to)).unwrap();
        for file in ["log.jsonl", "checkpoint", "result.json"] {
            let _absent = fs::copy(export.join(from).join(file), folder.join(to).join(file));
        }
    };
    copy("", "");
    copy("previous/previous", "previous");
    let mixed = audit(&folder, vkey, &[]);
    assert_eq!(mixed.status.code(), Some(1), "{mixed:?}");
    copy("previous", "previous");
    copy("previous/previous", "previous/previous");
    succeeded(&audit(&folder, vkey, &[]));
    let result = folder.join("previous/result.json");
    let altered = fs::read_to_string(&result).unwrap().replacen(r#""entry":"a2""#, r#""entry":"a1""#, 1);
    fs::write(&result, altered).unwrap();
    let mixed = audit(&folder, vkey, &[]);
    let stdout = String::from_utf8(mixed.stdout).unwrap();
    assert_eq!(mixed.status.code(), Some(1), "{stdout}");
    assert!(stdout.contains("/public: the published result has categories"), "{stdout}");
}
