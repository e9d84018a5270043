//! Jurors and the spelling of their names: two spellings are one juror, an unknown name is refused,
//! and each juror's progress can be read.

use std::{fs, process::Output};

use serde_json::{Value, json};

use crate::{
    backends::{on_both_backends, succeeded},
    booth::OPENED,
    contests::{COMPOSED, DECOMPOSED, jurors_in_log, points, two_panels},
    server::acclaim,
    site::{Answer, Site, poll},
};

on_both_backends!(
    a_juror_in_two_spellings_counts_once,
    rejects_spreadsheet_with_unknown_juror,
    a_key_is_made_for_a_named_juror_alone,
    the_table_of_a_jury_is_what_the_api_says,
);

fn juror(site: &Site, contest: &str, panel: &str, name: &str) -> String {
    site.run_key(&["create", "--role", "juror", "--contest", contest, "--panel", panel, "--name", name])
}

fn post(site: &Site, path: &str, token: &str, key: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers =
        [("authorization", &*bearer), ("idempotency-key", key), ("content-type", "application/json")];
    site.send("POST", &format!("/v1/contests/{path}"), &headers, body.to_string().as_bytes())
}

fn get(site: &Site, path: &str, token: &str) -> Answer {
    site.send("GET", &format!("/v1/contests/{path}"), &[("authorization", &format!("Bearer {token}"))], b"")
}

fn run(site: &Site, key: &str, args: &[&str]) -> Output {
    let url = format!("http://{}", site.address);
    acclaim().args(args).args(["--url", &url]).env("ACCLAIM_KEY", key).output().unwrap()
}

fn from_file(site: &Site, contest: &str, content: &str) -> Output {
    let file = site.folder.path().join("scores.csv");
    fs::write(&file, content).unwrap();
    let args = ["rule", "score", contest, "--panel", "experts", "--csv", file.to_str().unwrap()];
    run(site, &site.key, &args)
}

/// Ama gives a2 more points, and Julián gives a1 more. Together a2 has more: 13 to 12. If Julián
/// counted twice, a1 would win with 21 to 18.
fn a_juror_in_two_spellings_counts_once(site: &Site) {
    site.create_open("prize", OPENED, &points());
    let [_, julian] = ["Ama", COMPOSED].map(|name| juror(site, "prize", "experts", name));
    let sheet = format!(
        "juror,category,entry,value\nAma,a,a1,3\nAma,a,a2,8\n{COMPOSED},a,a1,9\n{DECOMPOSED},a,a2,5\n"
    );
    let done = succeeded(&from_file(site, "prize", &sheet));
    assert_eq!(done.lines().count(), 2, "each juror must have one sheet: {done}");
    for (number, spelling) in [DECOMPOSED, " juli\u{e1}n\u{a0} DIAZ", COMPOSED].into_iter().enumerate() {
        let body = json!({"panel": "experts", "juror": spelling, "category": "a", "values": [["a1", "9"], ["a2", "5"]]});
        assert_eq!(post(site, "prize/scores", &site.key, &format!("paper-{number}"), &body).status, 200);
        let own = post(site, "prize/scores", &julian, &format!("own-{number}"), &body);
        assert_eq!(own.status, 200, "the juror's own key must be accepted: {own:?}");
    }
    assert_eq!(jurors_in_log(site, "prize"), ["Ama", COMPOSED]);
    let scores = get(site, "prize/scores", &julian).body;
    assert_eq!((&scores["juror"], &scores["scores"][0]["times"]), (&json!(COMPOSED), &json!(7)));
    site.staff.post("/v1/contests/prize/close", "close", &json!({})).unwrap();
    let result = poll("the result", || {
        let answer = get(site, "prize/result", &site.key);
        (answer.status == 200).then_some(answer.body)
    });
    let winners = &result["categories"][0]["winners"]["entries"];
    assert_eq!((winners.as_array().unwrap().len(), &winners[0]["entry"]), (1, &json!("a2")), "{winners}");
    // The juror of a lost key continues under the name that the log knows.
    site.run_key(&["revoke", COMPOSED]);
    get(site, "prize/scores", &julian).problem(401, "key-invalid");
    let output = site.key_command(&[
        "create",
        "--role",
        "juror",
        "--contest",
        "prize",
        "--panel",
        "experts",
        "--name",
        &DECOMPOSED.to_uppercase(),
    ]);
    succeeded(&output);
    assert!(
        String::from_utf8_lossy(&output.stderr).contains(&format!("in the contest: {COMPOSED}")),
        "{output:?}"
    );
}

