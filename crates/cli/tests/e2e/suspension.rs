//! Voting is suspended and resumed, by the command line and over HTTP. All processes refuse ballots
//! meanwhile.

use std::process::Output;

use serde_json::{Value, json};

use crate::{
    backends::{on_both_backends, succeeded},
    booth::OPENED,
    server::acclaim,
    site::{Site, ballot, poll},
};

on_both_backends!(ballots_are_refused_while_voting_is_suspended);

fn run(site: &Site, args: &[&str]) -> Output {
    let url = format!("http://{}", site.address);
    acclaim().args(args).args(["--url", &url]).env("ACCLAIM_KEY", &site.key).output().unwrap()
}

fn contest(site: &Site) -> Value {
    site.send("GET", "/v1/contests/main", &[], b"").body
}

/// Waits until the contest is open, and casts a ballot of this voter.
fn open_with_ballot(site: &Site, pass: &str) {
    poll("a ballot", || {
        let answer = site.cast("main", pass, &ballot(&["a1"]));
        assert!(matches!(answer.status, 201 | 200 | 503 | 403), "{answer:?}");
        (answer.status < 300).then_some(())
    });
}

fn ballots_are_refused_while_voting_is_suspended(site: &Site) {
    let publication = json!({"standings": "public", "entries": "after-close", "result": "certified"});
    site.create("main", OPENED, &json!({"publication": publication}));
    let (ama, kofi) = (site.pass("main", "ama"), site.pass("main", "kofi"));
    open_with_ballot(site, &ama);
    let running = contest(site);
    assert_eq!((&running["phase"], running.get("suspended")), (&json!("open"), None));

    succeeded(&run(
        site,
        &["contest", "suspend", "main", "--reason", "passes went astray", "--note", "to all"],
    ));
    let suspended = contest(site);
    assert_eq!((&suspended["phase"], &suspended["suspended"]), (&json!("open"), &json!(true)));
    assert_eq!(suspended["closes"], running["closes"], "the closing instant must not move");
    let listed = site.send("GET", "/v1/contests", &[], b"").body;
    assert_eq!(
        (&listed["contests"][0]["phase"], &listed["contests"][0]["suspended"]),
        (&json!("open"), &json!(true))
    );
    let stdout = succeeded(&run(site, &["contest", "show", "main"]));
    assert!(stdout.lines().any(|line| line.split_whitespace().eq(["voting:", "suspended"])), "{stdout}");

    let refused = site.cast("main", &kofi, &ballot(&["a2"]));
    let problem = refused.problem(403, "voting-suspended");
    assert_eq!((&problem["opens"], &problem["closes"]), (&running["opens"], &running["closes"]));
    assert!(site.send("GET", "/problems/voting-suspended", &[], b"").text.contains("Voting is suspended"));
    let line = json!({"pass": kofi, "selections": [{"category": "a", "entry": "a2"}]}).to_string();
    let bearer = format!("Bearer {}", site.staff_key("gateway", "main"));
    let headers = [("authorization", &*bearer), ("content-type", "application/x-ndjson")];
    let bulk = site.send("POST", "/v1/contests/main/ballots/bulk", &headers, line.as_bytes());
    assert_eq!(bulk.body["problem"]["type"], "/problems/voting-suspended", "{bulk:?}");
    assert_eq!(site.cast("main", &ama, &ballot(&["a1"])).status, 200, "the ballot was recorded before");
    let esi = site.pass("main", "esi");
    let mine = site.send(
        "GET",
        "/v1/contests/main/votes/mine",
        &[("authorization", &format!("Bearer {kofi}"))],
        b"",
    );
    assert_eq!(
        mine.body["left"],
        json!(["a", "b"]),
        "the categories of a voter who can vote again after the resumption"
    );
    poll("the tally", || {
        let tally = site.send("GET", "/v1/contests/main/tally", &[], b"").body;
        (tally["suspended"] == true && tally["phase"] == "open").then_some(())
    });

    let reason = json!({"reason": "new passes are out"});
    site.staff.post("/v1/contests/main/resume", "resume", &reason).unwrap();
    assert_eq!(contest(site).get("suspended"), None);
    assert_eq!(site.cast("main", &kofi, &ballot(&["a2"])).status, 201, "the ballot that was refused before");
    assert_eq!(site.cast("main", &esi, &ballot(&["a2"])).status, 201);
    let log = site.log("main");
    let kinds: Vec<Value> = log.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let entry = kinds.iter().find(|entry| entry["type"] == "suspended").unwrap();
    assert_eq!((&entry["reason"], &entry["note"]), (&json!("passes went astray"), &json!("to all")));
    assert!(kinds.iter().any(|entry| entry["type"] == "resumed" && entry["reason"] == "new passes are out"));
    site.staff.post("/v1/contests/main/close", "close", &json!({})).unwrap();
    let folder = site.export("main", "suspended");
    let vkey = running["log"]["vkey"].as_str().unwrap().to_owned();
    let audit = acclaim().arg("audit").arg(&folder).args(["--vkey", &vkey]).output().unwrap();
    assert!(succeeded(&audit).ends_with("audit: clean"));
}

#[test]
fn all_processes_refuse_until_voting_resumes() {
    let mut site = Site::start_clustered();
    site.create("main", OPENED, &json!({}));
    let (ama, kofi) = (site.pass("main", "ama"), site.pass("main", "kofi"));
    open_with_ballot(&site, &ama);
    let (first, (other, _process)) = (site.address, site.another_api());
    site.staff.post("/v1/contests/main/suspend", "suspend", &json!({"reason": "a test"})).unwrap();
    site.address = other;
    poll("the other process refuses", || {
        let refused = site.cast("main", &kofi, &ballot(&["a2"]));
        (refused.problem(403, "voting-suspended")["closes"] == "2099-12-01T00:00:00Z").then_some(())
    });
    // The suspension also holds after all processes were killed.
    site.address = first;
    site.kill();
    site.restart();
    site.cast("main", &kofi, &ballot(&["a2"])).problem(403, "voting-suspended");
    site.staff.post("/v1/contests/main/resume", "resume", &json!({"reason": "a test"})).unwrap();
    site.address = other;
    poll("the other process takes ballots again", || {
        let answer = site.cast("main", &kofi, &ballot(&["a2"]));
        (answer.status == 201).then_some(())
    });
}
