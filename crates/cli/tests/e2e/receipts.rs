//! Receipts, and the reports about a voter's own ballot: receipts under newer checkpoints, and
//! every state of a ballot.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{
    backends::{on_both_backends, succeeded},
    booth::OPENED,
    forgery::PublishedLog,
    server::acclaim,
    site::{Answer, Site, ballot, poll},
    verifiers::{Verdict, python, serve},
};

const REASON: &str = "cast twice on paper";

on_both_backends!(a_receipt_is_renewed_and_names_no_choice, void_of_replaced_ballot_occupies_no_slot);

fn receipt(site: &Site, contest: &str, ballot: &Value) -> String {
    let path = format!("/v1/contests/{contest}/ballots/{}/proof", ballot.as_str().unwrap());
    let answer = site.send("GET", &path, &[], b"");
    assert_eq!((answer.status, &*answer.content_type), (200, "text/plain; charset=utf-8"), "{answer:?}");
    answer.text
}

fn upgrade(old: &Path, vkey: &str, from: &[&str], out: &Path) -> Verdict {
    let mut command = acclaim();
    command.args(["receipt", "upgrade"]).arg(old).args(["--vkey", vkey]).args(from).arg("--out").arg(out);
    command.output().unwrap().into()
}

fn a_receipt_is_renewed_and_names_no_choice(site: &Site) {
    let entry = |id: &str| json!({"id": id, "category": "choices", "title": id.to_uppercase()});
    let more = json!({
        "category": [{"id": "choices", "title": "Choices"}],
        "entry": [entry("a-choice-of-mine"), entry("a-choice-of-others")],
    });
    let vkey = site.create("main", OPENED, &more)["log"]["vkey"].as_str().unwrap().to_owned();
    let vote = |voter: u64, entry: &str| {
        let pass = site.pass("main", &format!("mailto:{voter}@example.org"));
        let ballot = json!({"selections": [{"category": "choices", "entry": entry}]});
        let answer = site.cast("main", &pass, &ballot);
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body
    };
    let mine = vote(1, "a-choice-of-mine");
    let old = receipt(site, "main", &mine["ballot"]);
    assert_names_only_index(&old, &mine);
    check_downloads_are_enough(site, &mine, &vkey);
    for voter in 2..9 {
        vote(voter, "a-choice-of-others");
    }
    site.staff.post("/v1/contests/main/close", "close", &json!({})).unwrap();

    let path = |name: &str| site.folder.path().join(name);
    fs::write(path("old"), &old).unwrap();
    let url = format!("http://{}", site.address);
    let live = upgrade(&path("old"), &vkey, &["--url", &url, "--contest", "main"], &path("live"));
    assert_eq!(live.status, 0, "{live:?}");
    let log = site.export("main", "log");
    let later = upgrade(&path("live"), &vkey, &["--log", log.to_str().unwrap()], &path("later"));
    assert_eq!(later.status, 0, "{later:?}");
    let newest = fs::read_to_string(path("later")).unwrap();
    assert_eq!(newest, receipt(site, "main", &mine["ballot"]), "the server's receipt must be the same");
    assert_ne!(newest, old);
    assert_names_only_index(&newest, &mine);
    for name in ["old", "live", "later"] {
        let leaf = mine["leaf_hash"].as_str().unwrap();
        let verify = acclaim()
            .args(["receipt", "verify"])
            .arg(path(name))
            .args(["--vkey", &vkey, "--leaf-hash", leaf])
            .output();
        assert!(succeeded(&verify.unwrap()).starts_with("in the log: index "));
    }
    refuses_other_history(&log, &mine, &path("forged"));
}

