//! An audit of the last of three rounds follows the chain back, and a missing log is a discrepancy.

use std::{fs, path::Path, process::Output};

use serde_json::{Value, json};

use super::{audit, contest, end, ids, post, root, run, three_rounds, verify_py};
use crate::{
    backends::{on_both_backends, succeeded},
    follow::file_server,
    server::acclaim,
    site::Site,
    verifiers::serve,
};

on_both_backends!(three_rounds_are_audited_as_one);

fn three_rounds_are_audited_as_one(site: &Site) {
    let vkey = three_rounds(site);
    let public = contest(site, "public");
    assert_eq!(ids(&public, "entries"), ["a1", "a2", "b1", "b3"]);
    assert_eq!(public["entries"][0]["title"], "The first of them", "the title must be the amended one");
    assert_eq!(
        (&public["categories"][0]["title"], ids(&public, "categories")),
        (&json!("A"), vec!["a".into(), "b".into()])
    );
    assert_eq!(
        public["categories"][0],
        json!({"id": "a", "title": "A"}),
        "its votes and winners are not taken over"
    );
    let last = contest(site, "final");
    assert_eq!(
        (ids(&last, "entries"), ids(&last, "categories")),
        (vec!["a2".into(), "b3".into()], vec!["b".into(), "a".into()])
    );
    assert_eq!(last["categories"][0]["title"], "B, at last");

    // The header names the log before it as it was when it was certified.
    let header: Value = serde_json::from_str(&site.log("public")[0]).unwrap();
    let before = site.log("longlist");
    let certified: Value = serde_json::from_str(before.last().unwrap()).unwrap();
    assert_eq!(
        header["previous"],
        json!({
            "origin": contest(site, "longlist")["log"]["origin"],
            "size": before.len(),
            "root": root(&before),
            "result": certified["result"],
        })
    );
    assert_eq!(public["rounds"], json!({"from": "longlist", "previous": header["previous"]}));
    let result: Value = site.staff.get("/v1/contests/public/result").unwrap().json().unwrap();
    assert_eq!(result["previous"], header["previous"]);

    let stdout = succeeded(&run(site, &["audit", "final", "--vkey", &vkey]));
    assert!(
        stdout.ends_with("audit: clean") && stdout.contains("/longlist: ") && stdout.contains("/public: "),
        "{stdout}"
    );
    let report = run(site, &["audit", "final", "--vkey", &vkey, "--json"]);
    let report: Value = serde_json::from_str(&succeeded(&report)).unwrap();
    assert_eq!((&report["clean"], &report["chain"]["followed"]), (&json!(true), &json!(true)));
    let origins: Vec<_> = report["chain"]["previous"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| link["origin"].as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    assert_eq!(origins, ["public", "longlist"]);
    // A key for the final alone also audits the public logs before it. The copies are kept.
    let organiser = site.staff_key("organiser", "final");
    let copies = site.folder.path().join("copies");
    let url = format!("http://{}", site.address);
    for _ in 0..2 {
        let mut audit = acclaim();
        audit.args(["audit", "final", "--vkey", &vkey, "--url", &url, "--copy"]).arg(&copies);
        assert!(succeeded(&audit.env("ACCLAIM_KEY", &organiser).output().unwrap()).ends_with("audit: clean"));
    }
    assert!(copies.join("previous/previous/log.jsonl").is_file());
    check_exported_chain(site, &vkey, &organiser);
    reopened_source_changes_nothing(site, &vkey);
    check_follow_audits_chain(site, &vkey);
}

/// An export holds the whole chain. A missing log is a discrepancy.
fn check_exported_chain(site: &Site, vkey: &str, organiser: &str) {
    let folder = site.folder.path().join("exported");
    let url = format!("http://{}", site.address);
    let mut export = acclaim();
    export.args(["log", "export", "final", "--url", &url, "--out"]).arg(&folder);
    let stdout = succeeded(&export.env("ACCLAIM_KEY", organiser).output().unwrap());
    assert_eq!(stdout.lines().count(), 3, "{stdout}");
    for part in ["", "previous", "previous/previous"] {
        for file in ["log.jsonl", "checkpoint", "vkey", "contest.json", "tile"] {
            assert!(folder.join(part).join(file).exists(), "{part} {file}");
        }
    }
    let audited = audit(&folder, vkey, &[]);
    assert!(succeeded(&audited).ends_with("audit: clean"));
    let verdict = verify_py(&folder, vkey, &[]);
    assert_eq!((verdict.status, &*verdict.output), (0, "verify: clean\n"));
    let server = file_server(&folder);
    let address = server.address;
    let at = || acclaim().args(["audit", &format!("http://{address}/"), "--vkey", vkey]).output().unwrap();
    let stdout = succeeded(&at());
    assert!(stdout.contains("/longlist: ") && stdout.ends_with("audit: clean"), "{stdout}");
    let moved_folder = site.folder.path().join("elsewhere");
    fs::rename(folder.join("previous"), &moved_folder).unwrap();
    assert_missing_log(&at());
    drop(server);
    let independent = |more: &[&str]| verify_py(&folder, vkey, more);
    let verdict = independent(&[]);
    let names_log = |line: &str| {
        line.starts_with("index 0: the log of ") && line.contains(" is missing: put its export into ")
    };
    assert!(verdict.status == 1 && verdict.output.lines().any(names_log), "{verdict:?}");
    let verdict = independent(&["--alone"]);
    assert!(verdict.status == 0 && verdict.output.starts_with("alone: the log of "), "{verdict:?}");
    missing_log_is_discrepancy(&folder, vkey);
    let named = audit(&folder, vkey, &["--previous", moved_folder.to_str().unwrap()]);
    let stdout = succeeded(&named);
    assert!(stdout.ends_with("audit: clean") && !stdout.contains("not followed"), "{stdout}");
    let alone: Value = serde_json::from_str(&succeeded(&audit(
        &moved_folder.join("previous"),
        &key_in(&moved_folder.join("previous")),
        &["--json"],
    )))
    .unwrap();
    assert!(alone.get("chain").is_none(), "the first round has no earlier contest");
}

/// A missing log is a discrepancy, in a folder and at a server with only this log, unless `--alone`
/// is given.
fn missing_log_is_discrepancy(folder: &Path, vkey: &str) {
    let address = serve(folder.to_owned(), "final".to_owned());
    let url = format!("http://{address}");
    let of_folder = |more: &[&str]| audit(folder, vkey, more);
    let of_server = |more: &[&str]| {
        acclaim().args(["audit", "final", "--url", &url, "--vkey", vkey]).args(more).output().unwrap()
    };
    for audit in [&of_folder as &dyn Fn(&[&str]) -> Output, &of_server] {
        assert_missing_log(&audit(&[]));
        let report = audit(&["--json"]);
        assert_eq!(report.status.code(), Some(1), "{report:?}");
        let report: Value = serde_json::from_slice(&report.stdout).unwrap();
        let chain = &report["chain"];
        assert_eq!(
            (&report["clean"], &chain["followed"], &chain["previous"]),
            (&json!(false), &json!(false), &json!([]))
        );
        assert!(chain["reason"].is_string() && report["findings"][0]["index"] == 0, "{report}");

        let stdout = succeeded(&audit(&["--alone"]));
        assert!(stdout.contains("chain: not followed: --alone judges this log only"), "{stdout}");
        assert!(
            stdout.contains("/public, whose champions are the entries\n") && stdout.ends_with("audit: clean"),
            "{stdout}"
        );
        let report: Value = serde_json::from_str(&succeeded(&audit(&["--alone", "--json"]))).unwrap();
        assert_eq!((&report["clean"], &report["chain"]["followed"]), (&json!(true), &json!(false)));
    }
    // The same holds in the middle of a chain. There the finding names the log that refers to the
    // missing one.
    let moved_folder = folder.with_file_name("elsewhere");
    let first = folder.with_file_name("first");
    fs::rename(moved_folder.join("previous"), &first).unwrap();
    let output = audit(folder, vkey, &["--previous", moved_folder.to_str().unwrap()]);
    let stdout = assert_missing_log(&output);
    assert!(stdout.lines().any(|line| line.contains("/public: index 0: the log of ")), "{stdout}");
    fs::rename(&first, moved_folder.join("previous")).unwrap();
}

/// Checks that the only finding of an audit is a missing log, and that it says what to do. Returns
/// the output.
#[track_caller]
fn assert_missing_log(output: &Output) -> String {
    let stdout = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    let names_log = |line: &str| {
        line.contains("index 0: the log of ") && line.contains(" is missing: ") && line.contains("--alone")
    };
    assert!(stdout.lines().any(names_log) && stdout.contains("chain: not followed: the log of "), "{stdout}");
    assert!(stdout.ends_with("audit: 1 discrepancy\n"), "{stdout}");
    stdout
}

/// The state of the earlier contest at its certification counts, not its later state.
fn reopened_source_changes_nothing(site: &Site, vkey: &str) {
    assert_eq!(post(site, "public/reopen", &json!({"reason": "an objection"})).status, 200);
    let withdrawn = json!({"entry": "a2", "reason": "it was upheld"});
    assert_eq!(post(site, "public/withdrawals", &withdrawn).status, 200);
    let stdout = succeeded(&run(site, &["audit", "final", "--vkey", vkey]));
    assert!(stdout.ends_with("audit: clean"), "{stdout}");
    // The audit computes the former result. `verify.py` needs its document, and says so.
    let folder = site.export("final", "reopened");
    succeeded(&audit(&folder, vkey, &[]));
    let verdict = verify_py(&folder, vkey, &[]);
    let names_document = |line: &str| {
        line.starts_with("index 0: no file in ") && line.contains("/previous is the result document ")
    };
    assert!(verdict.status == 1 && verdict.output.lines().any(names_document), "{verdict:?}");
    let former = site.folder.path().join("elsewhere/result.json");
    fs::copy(former, folder.join("previous/former.json")).unwrap();
    let verdict = verify_py(&folder, vkey, &[]);
    assert_eq!((verdict.status, &*verdict.output), (0, "verify: clean\n"));
}

/// Follows until the result is certified. The verdicts are those of a single audit.
fn check_follow_audits_chain(site: &Site, vkey: &str) {
    end(site, "final");
    let folder = site.export("final", "ended");
    fs::rename(folder.join("previous"), folder.with_file_name("ended-previous")).unwrap();
    let follow = |url: &str, copy: &str, more: &[&str]| {
        let mut audit = acclaim();
        audit.args(["audit", "final", "--url", url, "--vkey", vkey, "--follow", "--every", "0.1", "--copy"]);
        audit.arg(site.folder.path().join(copy)).args(more).output().unwrap()
    };
    let stdout = succeeded(&follow(&format!("http://{}", site.address), "follow-all", &[]));
    assert!(stdout.ends_with("audit: clean, and certified") && stdout.contains("/longlist: "), "{stdout}");
    let one = format!("http://{}", serve(folder, "final".to_owned()));
    assert_missing_log(&follow(&one, "follow-one", &[]));
    let stdout = succeeded(&follow(&one, "follow-alone", &["--alone"]));
    assert!(
        stdout.contains("--alone judges this log only") && stdout.ends_with("clean, and certified"),
        "{stdout}"
    );
}

fn key_in(folder: &Path) -> String {
    fs::read_to_string(folder.join("vkey")).unwrap().trim().to_owned()
}
