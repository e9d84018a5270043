//! Recusals of jurors for single entries: who can recuse, what happens to scores, and what the
//! result shows.

use std::{fs, process::Output};

use serde_json::{Value, json};

use crate::{
    backends::{on_both_backends, succeeded},
    booth::OPENED,
    server::acclaim,
    site::{Answer, Site},
};

on_both_backends!(a_recused_juror_does_not_score_the_entry, scores_below_zero_come_by_every_way,);

fn rules() -> Value {
    json!({
        "winners": {"count": 1, "from": "all", "by": "scores"},
        "panel": [{"id": "skaters", "kind": "score", "scale": [-3, 3]}, {"id": "artists", "kind": "score", "scale": [-3, 3]}],
    })
}

fn juror(site: &Site, panel: &str, name: &str) -> String {
    site.run_key(&["create", "--role", "juror", "--contest", "prize", "--panel", panel, "--name", name])
}

fn post(site: &Site, route: &str, token: &str, key: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers =
        [("authorization", &*bearer), ("idempotency-key", key), ("content-type", "application/json")];
    site.send("POST", &format!("/v1/contests/prize/{route}"), &headers, body.to_string().as_bytes())
}

#[track_caller]
fn done(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body.clone()
}

fn get(site: &Site, route: &str, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    site.send("GET", &format!("/v1/contests/prize/{route}"), &[("authorization", &bearer)], b"")
}

fn run(site: &Site, key: &str, args: &[&str]) -> Output {
    let url = format!("http://{}", site.address);
    acclaim().args(args).args(["--url", &url]).env("ACCLAIM_KEY", key).output().unwrap()
}

#[expect(clippy::too_many_lines, reason = "one contest from its opening to its result")]
fn a_recused_juror_does_not_score_the_entry(site: &Site) {
    site.create_open("prize", OPENED, &rules());
    let ama = juror(site, "skaters", "Ama");
    let scores = |values: Value| json!({"category": "a", "values": values});
    done(&post(site, "scores", &ama, "first", &scores(json!([["a1", "-1.5"], ["a2", "2"]]))));
    let own = json!({"entry": "a1", "reason": "my sister's"});
    let recused = done(&post(site, "recusals", &ama, "own", &own));
    assert_eq!(
        done(&post(site, "recusals", &ama, "own", &own)),
        recused,
        "a repeated request must get the same answer"
    );
    let again = post(site, "recusals", &ama, "again", &own);
    assert_eq!(again.problem(409, "refused")["code"], "already-recused");
    let listed = get(site, "recusals", &site.key).body;
    assert_eq!(
        listed["recusals"],
        json!([{"panel": "skaters", "juror": "Ama", "entry": "a1", "reason": "my sister's", "by": "Ama", "index": recused["index"]}])
    );
    assert_eq!(get(site, "recusals", &ama).body["recusals"], listed["recusals"]);
    let status = run(site, &site.key, &["jury", "status", "prize"]);
    let status = succeeded(&status);
    let line = status.lines().find(|line| line.contains("Ama")).unwrap();
    assert!(
        status.lines().next().unwrap().ends_with("recused") && line.trim_end().ends_with("a1"),
        "{status}"
    );
    let empty = post(site, "recusals", &ama, "empty", &json!({}));
    assert_eq!(empty.problem(400, "malformed")["field"], "entry");
    let standing = get(site, "scores", &ama).body["scores"].clone();
    assert_eq!(standing[0]["values"], json!([["a2", "2"]]), "the earlier score is dropped");

    // Every role gets a refusal that names the field or the row. No line of a file is sent.
    let both = scores(json!([["a2", "1"], ["a1", "1"]]));
    let refused = post(site, "scores", &ama, "both", &both);
    let problem = refused.problem(422, "invalid-request");
    assert_eq!(problem["field"], "values[1][0]");
    refused.names("recused");
    let mut paper = both.clone();
    (paper["panel"], paper["juror"]) = ("skaters".into(), "Ama".into());
    assert_eq!(
        post(site, "scores", &site.key, "paper", &paper).problem(422, "invalid-request")["field"],
        "values[1][0]"
    );
    let size = site.log("prize").len();
    let file = site.folder.path().join("scores.csv");
    fs::write(&file, "juror,category,entry,value\nKofi,a,a1,1\nAma,a,a2,1\nAma,a,a1,-1\n").unwrap();
    let csv = ["rule", "score", "prize", "--panel", "skaters", "--csv", file.to_str().unwrap()];
    let output = run(site, &site.key, &csv);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("scores.csv: row 4: entry: ") && stderr.contains("recused"), "{stderr}");
    assert_eq!(site.log("prize").len(), size, "no score was sent");

    // A repetition of an earlier request gets the earlier answer.
    done(&post(site, "scores", &ama, "first", &scores(json!([["a1", "-1.5"], ["a2", "2"]]))));
    // The juror rejoins. The dropped score stays dropped.
    succeeded(&run(
        site,
        &ama,
        &["jury", "rejoin", "prize", "a1", "--reason", "another skater of that name"],
    ));
    assert_eq!(get(site, "recusals", &ama).body["recusals"], json!([]));
    assert_eq!(get(site, "scores", &ama).body["scores"][0]["values"], json!([["a2", "2"]]));
    let twice = post(site, "rejoinings", &ama, "twice", &own);
    assert_eq!(twice.problem(409, "refused")["code"], "not-recused");
    done(&post(site, "scores", &ama, "both", &both));
    assert_eq!(get(site, "scores", &ama).body["scores"][0]["values"], json!([["a2", "1"], ["a1", "1"]]));
    let recuse =
        ["jury", "recuse", "prize", "b1", "--panel", "skaters", "--juror", "Ama", "--reason", "her pupil"];
    succeeded(&run(site, &site.key, &recuse));
    let last: Value = serde_json::from_str(site.log("prize").last().unwrap()).unwrap();
    assert_eq!(
        (&last["type"], &last["entry"], &last["by"] == "Ama"),
        (&json!("recused"), &json!("b1"), false)
    );

    site.staff.post("/v1/contests/prize/close", "close", &json!({})).unwrap();
    site.staff.post("/v1/contests/prize/freeze", "freeze", &json!({})).unwrap();
    let frozen = post(site, "recusals", &ama, "frozen", &json!({"entry": "b2", "reason": "late"}));
    assert_eq!(frozen.problem(409, "refused")["code"], "frozen");
    let vkey =
        site.staff.contest(&"prize".parse().unwrap()).unwrap()["log"]["vkey"].as_str().unwrap().to_owned();
    let audit = run(site, &site.key, &["audit", "prize", "--vkey", &vkey]);
    assert!(succeeded(&audit).ends_with("audit: clean"));
}

