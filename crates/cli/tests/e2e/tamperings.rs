//! The table of tamperings: what somebody can do to a published log, with the key that signs it and without, and that every verifier refuses it,
//! says why, and where.

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

/// So many ballots in bulk that the log has a full tile and a partial one.
const BALLOTS: usize = 280;

/// What a verifier answers.
enum Answer {
    /// Exit status 1, and this of the entry in question.
    Refused(&'static str),
    /// The same, by who has no means to tell of which entry.
    Somewhere(&'static str),
    /// Exit status 2, and this: there is nothing to be audited.
    Unusable(&'static str),
    /// Nothing: this is not for this verifier to see.
    Clean,
}

/// One row.
struct Tampering {
    name: &'static str,
    /// Changes what is published, and says which entry must be named, if one can be.
    change: fn(&mut PublishedLog) -> Option<usize>,
    /// Of `acclaim audit`.
    audit: Answer,
    /// Of `verify.py`, written by the format's description alone.
    independent: Answer,
}

const REMARK: &str =
    r#"{"type":"statement","kind":"note","text":"x","by":"chair","at":"2021-03-03T00:00:00Z"}"#;

/// Gives the ballot's vote in the first category to the other entry.
fn flip(log: &mut PublishedLog, index: usize) -> Option<usize> {
    let first = String::from_utf8_lossy(&log.lines[index]).contains(r#"["a","a1"]"#);
    let [from, to] = if first { ["a1", "a2"] } else { ["a2", "a1"] };
    log.replace(index, &format!(r#"["a","{from}"]"#), &format!(r#"["a","{to}"]"#))
}

/// A contest with ballots in bulk, a replacement, a withdrawal and a void, closed and exported.
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
    let told: Vec<Value> = answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.iter().filter(|told| told["status"] == "recorded").count(), BALLOTS, "{answer:?}");
    let mut again = ballot(&["a3", "b1"]);
    again["replaces"] = told[0]["ballot"].clone();
    assert_eq!(site.cast("forged", passes[0], &again).status, 201);
    for (path, body) in [
        ("withdrawals", json!({"entry": "b3", "reason": "not the author's own"})),
        ("voids", json!({"ballots": [told[40]["ballot"]], "reason": "scripted"})),
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

/// Every tampering of either version, and those of this log's version, signed by who has the key.
fn check_all(honest: &PublishedLog, of_version: &[Tampering], folder: &Path) {
    let mut missed = Vec::new();
    let mut check = |name: &str, log: &PublishedLog, index, audit: &Answer, independent: &Answer| {
        let folder = folder.join(name.replace(' ', "-"));
        log.write(&folder);
        for verifier in VERIFIERS {
            let wanted = if verifier.independent { independent } else { audit };
            let verdict = (verifier.check)(&folder, &log.contest, &log.key().verifier().to_string());
            if !is_as_wanted(&verdict, index, wanted) {
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

fn is_as_wanted(verdict: &Verdict, index: Option<usize>, wanted: &Answer) -> bool {
    let clean = verdict.said.contains(": clean");
    match wanted {
        Answer::Clean => verdict.status == 0 && clean,
        Answer::Unusable(reason) => verdict.status == 2 && !clean && verdict.said.contains(reason),
        Answer::Refused(reason) | Answer::Somewhere(reason) => {
            let named = index.filter(|_| matches!(wanted, Answer::Refused(_)));
            let begins = named.map_or_else(String::new, |index| format!("index {index}: "));
            let named = |line: &str| line.starts_with(&begins) && line.contains(reason);
            verdict.status == 1 && !clean && verdict.said.lines().any(named)
        }
    }
}
