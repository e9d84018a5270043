//! Contests in three rounds: a longlist, a public vote among its champions, and a final among the
//! champions of that vote.
//!
//! Each contest takes its entries from the one before. The helpers here run such contests and both
//! verifiers.

mod chain;
mod changes;
mod drafts;

use std::{path::Path, process::Output};

use acclaim_ballot_log::{Tree, leaf_hash};
use acclaim_cli::client::IdempotencyKey;
use serde_json::{Value, json};

use crate::{
    backends::succeeded,
    booth::OPENED,
    contests::following,
    server::acclaim,
    site::{Answer, Site, ballot, poll},
    verifiers::{Verdict, python},
};

fn put(site: &Site, definition: &Value, revision: Option<&str>) -> Answer {
    let bearer = format!("Bearer {}", site.key);
    let key = IdempotencyKey::new().unwrap().part(0);
    let mut headers =
        vec![("authorization", &*bearer), ("idempotency-key", &key), ("content-type", "application/json")];
    headers.extend(revision.map(|revision| ("if-match", revision)));
    let path = format!("/v1/contests/{}", definition["contest"]["id"].as_str().unwrap());
    site.send("PUT", &path, &headers, definition.to_string().as_bytes())
}

/// Puts a definition, which must succeed.
#[track_caller]
fn put_definition(site: &Site, definition: &Value, revision: Option<&str>) -> Value {
    let answer = put(site, definition, revision);
    assert!(matches!(answer.status, 200 | 201), "{answer:?}");
    answer.body
}

fn contest(site: &Site, id: &str) -> Value {
    site.staff.contest(&id.parse().unwrap()).unwrap()
}

fn run(site: &Site, args: &[&str]) -> Output {
    let url = format!("http://{}", site.address);
    acclaim().args(args).args(["--url", &url]).env("ACCLAIM_KEY", &site.key).output().unwrap()
}

fn post(site: &Site, path: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {}", site.key);
    let key = IdempotencyKey::new().unwrap().part(0);
    let headers =
        [("authorization", &*bearer), ("idempotency-key", &*key), ("content-type", "application/json")];
    site.send("POST", &format!("/v1/contests/{path}"), &headers, body.to_string().as_bytes())
}

/// Creates a longlist with two champions of three entries in each category.
fn longlist(site: &Site) {
    // Votes and winners of a category are not taken over by a later round.
    let more = json!({"champions": {"count": 2}, "winners": {"count": 1, "from": "champions", "by": "votes"},
        "category": [{"id": "a", "title": "A", "votes": [1, 2], "winners": 2}, {"id": "b", "title": "B"}]});
    site.create("longlist", OPENED, &more);
    let title = json!({"what": "entry:a1", "key": "title", "to": "The first of them", "reason": "typo"});
    vote(site, "longlist", &[&["a1", "b1"], &["a1", "b1"], &["a2", "b3"]]);
    assert_eq!(post(site, "longlist/amendments", &title).status, 200);
}

fn vote(site: &Site, contest: &str, ballots: &[&[&str]]) {
    for (number, entries) in ballots.iter().enumerate() {
        let pass = site.pass(contest, &format!("{contest}-{number}"));
        poll("a ballot", || {
            let answer = site.cast(contest, &pass, &ballot(entries));
            assert!(matches!(answer.status, 201 | 503), "{answer:?}");
            (answer.status == 201).then_some(())
        });
    }
}

fn end(site: &Site, contest: &str) {
    for step in ["close", "certify"] {
        succeeded(&run(site, &["contest", step, contest]));
    }
}

/// Runs a longlist and a public vote, and votes in a final. Returns the final's verifier key.
fn three_rounds(site: &Site) -> String {
    longlist(site);
    end(site, "longlist");
    let mut public = following("public", OPENED, "longlist");
    public["champions"] = json!({"count": 1});
    put_definition(site, &public, None);
    vote(site, "public", &[&["a2", "b1"], &["a2", "b3"], &["b3"]]);
    end(site, "public");
    let mut last = following("final", OPENED, "public");
    last["category"] = json!([{"id": "b", "title": "B, at last"}, {"id": "a", "title": "A, at last"}]);
    put_definition(site, &last, None);
    vote(site, "final", &[&["a2", "b3"]]);
    contest(site, "final")["log"]["vkey"].as_str().unwrap().to_owned()
}

fn ids(contest: &Value, key: &str) -> Vec<String> {
    contest[key].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

fn audit(folder: &Path, vkey: &str, more: &[&str]) -> Output {
    acclaim().arg("audit").arg(folder).args(["--vkey", vkey]).args(more).output().unwrap()
}

/// Runs `verify.py` on a folder.
fn verify_py(folder: &Path, vkey: &str, more: &[&str]) -> Verdict {
    python().arg("log").arg(folder).args(["--vkey", vkey]).args(more).output().unwrap().into()
}

fn root(lines: &[String]) -> String {
    let mut tree = Tree::without_tiles();
    for line in lines {
        tree.append(leaf_hash(line.as_bytes()));
    }
    tree.root().to_string()
}
