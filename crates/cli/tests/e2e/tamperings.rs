//! The table of tamperings: changes to a published log, with and without the key that signs it.
//! Every verifier must refuse each one, say why, and name the place.

mod signed;
mod unsigned;
mod versions;

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    forgery::PublishedLog,
    site::{Site, ballot},
    verifiers::{VERIFIERS, Verdict},
};

/// The number of ballots in bulk. With them the log has a full tile and a partial one.
const BALLOTS: usize = 280;

/// The expected verdict of a verifier.
enum Answer {
    /// Exit status 1, and this text for the expected entry.
    Refused(&'static str),
    /// As [`Answer::Refused`], for a verifier that cannot name the entry.
    Somewhere(&'static str),
    /// Exit status 2, and this text: the log cannot be audited.
    Unusable(&'static str),
    /// A clean verdict: this verifier cannot see the tampering.
    Clean,
}

/// One row of the table.
struct Tampering {
    name: &'static str,
    /// Changes the published log. Returns the entry that the verdict must name, if there is one.
    change: fn(&mut PublishedLog) -> Option<usize>,
    /// The verdict of `acclaim audit`.
    audit: Answer,
    /// The verdict of `verify.py`, which was written only from the format's description.
    independent: Answer,
}

const REMARK: &str =
    r#"{"type":"statement","kind":"note","text":"x","by":"chair","at":"2021-03-03T00:00:00Z"}"#;

/// Moves the ballot's vote in the first category to the other entry.
fn flip(log: &mut PublishedLog, index: usize) -> Option<usize> {
    let first = String::from_utf8_lossy(&log.lines[index]).contains(r#"["a","a1"]"#);
    let [from, to] = if first { ["a1", "a2"] } else { ["a2", "a1"] };
    log.replace(index, &format!(r#"["a","{from}"]"#), &format!(r#"["a","{to}"]"#))
}

/// Exports a closed contest with ballots in bulk, a replacement, a withdrawal and a void.
fn honest(site: &Site) -> PublishedLog {
    let rules = json!({"ballot": {"votes_per_category": [1, 1], "revision": "replace", "revisions": 5}});
    site.create("forged", "2021-01-01T00:00:00Z", &rules);
    let minted = site.staff.post("/v1/contests/forged/passes", "mint", &json!({"count": BALLOTS})).unwrap();
    let passes: Vec<&str> =
        minted["passes"].as_array().unwrap().iter().map(|pass| pass["pass"].as_str().unwrap()).collect();
    let line = |(n, pass): (usize, &&str)| {
        let mut line = ballot(&[["a1", "a2"][n / 3 % 2], ["b1", "b2", "b3"][n % 3]]);
        line["pass"] = json!(pass);
        line.to_string()
    };
    let lines: Vec<String> = (1..).zip(&passes).map(line).collect();
    let bearer = format!("Bearer {}", site.staff_key("gateway", "forged"));
    let headers = [("authorization", &*bearer), ("content-type", "application/x-ndjson")];
    let answer = site.send("POST", "/v1/contests/forged/ballots/bulk", &headers, lines.join("\n").as_bytes());
    let answers: Vec<Value> = answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.iter().filter(|answer| answer["status"] == "recorded").count(), BALLOTS, "{answer:?}");
    let mut again = ballot(&["a3", "b1"]);
    again["replaces"] = answers[0]["ballot"].clone();
    assert_eq!(site.cast("forged", passes[0], &again).status, 201);
    for (path, body) in [
        ("withdrawals", json!({"entry": "b3", "reason": "not the author's own"})),
        ("voids", json!({"ballots": [answers[40]["ballot"]], "reason": "scripted"})),
        ("close", json!({})),
    ] {
        site.staff.post(&format!("/v1/contests/forged/{path}"), path, &body).unwrap();
    }
    PublishedLog::of_export(&site.export("forged", "honest"))
}

#[test]
fn every_verifier_refuses_every_tampering() {
    let site = Site::start();
    let honest = honest(&site);
    let folder = site.folder.path();
    check_all(&honest.as_version_1(), versions::FIRST, &folder.join("first"));
    check_all(&honest, versions::SECOND, &folder.join("second"));
}

/// Checks the tamperings of both versions, and those of this log's version.
///
/// All tables except `UNSIGNED` are signed with the key.
fn check_all(honest: &PublishedLog, of_version: &[Tampering], folder: &Path) {
    let mut missed = Vec::new();
    let mut check = |name: &str, log: &PublishedLog, index, audit: &Answer, independent: &Answer| {
        let folder = folder.join(name.replace(' ', "-"));
        log.write(&folder);
        for verifier in VERIFIERS {
            let expected = if verifier.independent { independent } else { audit };
            let verdict = (verifier.check)(&folder, &log.contest, &log.key().verifier().to_string());
            if !is_as_expected(&verdict, index, expected) {
                missed.push(format!("{name}, index {index:?}: {} said {verdict:#?}", verifier.name));
            }
        }
    };
    check("nothing", honest, None, &Answer::Clean, &Answer::Clean);
    for Tampering { name, change, audit, independent } in unsigned::UNSIGNED {
        let mut log = honest.clone();
        let index = change(&mut log);
        check(name, &log, index, audit, independent);
    }
    for Tampering { name, change, audit, independent } in signed::SIGNED.iter().chain(of_version) {
        let mut log = honest.clone();
        let note = log.note.clone();
        let index = change(&mut log);
        if log.note == note {
            log.sign();
        }
        check(name, &log, index, audit, independent);
    }
    assert!(
        missed.is_empty(),
        "{} of {}:\n{}",
        missed.len(),
        unsigned::UNSIGNED.len() + signed::SIGNED.len() + of_version.len(),
        missed.join("\n")
    );
}

fn is_as_expected(verdict: &Verdict, index: Option<usize>, expected: &Answer) -> bool {
    let clean = verdict.output.contains(": clean");
    match expected {
        Answer::Clean => verdict.status == 0 && clean,
        Answer::Unusable(reason) => verdict.status == 2 && !clean && verdict.output.contains(reason),
        Answer::Refused(reason) | Answer::Somewhere(reason) => {
            let named = index.filter(|_| matches!(expected, Answer::Refused(_)));
            let begins = named.map_or_else(String::new, |index| format!("index {index}: "));
            let named = |line: &str| line.starts_with(&begins) && line.contains(reason);
            verdict.status == 1 && !clean && verdict.output.lines().any(named)
        }
    }
}
