//! `deploy/verify/verify.py`, which was written from the format's description. It agrees with the
//! exports of the binary, under their real key.

mod version_2;

use std::{fs, path::Path};

use acclaim_ballot_log::SigningKey;
use serde_json::{Value, json};

use crate::{
    forgery::PublishedLog,
    server::acclaim,
    site::{Site, ballot},
    verifiers::{Verdict, python},
};

fn verify(folder: &Path, vkey: &str) -> Verdict {
    python().arg("log").arg(folder).args(["--vkey", vkey]).output().unwrap().into()
}

/// People who rely on it must be able to read it.
#[test]
fn the_independent_verifier_is_short() {
    let text = include_str!("../../../../deploy/verify/verify.py");
    assert!(text.lines().count() < 220 && text.lines().all(|line| line.chars().count() <= 160));
}

#[test]
fn the_independent_verifier_agrees_with_exports() {
    let site = Site::start();
    let rules = json!({"ballot": {"votes_per_category": [1, 2], "revision": "replace", "completion": "all"}});
    let contest = site.create("real", "2021-01-01T00:00:00Z", &rules);
    let vkey = contest["log"]["vkey"].as_str().unwrap();
    let voters: Vec<(String, Value)> = (0..12)
        .map(|n| {
            let pass = site.pass("real", &format!("mailto:{n}@example.org"));
            let votes = [&["a1", "a2", "b1"][..], &["a2", "b2"], &["a3"], &["a1", "b3"]][n % 4];
            let answer = site.cast("real", &pass, &ballot(votes));
            assert_eq!(answer.status, 201, "{answer:?}");
            (pass, answer.body["ballot"].clone())
        })
        .collect();
    let mut again = ballot(&["a3", "b3"]);
    again["replaces"] = voters[1].1.clone();
    assert_eq!(site.cast("real", &voters[1].0, &again).status, 201);
    let staff = |path: &str, key: &str, body: &Value| {
        site.staff.post(&format!("/v1/contests/real/{path}"), key, body).unwrap();
    };
    staff("withdrawals", "1", &json!({"entry": "b3", "reason": "not \"the author's\" own\t"}));
    staff("voids", "2", &json!({"ballots": [voters[0].1, voters[1].1], "reason": "scripted"}));
    staff("reinstatements", "3", &json!({"ballots": [voters[0].1], "reason": "a mistake"}));
    staff("close", "4", &json!({}));
    let provisional = site.export("real", "provisional");
    let verdict = verify(&provisional, vkey);
    assert_eq!(verdict.status, 0, "{verdict:?}");

    let result = site.staff.get("/v1/contests/real/result").unwrap().json::<Value>().unwrap();
    staff("certify", "5", &result["certify"]);
    staff("statements", "6", &json!({"kind": "note", "text": "Thanks to all: ¡gracias!, 谢谢, \u{10ffff}"}));
    let certified = site.export("real", "certified");
    let verdict = verify(&certified, vkey);
    assert_eq!(verdict.status, 0, "{verdict:?}");
    let document = fs::read_to_string(certified.join("result.json")).unwrap();
    fs::write(certified.join("result.json"), document.replacen("\"share\"", " \"share\"", 1)).unwrap();
    assert_eq!(verify(&certified, vkey).status, 1, "the certification covers every byte");
    fs::remove_file(provisional.join("log.jsonl")).unwrap();
    assert_eq!(verify(&provisional, vkey).status, 2, "a folder without a log");
    receipts(&site, vkey, &voters);
}

fn receipts(site: &Site, vkey: &str, voters: &[(String, Value)]) {
    let (receipt, entry) = (site.folder.path().join("receipt"), site.folder.path().join("entry"));
    let verify = || -> Verdict {
        let mut verifier = python();
        verifier.arg("receipt").arg(&receipt).args(["--vkey", vkey, "--entry"]).arg(&entry);
        verifier.output().unwrap().into()
    };
    let mut newest = String::new();
    for (pass, id) in voters.iter().skip(2) {
        let bearer = format!("Bearer {pass}");
        let mine = site.send("GET", "/v1/contests/real/votes/mine", &[("authorization", &bearer)], b"");
        fs::write(&entry, mine.body["ballots"][0]["entry"].as_str().unwrap()).unwrap();
        let id = id.as_str().unwrap();
        newest = site.send("GET", &format!("/v1/contests/real/ballots/{id}/proof"), &[], b"").text;
        fs::write(&receipt, &newest).unwrap();
        let verdict = verify();
        assert_eq!(verdict.status, 0, "{verdict:?}");
    }
    let index: u64 = newest.lines().nth(1).unwrap().strip_prefix("index ").unwrap().parse().unwrap();
    let moved = |to: u64| newest.replace(&format!("index {index}\n"), &format!("index {to}\n"));
    for (changed, status) in [
        (moved(index - 1), 1),
        (moved(1 << 40), 1),
        (moved(u64::MAX), 1),
        (newest.replacen("tlog-proof@v1", "tlog-proof@v2", 1), 2),
        (newest.replacen("\n\n", "\n", 1), 2),
        (newest.replacen("real\n", "fake\n", 1), 2),
    ] {
        fs::write(&receipt, changed).unwrap();
        let verdict = verify();
        assert_eq!(verdict.status, status, "{verdict:?}");
    }
    fs::write(&receipt, &newest).unwrap();
    fs::write(&entry, "{}").unwrap();
    assert_eq!(verify().status, 1);
}

/// The cases of the tally's own tests: voids, withdrawals, replacements, completion.
#[test]
fn the_independent_verifier_counts_like_the_tally() {
    let folder = tempfile::tempdir().unwrap();
    let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../tally/tests/golden");
    let mut verified = 0;
    for case in fs::read_dir(cases).unwrap() {
        let case = case.unwrap();
        let log = folder.path().join(case.file_name());
        fs::create_dir(&log).unwrap();
        fs::copy(case.path().join("log.jsonl"), log.join("log.jsonl")).unwrap();
        // Only the origin is read of this checkpoint. The certified results name it.
        let key = SigningKey::from_seed("example.org/test", &[3; 32]).unwrap();
        fs::write(log.join("checkpoint"), key.sign(0, acclaim_ballot_log::empty_root())).unwrap();
        let tally = acclaim().arg("tally").arg(&log).output().unwrap();
        assert!(tally.status.success(), "{case:?}");
        fs::write(log.join("result.json"), tally.stdout).unwrap();
        let published = PublishedLog::of_export(&log);
        published.write(&log);
        let vkey = published.key().verifier().to_string();
        // A case of a contest that follows another one has only the one log.
        let verdict: Verdict =
            python().arg("log").arg(&log).args(["--alone", "--vkey", &vkey]).output().unwrap().into();
        assert_eq!(verdict.status, 0, "{case:?}: {verdict:?}");
        verified += 1;
    }
    assert!(verified > 10);
}