/// The download of the page, and each answer of the API about the ballot, are enough for both
/// verifiers.
fn check_downloads_are_enough(site: &Site, mine: &Value, vkey: &str) {
    let file = |name: &str, text: &str| {
        let path = site.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let address = format!("/v1/contests/main/ballots/{}", mine["ballot"].as_str().unwrap());
    let whole = site.send("GET", &format!("{address}/proof?with=leaf-hash"), &[], b"").text;
    let (whole, plain) = (file("whole", &whole), file("plain", &receipt(site, "main", &mine["ballot"])));
    let cast = file("cast", &mine.to_string());
    let status = file("status", &site.send("GET", &address, &[], b"").text);
    let other =
        file("other", &json!({"leaf_hash": acclaim_ballot_log::leaf_hash(b"x").to_string()}).to_string());
    let leaf = mine["leaf_hash"].as_str().unwrap();
    let [whole, plain, cast, status, other] =
        [&whole, &plain, &cast, &status, &other].map(|name| name.as_str());
    for (args, code) in [
        (&[whole][..], 0),
        (&[whole, "--leaf-hash", leaf], 0),
        (&[plain, "--leaf-hash", leaf], 0),
        (&[whole, "--entry", other], 1),
        (&[plain, "--entry", cast], 0),
        (&[plain, "--entry", status], 0),
        (&[plain, "--entry", other], 1),
        (&[plain], 2),
    ] {
        let verify = acclaim().args(["receipt", "verify", "--vkey", vkey]).args(args).output().unwrap();
        let output = format!("{verify:?}");
        assert_eq!(verify.status.code(), Some(code), "{args:?}: {output}");
        assert_eq!(output.contains("with=leaf-hash"), code == 2, "{output}");
        // The independent verifier reads entries, but no answers.
        if !args.contains(&"--entry") {
            let independent = python().args(["receipt", "--vkey", vkey]).args(args).output().unwrap();
            assert_eq!(independent.status.code(), Some(code), "{args:?}: {independent:?}");
        }
    }
    let altered = fs::read_to_string(whole).unwrap().replacen(
        leaf,
        &acclaim_ballot_log::leaf_hash(b"x").to_string(),
        1,
    );
    let altered = file("altered", &altered);
    assert_eq!(
        acclaim().args(["receipt", "verify", "--vkey", vkey, &altered]).status().unwrap().code(),
        Some(1)
    );
    assert_eq!(python().args(["receipt", "--vkey", vkey, &altered]).status().unwrap().code(), Some(1));
    site.send("GET", &format!("{address}/proof?with=entry"), &[], b"").problem(400, "invalid-parameter");
}

/// A receipt has the version, the index, hashes, and a checkpoint of origin, size, root and
/// signature. No part of it names a choice.
fn assert_names_only_index(receipt: &str, cast: &Value) {
    assert!(!receipt.contains("choice"), "{receipt}");
    let (proof, checkpoint) = receipt.split_once("\n\n").unwrap();
    let mut lines = proof.lines();
    assert_eq!(lines.next(), Some("c2sp.org/tlog-proof@v1"));
    assert_eq!(lines.next(), Some(&*format!("index {}", cast["index"])));
    assert!(lines.all(|hash| hash.len() == 44 && hash.ends_with('=')), "{receipt}");
    let (text, signatures) = checkpoint.split_once("\n\n").unwrap();
    assert_eq!(text.lines().count(), 3, "{receipt}");
    assert!(signatures.lines().all(|line| line.starts_with("\u{2014} ")), "{receipt}");
}

/// The operator signs another log, in which an earlier ballot differs, and serves it to requests
/// for a newer receipt.
fn refuses_other_history(export: &Path, mine: &Value, folder: &Path) {
    let honest = PublishedLog::of_export(export);
    let vkey = honest.key().verifier().to_string();
    let index = usize::try_from(mine["index"].as_u64().unwrap()).unwrap();
    let (early, lines) = (index + 3, honest.lines.len());
    honest.write(&folder.join("honest"));
    let forged_receipt = honest.receipt(index, early);
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("old"), forged_receipt).unwrap();
    let ask = |log: &PublishedLog, name: &str| {
        log.write(&folder.join(name));
        let url = format!("http://{}", serve(folder.join(name), log.contest.clone()));
        let out = folder.join(format!("{name}.receipt"));
        let verdict = upgrade(&folder.join("old"), &vkey, &["--url", &url, "--contest", &log.contest], &out);
        let evidence = fs::read_to_string(folder.join(format!("{name}.receipt.refused"))).ok();
        assert_eq!(
            (out.exists(), evidence.is_some()),
            (verdict.status == 0, verdict.status == 1),
            "{verdict:?}"
        );
        assert!(
            evidence.is_none_or(|evidence| evidence == log.note),
            "the refused checkpoint must be kept as evidence"
        );
        verdict
    };
    assert_eq!(ask(&honest, "honest").status, 0);
    let mut flipped = honest.clone();
    flipped.replace(index + 1, "a-choice-of-others", "a-choice-of-mine");
    flipped.sign();
    let verdict = ask(&flipped, "flipped");
    assert!(verdict.status == 1 && verdict.output.contains("another history"), "{verdict:?}");
    let mut back = honest;
    back.lines.truncate(index + 2);
    back.sign();
    let verdict = ask(&back, "back");
    assert!(verdict.status == 1 && verdict.output.contains("older than the receipt"), "{verdict:?}");
    assert!(lines > early);
}