fn scores_below_zero_come_by_every_way(site: &Site) {
    site.create_open("prize", OPENED, &rules());
    for name in ["Ama", "Kofi"] {
        juror(site, "skaters", name);
    }
    let scores =
        |values: Value| json!({"panel": "skaters", "juror": "Ama", "category": "a", "values": values});
    done(&post(
        site,
        "scores",
        &site.key,
        "api",
        &scores(json!([["a1", "-1.5"], ["a2", "-3"], ["a3", "0"]])),
    ));
    for score in ["-3.0001", "3.5", "--1", "-", "-x"] {
        let refused = post(site, "scores", &site.key, "bad", &scores(json!([["a1", score]])));
        assert_eq!(refused.problem(422, "invalid-request")["field"], "values[0][1]", "{score}");
    }
    // Zero has no sign in the log.
    done(&post(site, "scores", &site.key, "zero", &scores(json!([["a1", "-0.0"]]))));
    assert!(site.log("prize").last().unwrap().contains(r#"["a1","0"]"#));
    let file = site.folder.path().join("scores.csv");
    fs::write(&file, "juror;category;entry;value\nKofi;a;a1;-1,5\nKofi;a;a2;-0,25\nKofi;b;b1;-2\n").unwrap();
    let csv = ["rule", "score", "prize", "--panel", "skaters", "--csv", file.to_str().unwrap()];
    succeeded(&run(site, &site.key, &csv));
    let standing = get(site, "scores", &site.key).body["scores"].clone();
    assert_eq!(standing[1]["values"], json!([["a1", "-1.5"], ["a2", "-0.25"]]));
    fs::write(&file, "juror,category,entry,value\nKofi,a,a1,-3.5\n").unwrap();
    let stderr = String::from_utf8_lossy(&run(site, &site.key, &csv).stderr).into_owned();
    assert!(stderr.contains("scores.csv: row 2: value: -3.5 is not from -3 to 3"), "{stderr}");
}
