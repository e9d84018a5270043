//! The destruction of a contest's tag key: what still works without it, what does not, and that no
//! kill leaves it half done.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    backends::{Servers, on_both_backends, succeeded},
    booth::OPENED,
    relocation::move_from,
    server::acclaim,
    site::{Answer, Site, ballot, poll},
};

const REASON: &str = "as announced: nobody objected";
/// Number of contests whose key is destroyed while every process is killed.
const ROUNDS: u64 = 10;

on_both_backends!(a_destroyed_key_ends_minting_and_nothing_else);

fn destroy(site: &Site, contest: &str, token: &str, key: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers =
        [("authorization", &*bearer), ("idempotency-key", key), ("content-type", "application/json")];
    let path = format!("/v1/contests/{contest}/tag-key/destruction");
    site.send("POST", &path, &headers, body.to_string().as_bytes())
}

fn mint(site: &Site, contest: &str) -> Answer {
    let bearer = format!("Bearer {}", site.key);
    let headers =
        [("authorization", &*bearer), ("idempotency-key", "late"), ("content-type", "application/json")];
    site.send("POST", &format!("/v1/contests/{contest}/passes"), &headers, br#"{"count":1}"#)
}

fn is_gone(minting: &Answer) -> bool {
    assert_eq!(minting.content_type, "application/problem+json", "{minting:?}");
    minting.body["type"] == "/problems/tag-key-destroyed"
}

/// Returns the statements of a log about the destruction.
fn statements(site: &Site, contest: &str) -> Vec<Value> {
    let log = site.log(contest);
    let entries = log.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    entries.filter(|entry| entry["kind"] == "tag-key-destroyed").collect()
}

fn a_destroyed_key_ends_minting_and_nothing_else(site: &Site) {
    let vkey = site.create("main", OPENED, &json!({}))["log"]["vkey"].as_str().unwrap().to_owned();
    let pass = site.pass("main", "mailto:ama@example.org");
    let cast = site.cast("main", &pass, &ballot(&["a1"])).body;
    let reason = json!({"reason": REASON});
    let organiser = site.staff_key("organiser", "main");
    let early = destroy(site, "main", &organiser, "early", &reason);
    assert_eq!(early.problem(409, "refused")["code"], "still-open");
    site.staff.post("/v1/contests/main/close", "close", &json!({})).unwrap();
    mint(site, "main").problem(403, "voting-closed");

    for (token, status, code) in
        [(site.staff_key("auditor", "main"), 403, "key-insufficient"), (pass.clone(), 401, "key-invalid")]
    {
        destroy(site, "main", &token, "other", &reason).problem(status, code);
    }
    destroy(site, "main", &organiser, "empty", &json!({"reason": " "})).problem(422, "invalid-request");
    destroy(site, "main", &organiser, "shape", &json!({})).problem(400, "malformed");
    for kind in ["tag-key-destroyed", "Tag-Key-Destroyed"] {
        let lie = json!({"kind": kind, "text": "it is gone"});
        let error = site.staff.post("/v1/contests/main/statements", kind, &lie).unwrap_err().to_string();
        assert!(error.contains("tag-key/destruction"), "{error}");
    }
    assert_eq!(statements(site, "main"), [] as [Value; 0]);

    let done = destroy(site, "main", &organiser, "now", &reason);
    assert_eq!(done.status, 200, "{done:?}");
    let logged = statements(site, "main");
    assert_eq!((logged.len(), &logged[0]["text"]), (1, &json!(REASON)));
    assert!(is_gone(&mint(site, "main")), "the next request must find the key gone");
    assert_eq!(
        destroy(site, "main", &organiser, "now", &reason).body,
        done.body,
        "a repeated request must get the same answer"
    );
    let again = destroy(site, "main", &organiser, "again", &reason);
    assert_eq!(again.problem(409, "refused")["code"], "tag-key-destroyed");
    let contest: Value = site.staff.get("/v1/contests/main").unwrap().json().unwrap();
    assert_eq!(contest["tag_key_destroyed"], true);
    works_without(site, &vkey, &pass, &cast);
}

/// Passes hold the tag, so voters still see their ballots. The contest is certified and audited.
fn works_without(site: &Site, vkey: &str, pass: &str, cast: &Value) {
    let bearer = format!("Bearer {pass}");
    let mine = site.send("GET", "/v1/contests/main/votes/mine", &[("authorization", &bearer)], b"");
    assert_eq!(mine.body["ballots"][0]["ballot"], cast["ballot"]);
    let again = site.cast("main", pass, &ballot(&["a1"]));
    assert_eq!((again.status, &again.body["index"]), (200, &cast["index"]), "{again:?}");
    let url = format!("http://{}", site.address);
    let run = |args: &[&str]| {
        let mut command = acclaim();
        succeeded(&command.args(args).args(["--url", &url]).env("ACCLAIM_KEY", &site.key).output().unwrap())
    };
    let stdout = run(&["contest", "show", "main"]);
    assert!(
        stdout.lines().any(|line| line.starts_with("tag key:") && line.ends_with(" destroyed")),
        "{stdout}"
    );
    run(&["contest", "certify", "main"]);
    assert!(run(&["audit", "main", "--vkey", vkey]).contains("audit: clean"));
}

#[test]
fn no_kill_leaves_half_of_a_destruction_embedded() {
    kill_at_every_moment(Site::start());
}

#[test]
fn no_kill_leaves_half_of_a_destruction_in_a_cluster() {
    kill_at_every_moment(Site::start_clustered());
}

fn kill_at_every_moment(mut site: Site) {
    let contests: Vec<String> = (0..ROUNDS).map(|round| format!("contest-{round}")).collect();
    for contest in &contests {
        site.create(contest, OPENED, &json!({}));
    }
    thread::scope(|scope| {
        for contest in &contests {
            let staff = &site.staff;
            scope.spawn(move || {
                staff.post(&format!("/v1/contests/{contest}/close"), "close", &json!({})).unwrap()
            });
        }
    });
    for (round, contest) in (0..).zip(&contests) {
        let client = crate::server::client(site.address, &site.key);
        let path = format!("/v1/contests/{contest}/tag-key/destruction");
        // The client itself repeats a request after a broken connection, but not after a refused
        // one. No process listens until the restart, so the loop repeats it.
        let send = move || client.post(&path, "once", &json!({"reason": REASON})).ok();
        let sending = thread::spawn(move || poll("an answer", send));
        let moment = Instant::now() + Duration::from_millis(round * 3);
        while Instant::now() < moment {
            thread::yield_now();
        }
        site.kill();
        if let Some(halves) = site.number(
            "SELECT count(*) FROM contests WHERE (tag_key = '') != EXISTS
             (SELECT 1 FROM entries WHERE contest = number AND position('tag-key-destroyed'::bytea IN lines) > 0)",
        ) {
            assert_eq!(halves, 0, "{contest}");
        }
        site.restart();
        check(&site, contest);
        let done = sending.join().unwrap();
        check(&site, contest);
        assert_eq!(statements(&site, contest).len(), 1, "{contest}");
        let line: Value = serde_json::from_str(site.log(contest).last().unwrap()).unwrap();
        assert_eq!(
            (&line["text"], done["index"].as_u64()),
            (&json!(REASON), Some(done["log"]["size"].as_u64().unwrap() - 1))
        );
    }
}

/// The key is gone if and only if the log says so.
///
/// A change that was committed just before a kill is published, and reaches other processes, a
/// moment after the start.
fn check(site: &Site, contest: &str) {
    let (gone, is_logged) = (is_gone(&mint(site, contest)), !statements(site, contest).is_empty());
    if gone || is_logged {
        poll("the key to be gone", || is_gone(&mint(site, contest)).then_some(()));
        poll("the log to say so", || (!statements(site, contest).is_empty()).then_some(()));
    }
}

#[test]
fn a_contest_without_its_key_moves() {
    let mut site = Site::start();
    site.create("main", OPENED, &json!({}));
    let pass = site.pass("main", "mailto:ama@example.org");
    let cast = site.cast("main", &pass, &ballot(&["a1"])).body;
    site.staff.post("/v1/contests/main/close", "close", &json!({})).unwrap();
    assert_eq!(destroy(&site, "main", &site.key, "now", &json!({"reason": REASON})).status, 200);
    let (log, key) = (site.log("main"), site.key.clone());
    site.kill();
    let servers = Servers::start_for(&site.data(), site.folder.path());
    succeeded(&move_from(&site.data(), &servers, &[]));
    site.set_servers(Some(servers));
    site.restart();
    assert_eq!(site.log("main"), log);
    assert!(is_gone(&mint(&site, "main")));
    let again = destroy(&site, "main", &key, "again", &json!({"reason": REASON}));
    assert_eq!(again.problem(409, "refused")["code"], "tag-key-destroyed");
    let bearer = format!("Bearer {pass}");
    let mine = site.send("GET", "/v1/contests/main/votes/mine", &[("authorization", &bearer)], b"");
    assert_eq!(mine.body["ballots"][0]["ballot"], cast["ballot"]);
}