/// A voter with a pass, and the requests of this voter.
struct Voter<'a> {
    site: &'a Site,
    pass: String,
}

impl<'a> Voter<'a> {
    fn new(site: &'a Site, name: &str) -> Self {
        Self { site, pass: site.pass("main", &format!("mailto:{name}@example.org")) }
    }

    fn cast(&self, ballot: &Value) -> Value {
        let answer = self.site.cast("main", &self.pass, ballot);
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body
    }

    /// Casts a ballot without waiting until it is recorded.
    fn cast_async(&self, ballot: &Value) -> Answer {
        let bearer = format!("Bearer {}", self.pass);
        let headers =
            [("authorization", &*bearer), ("content-type", "application/json"), ("prefer", "respond-async")];
        self.site.send("POST", "/v1/contests/main/ballots", &headers, ballot.to_string().as_bytes())
    }

    fn mine(&self) -> Value {
        let bearer = format!("Bearer {}", self.pass);
        let mine = self.site.send("GET", "/v1/contests/main/votes/mine", &[("authorization", &bearer)], b"");
        assert_eq!(mine.status, 200, "{mine:?}");
        mine.body
    }
}

fn status(site: &Site, ballot: &Value) -> Value {
    let path = format!("/v1/contests/main/ballots/{}", ballot.as_str().unwrap());
    let answer = site.send("GET", &path, &[], b"");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

#[test]
fn reports_every_ballot_state_embedded() {
    let site = Site::start();
    states_within_the_log(&site);
    // An embedded installation promises no ballot: the request waits although it asked not to.
    let voter = Voter::new(&site, "hasty");
    let answer = voter.cast_async(&ballot(&["a1"]));
    assert_eq!((answer.status, &answer.body["status"]), (201, &json!("recorded")), "{answer:?}");
    voter.cast_async(&ballot(&["a2"])).problem(409, "already-voted");
}

#[test]
fn reports_every_ballot_state_in_cluster() {
    let mut site = Site::start_clustered();
    states_within_the_log(&site);
    let (hasty, double) = (site.pass("main", "mailto:hasty@example.org"), ballot(&["a2"]));
    site.stop_sequencing();
    let voter = Voter { site: &site, pass: hasty.clone() };
    let first = voter.cast_async(&ballot(&["a1"]));
    let second = voter.cast_async(&double);
    for answer in [&first, &second] {
        assert_eq!((answer.status, &answer.body["status"]), (202, &json!("accepted")), "{answer:?}");
        assert_eq!(
            status(&site, &answer.body["ballot"]),
            answer.body,
            "an accepted ballot has neither index nor reason"
        );
    }
    let mine = voter.mine();
    assert_eq!(
        (&mine["ballots"], &mine["left"]),
        (&json!([]), &json!(["a", "b"])),
        "only recorded ballots are listed"
    );

    site.go_on_sequencing();
    let voter = Voter { site: &site, pass: hasty };
    let wait_for_decision = |ballot: &Value| {
        poll("a decision", || Some(status(&site, ballot)).filter(|answer| answer["status"] != "accepted"))
    };
    let (first, second) =
        (wait_for_decision(&first.body["ballot"]), wait_for_decision(&second.body["ballot"]));
    // The intake can hold them in either order.
    let (recorded, rejected) = if first["status"] == "recorded" { (first, second) } else { (second, first) };
    assert_eq!((&recorded["status"], &recorded["reason"]), (&json!("recorded"), &Value::Null));
    assert_eq!(
        (&rejected["status"], &rejected["reason"], &rejected["index"]),
        (&json!("rejected"), &json!("already-voted"), &Value::Null)
    );
    let mine = voter.mine();
    let listed: Vec<&Value> = mine["ballots"].as_array().unwrap().iter().map(|b| &b["ballot"]).collect();
    assert_eq!(listed, [&recorded["ballot"]]);
}

/// The states recorded, replaced, voided and reinstated are the same at the ballot's address and
/// for its voter. A replaced ballot is only at its address.
fn states_within_the_log(site: &Site) {
    site.create("main", OPENED, &json!({"ballot": {"revision": "replace"}}));
    let (changing, voided) = (Voter::new(site, "changing"), Voter::new(site, "voided"));
    let first = changing.cast(&ballot(&["a1"]));
    let answer = status(site, &first["ballot"]);
    assert_eq!(
        (&answer["status"], &answer["index"], &answer["leaf_hash"]),
        (&json!("recorded"), &first["index"], &first["leaf_hash"])
    );
    assert_eq!(changing.mine()["ballots"][0]["status"], "recorded");

    let mut again = ballot(&["a2"]);
    again["replaces"] = first["ballot"].clone();
    let second = changing.cast(&again);
    let answer = status(site, &first["ballot"]);
    assert_eq!(
        (&answer["status"], &answer["index"], &answer["reason"]),
        (&json!("replaced"), &first["index"], &Value::Null)
    );
    assert_eq!(status(site, &second["ballot"])["status"], "recorded");
    let mine = changing.mine();
    let listed: Vec<&Value> = mine["ballots"].as_array().unwrap().iter().map(|b| &b["ballot"]).collect();
    assert_eq!((listed, &mine["left"]), (vec![&second["ballot"]], &json!(["b"])));
    receipt(site, "main", &first["ballot"]);

    let cast = voided.cast(&ballot(&["a3"]));
    let ruling = |path: &str, key: &str| {
        let body = json!({"ballots": [cast["ballot"]], "reason": REASON});
        site.staff.post(&format!("/v1/contests/main/{path}"), key, &body).unwrap();
    };
    ruling("voids", "void");
    let mine = voided.mine();
    for answer in [&status(site, &cast["ballot"]), &mine["ballots"][0]] {
        assert_eq!(
            (&answer["status"], &answer["reason"], &answer["index"]),
            (&json!("voided"), &json!(REASON), &cast["index"])
        );
    }
    assert_eq!(mine["left"], json!(["b"]), "the slot of a voided ballot must stay filled");
    ruling("reinstatements", "reinstate");
    let answer = status(site, &cast["ballot"]);
    assert_eq!((&answer["status"], &answer["reason"]), (&json!("recorded"), &Value::Null));
    assert_eq!(voided.mine()["ballots"][0]["status"], "recorded");
}

/// The slots of a replaced ballot are free. Later rulings about that ballot do not change this.
fn void_of_replaced_ballot_occupies_no_slot(site: &Site) {
    site.create("main", OPENED, &json!({"ballot": {"revision": "replace"}}));
    let voter = Voter::new(site, "ama");
    let first = voter.cast(&ballot(&["a1", "b1"]));
    let mut again = ballot(&["a2"]);
    again["replaces"] = first["ballot"].clone();
    let second = voter.cast(&again);
    let ruling = |path: &str| {
        let body = json!({"ballots": [first["ballot"]], "reason": REASON});
        site.staff.post(&format!("/v1/contests/main/{path}"), path, &body).unwrap();
    };
    ruling("voids");
    assert_eq!(status(site, &first["ballot"])["status"], "voided");
    let mine = voter.mine();
    let listed: Vec<&Value> = mine["ballots"].as_array().unwrap().iter().map(|b| &b["ballot"]).collect();
    assert_eq!((listed, &mine["left"]), (vec![&second["ballot"]], &json!(["b"])));
    voter.cast(&ballot(&["b2"]));
    ruling("reinstatements");
    assert_eq!(status(site, &first["ballot"])["status"], "replaced");
}
