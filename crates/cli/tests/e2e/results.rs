//! The result on the command line and in an exported log.

use std::{fs, process::Output};

use acclaim_report::Report;
use serde_json::{Value, json};

use crate::{
    backends::{on_both_backends, succeeded},
    server::acclaim,
    site::{Site, ballot, poll},
};

on_both_backends!(result_is_auditable_during_correction);

fn run(site: &Site, key: &str, args: &[&str]) -> Output {
    let url = format!("http://{}", site.address);
    acclaim().args(args).args(["--url", &url]).env("ACCLAIM_KEY", key).output().unwrap()
}

/// Closes a contest with a vote and a withdrawal.
fn close(site: &Site) {
    let publication = json!({"standings": "public", "entries": "after-close", "result": "certified"});
    site.create("main", "2021-01-01T00:00:00Z", &json!({"publication": publication}));
    poll("the opening", || {
        let ballot = site.cast("main", &site.pass("main", "one"), &ballot(&["a1"]));
        (ballot.status == 201 || ballot.status == 200).then_some(())
    });
    let withdrawn = json!({"entry": "b3", "reason": "asked for"});
    site.staff.post("/v1/contests/main/withdrawals", "withdraw", &withdrawn).unwrap();
    let closed = site.staff.post("/v1/contests/main/close", "close", &json!({})).unwrap();
    site.tally("main", closed["log"]["size"].as_u64().unwrap());
}

fn result_is_auditable_during_correction(site: &Site) {
    close(site);
    let folder = site.export("main", "exported");
    let exported = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let report = Report::read(exported("result.json").as_bytes()).unwrap();
    assert_eq!((exported("result.html"), exported("result.csv")), (report.html(), report.csv()));
    let printed = run(site, &site.key, &["contest", "result", "main", "--format", "csv"]);
    assert_eq!(succeeded(&printed), report.csv().trim());

    let result = site.staff.get("/v1/contests/main/result").unwrap().json::<Value>().unwrap();
    let done = site.staff.post("/v1/contests/main/certify", "certify", &result["certify"]).unwrap();
    site.tally("main", done["log"]["size"].as_u64().unwrap());
    let certified = site.send("GET", "/v1/contests/main/result", &[], b"");
    site.staff.post("/v1/contests/main/reopen", "reopen", &json!({"reason": "an objection"})).unwrap();
    let reinstated = json!({"entry": "b3", "reason": "a misunderstanding"});
    let done = site.staff.post("/v1/contests/main/reinstatements", "reinstate", &reinstated).unwrap();
    site.tally("main", done["log"]["size"].as_u64().unwrap());
    let printed = succeeded(&run(site, &site.key, &["contest", "result", "main", "--certified"]));
    assert_eq!(printed, certified.text.trim());
    // An auditor compares the log with its current result, not with the earlier certified one.
    let contest = site.staff.contest(&"main".parse().unwrap()).unwrap();
    let vkey = contest["log"]["vkey"].as_str().unwrap();
    for key in ["", &site.key] {
        assert!(succeeded(&run(site, key, &["audit", "main", "--vkey", vkey])).ends_with("audit: clean"));
    }
}
