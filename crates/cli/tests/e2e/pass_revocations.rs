//! Revoked passes. Every process refuses them within a second, and accepts the new ones. Ballots
//! stand. A process that cannot read the revocations refuses every pass.

use std::{
    fs,
    net::SocketAddr,
    process::Output,
    time::{Duration, Instant},
};

use acclaim_test_servers::{switch::Switch, wait::wait_until};
use serde_json::{Value, json};

use crate::{
    backends::{on_both_backends, succeeded},
    booth::OPENED,
    server::acclaim,
    site::{Answer, Site, ballot, poll},
};

const AMA: &str = "ama@example.org";

on_both_backends!(the_command_line_revokes_and_counts, reasons_go_with_the_tag_key,);

fn post(site: &Site, path: &str, key: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {}", site.key);
    let headers =
        [("authorization", &*bearer), ("idempotency-key", key), ("content-type", "application/json")];
    site.send("POST", &format!("/v1/contests/{path}"), &headers, body.to_string().as_bytes())
}

fn mint(site: &Site, key: &str, subject: &str) -> Answer {
    post(site, "prize/passes", key, &json!({"subjects": [subject]}))
}

/// Returns the first pass of an answer.
fn pass(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["passes"][0]["pass"].as_str().unwrap().to_owned()
}

fn revoke(site: &Site, key: &str, subject: &str, mode: &str) -> Answer {
    let body = json!({"subjects": [subject], "mode": mode, "reason": "the link was forwarded"});
    post(site, "prize/passes/revocations", key, &body)
}

fn mine_at(site: &Site, address: SocketAddr, pass: &str) -> Answer {
    let bearer = format!("Bearer {pass}");
    site.send_to(address, "GET", "/v1/contests/prize/votes/mine", &[("authorization", &bearer)], b"")
}

fn mine(site: &Site, pass: &str) -> Answer {
    mine_at(site, site.address, pass)
}

fn run(site: &Site, args: &[&str]) -> Output {
    let url = format!("http://{}", site.address);
    acclaim().arg("pass").args(args).args(["--url", &url]).env("ACCLAIM_KEY", &site.key).output().unwrap()
}

fn the_command_line_revokes_and_counts(site: &Site) {
    site.create_open("prize", OPENED, &json!({}));
    let minted =
        || succeeded(&run(site, &["mint", "prize", "--subject", AMA])).lines().nth(1).unwrap().to_owned();
    let first = minted();
    assert_eq!(minted(), first);
    let pass = |line: &str| line.split(',').nth(1).unwrap().to_owned();
    let list = site.folder.path().join("left.txt");
    fs::write(&list, "ama@example.org\nAMA@example.org\n").unwrap();
    let list = list.to_str().unwrap();
    let args = ["revoke", "prize", "--subjects", list, "--mode", "replace", "--reason", "forwarded"];
    assert_eq!(succeeded(&run(site, &args)), "revoked: the passes of 1 voters");
    mine(site, &pass(&first)).problem(401, "pass-revoked");
    let second = minted();
    assert_ne!(second, first, "minting again must give a new pass");
    assert_eq!(mine(site, &pass(&second)).status, 200);
    assert_eq!(minted(), second);
    let counts = succeeded(&run(site, &["count", "prize"]));
    assert_eq!(counts, "pass: 2 passes minted\nrevoked: the passes of 1 voters, 0 of them barred");
    fs::write(list, "ama@example.org\nnobody\n").unwrap();
    let refused = run(site, &args);
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(words.contains("line 2") && words.contains("nothing was revoked"), "{words}");
}

fn reasons_go_with_the_tag_key(site: &Site) {
    site.create_open("prize", OPENED, &json!({}));
    let first = pass(&mint(site, "first", AMA));
    assert_eq!(revoke(site, "k", AMA, "bar").status, 200);
    assert!(site.number("SELECT count(*) FROM revocations").is_none_or(|count| count == 1));
    post(site, "prize/close", "close", &json!({}));
    let destroyed = post(site, "prize/tag-key/destruction", "destroy", &json!({"reason": "as announced"}));
    assert_eq!(destroyed.status, 200, "{destroyed:?}");
    assert!(site.number("SELECT count(*) FROM revocations").is_none_or(|count| count == 0));
    mine(site, &first).problem(401, "pass-revoked");
    revoke(site, "late", AMA, "bar").problem(409, "tag-key-destroyed");
}

/// The command line also revokes passes on the data directory, between two starts.
#[test]
fn loads_revocations_at_start() {
    let mut site = Site::start();
    site.create_open("prize", OPENED, &json!({}));
    let (ama, kofi) = (pass(&mint(&site, "ama", AMA)), pass(&mint(&site, "kofi", "kofi@example.org")));
    assert_eq!(revoke(&site, "k", AMA, "replace").status, 200);
    site.kill();
    let args =
        ["pass", "revoke", "prize", "--subject", "kofi@example.org", "--mode", "bar", "--reason", "left"];
    succeeded(&acclaim().args(args).arg("--data").arg(site.data()).output().unwrap());
    let count = acclaim().args(["pass", "count", "prize", "--data"]).arg(site.data()).output().unwrap();
    assert!(succeeded(&count).ends_with("revoked: the passes of 2 voters, 1 of them barred"));
    site.restart();
    for pass in [ama, kofi] {
        mine(&site, &pass).problem(401, "pass-revoked");
    }
}