fn rejects_spreadsheet_with_unknown_juror(site: &Site) {
    site.create_open("prize", OPENED, &points());
    juror(site, "prize", "experts", "Ama Mensah");
    let size = site.log("prize").len();
    let output = from_file(
        site,
        "prize",
        "juror;category;entry;value\nAma Mensah;a;a1;1.000\nama mensah;a;a2;999,5\nAverage;a;a1;500\nAma Mensha;a;a3;1\n;;;\n",
    );
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words}");
    for expected in
        ["scores have 3 mistakes", "2: value: \"1.000\" can be read in two ways", "4: juror: ", "5: juror: "]
    {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    let output = from_file(
        site,
        "prize",
        "juror,category,entry,value\nama mensah,a,a2,999.5\nAverage,a,a1,7.5\nAma Mensha,a,a3,1\nA\u{202e}ma,a,a1,1\n",
    );
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words}");
    for (line, problem) in [
        (3, "\"Average\" is a row of totals, and not a juror; delete it"),
        (4, "the panel experts has no juror \"Ama Mensha\"; did you mean \"Ama Mensah\"?"),
        (5, "the panel experts has no juror \"A\\u{202e}ma\""),
    ] {
        assert!(words.contains(&format!("scores.csv: row {line}: juror: {problem}")), "{words}");
    }
    assert_eq!(site.log("prize").len(), size, "no score was recorded");
}

fn a_key_is_made_for_a_named_juror_alone(site: &Site) {
    let mut rules = points();
    rules["panel"][0]["jurors"] = json!(["Ama Mensah", COMPOSED]);
    site.create_open("prize", OPENED, &rules);
    let create = ["create", "--role", "juror", "--contest", "prize", "--panel", "experts", "--name"];
    let output = site.key_command(&[&create[..], &["Ama Mensha"]].concat());
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && words.contains("did you mean \"Ama Mensah\"?"), "{words}");
    site.run_key(&[&create[..], &["AMA  mensah"]].concat());
    let keys = site.run_key(&["list"]);
    assert!(
        keys.lines().any(|line| line.starts_with("Ama Mensah ")),
        "the key must have the registered spelling: {keys}"
    );
    check_message_of_name_in_use(site, &rules);
}

/// The name is known in two contests, but only one of them can give its juror a key.
fn check_message_of_name_in_use(site: &Site, rules: &Value) {
    site.create_open("second", OPENED, rules);
    site.create("draft", "2098-01-01T00:00:00Z", rules);
    site.create("open-panel", "2098-01-01T00:00:00Z", &points());
    let refused = |contest: &str| {
        let create = ["create", "--role", "juror", "--panel", "experts", "--name", "Ama Mensah", "--contest"];
        let output = site.key_command(&[&create[..], &[contest]].concat());
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let enter = |contest: &str| format!("`acclaim rule score {contest} --panel experts --csv FILE`");
    let (stderr, paper) =
        (refused("draft"), "acclaim jury recuse draft ENTRY --panel experts --juror \"Ama Mensah\"");
    for part in [
        "in use by a key of role juror for the contest prize, panel experts",
        &enter("draft"),
        paper,
        "\"Ama Mensah (draft)\"",
    ] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    site.run_key(&["revoke", "Ama Mensah"]);
    let stderr = refused("second");
    assert!(stderr.contains("by a revoked key") && stderr.contains(&enter("second")), "{stderr}");
    assert!(!stderr.contains("in the definition of this draft"), "the contest is no draft: {stderr}");
    let stderr = refused("open-panel");
    assert!(stderr.contains("take another name") && !stderr.contains("rule score"), "{stderr}");
}

fn the_table_of_a_jury_is_what_the_api_says(site: &Site) {
    site.create_open("prize", OPENED, &two_panels());
    let ama = juror(site, "prize", "experts", "Ama");
    juror(site, "prize", "students", "Esi");
    for (category, criterion, values) in [
        ("a", "impact", json!([["a1", "7"], ["a2", "7"], ["a3", "7"]])),
        ("a", "reach", json!([["a1", "7"], ["a3", "7"]])),
        ("b", "impact", json!([["b1", "7"], ["b2", "7"], ["b3", "7"]])),
        ("b", "reach", json!([["b1", "7"], ["b2", "7"], ["b3", "7"]])),
    ] {
        let body = json!({"category": category, "criterion": criterion, "values": values});
        assert_eq!(post(site, "prize/scores", &ama, &format!("{category}-{criterion}"), &body).status, 200);
    }
    let stdout = succeeded(&run(site, &site.key, &["jury", "status", "prize"]));
    for line in [
        "experts Ama yes no a by reach: a2",
        "students Esi yes no a: a1, a2, a3; b: b1, b2, b3",
        "complete: 0 of 2 jurors",
    ] {
        assert!(stdout.lines().any(|row| row.split_whitespace().eq(line.split(' '))), "{line}: {stdout}");
    }
    let auditor = site.staff_key("auditor", "prize");
    let json = succeeded(&run(site, &auditor, &["jury", "status", "prize", "--json"]));
    let status = get(site, "prize/jury", &auditor).body;
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), status);
}