/// Repetitions of requests of older programs get the answers of those programs.
#[test]
fn passes_of_version_1_are_valid_until_they_are_revoked() {
    let site = Site::start_clustered();
    site.create_open("prize", OPENED, &json!({}));
    let mint_unnamed = |key: &str| post(&site, "prize/passes", key, &json!({"count": 1}));
    let (ama, unnamed) = (pass(&mint(&site, "ama", AMA)), pass(&mint_unnamed("count")));
    let older = "pass_key = NULL, expires = NULL, admitted = NULL, generation = NULL, schema = 4";
    site.execute(&format!("UPDATE pass_requests SET staff = '', {older}"));
    let (ama_1, unnamed_1) = (pass(&mint(&site, "ama", AMA)), pass(&mint_unnamed("count")));
    assert!(ama.starts_with("Ag") && ama_1.starts_with("AQ") && unnamed_1.starts_with("AQ"), "{ama} {ama_1}");
    assert_eq!(site.cast("prize", &ama, &ballot(&["a1"])).status, 201);
    assert_eq!(
        mine(&site, &ama_1).body["ballots"].as_array().unwrap().len(),
        1,
        "both passes must be of one voter"
    );
    assert_eq!(site.cast("prize", &unnamed, &ballot(&["a1"])).status, 201);
    assert_eq!(mine(&site, &unnamed_1).body["ballots"], json!([]), "older programs generated another voter");
    assert_eq!(revoke(&site, "k", AMA, "replace").status, 200);
    for pass in [&ama, &ama_1] {
        mine(&site, pass).problem(401, "pass-revoked");
    }
    assert_eq!(
        pass(&mint(&site, "ama", AMA)),
        ama_1,
        "a repeated request must give the same pass after the revocation"
    );
    assert_eq!(mine(&site, &pass(&mint(&site, "new", AMA))).status, 200);
    assert_eq!(mine(&site, &unnamed_1).status, 200);
}

#[test]
fn every_process_of_a_cluster_refuses_within_a_second() {
    let site = Site::start_clustered();
    site.create_open("prize", OPENED, &json!({}));
    let (other, _process) = site.another_api();
    let mut slowest = Duration::ZERO;
    for round in 0..5 {
        let subject = format!("voter-{round}@example.org");
        let pass = pass(&mint(&site, &subject, &subject));
        poll("the contest there", || (mine_at(&site, other, &pass).status == 200).then_some(()));
        let started = Instant::now();
        assert_eq!(revoke(&site, &format!("revoke-{round}"), &subject, "replace").status, 200);
        mine(&site, &pass).problem(401, "pass-revoked");
        wait_until("the other process refuses the pass", || mine_at(&site, other, &pass).status != 200);
        slowest = slowest.max(started.elapsed());
        mine_at(&site, other, &pass).problem(401, "pass-revoked");
    }
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

/// Without the database the process cannot know about revocations in other processes.
#[test]
fn process_without_database_refuses_passes_after_5_seconds() {
    let site = Site::start_clustered();
    site.create_open("prize", OPENED, &json!({}));
    let minted = post(&site, "prize/passes", "mint", &json!({"count": 200}));
    let mut minted = minted.body["passes"].as_array().unwrap().iter();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let port = site.postgres().rsplit_once(':').unwrap().1.split('/').next().unwrap().parse::<u16>().unwrap();
    let switch = runtime.block_on(Switch::start(port));
    let by_switch = site.postgres().replace(&format!(":{port}/"), &format!(":{}/", switch.port()));
    let (cut, _process) = site.another_api_in(&[("ACCLAIM_POSTGRES_URL".to_owned(), by_switch)]);
    let cast = |pass: &Value| {
        let bearer = format!("Bearer {}", pass["pass"].as_str().unwrap());
        let headers = [("authorization", &*bearer), ("content-type", "application/json")];
        let body = ballot(&["a1"]).to_string();
        site.send_to(cut, "POST", "/v1/contests/prize/ballots", &headers, body.as_bytes())
    };
    // Each ballot is of another voter, because a repeated ballot is looked up in the database.
    let mut cast_next = || cast(minted.next().unwrap());
    poll("the contest there", || (cast_next().status == 201).then_some(()));
    let (started, revoked_pass) = (Instant::now(), minted_pass(&site));
    switch.lead_to(None);
    let meanwhile = cast_next();
    assert_eq!(meanwhile.status, 201, "the process must accept passes for a moment: {meanwhile:?}");
    // The pass is revoked, but this process gets no notice.
    assert_eq!(revoke(&site, "k", AMA, "replace").status, 200);
    let is_refused = |answer: &Answer| answer.body["type"] == "/problems/revocations-unknown";
    let refused = poll("every pass is refused", || Some(cast_next()).filter(is_refused));
    assert_eq!((refused.status, refused.header("retry-after").is_empty()), (503, false));
    let taken = started.elapsed();
    assert!((Duration::from_secs(4)..Duration::from_secs(8)).contains(&taken), "{taken:?}");
    mine_at(&site, cut, "AAAA").problem(401, "pass-invalid");
    switch.lead_to(Some(port));
    let known = poll("the process reads the revocations again", || {
        Some(cast(&revoked_pass)).filter(|answer| answer.status != 503)
    });
    known.problem(401, "pass-revoked");
}

fn minted_pass(site: &Site) -> Value {
    mint(site, "ama", AMA).body["passes"][0].clone()
}
