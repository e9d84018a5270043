//! A contest that jurors decide.
//!
//! Each juror enters and corrects their own scores, with a key that has no other rights. An
//! organiser enters paper sheets. Lots decide a tie. The log records all of it.

use std::{fs, process::Output};

use serde_json::{Value, json};

use crate::{
    backends::{on_both_backends, succeeded},
    booth::OPENED,
    server::acclaim,
    site::{Answer, Site, ballot},
};

const SOURCE: &str = "drand quicknet, first round after freezing";
const SEED: &str = "5eed000000000000000000000000000000000000000000000000000000000001";

on_both_backends!(
    jurors_decide_and_the_log_says_how,
    a_spreadsheet_is_entered_whole_or_not_at_all,
    a_jurors_key_has_its_panel_and_name,
);

/// Rules with two panels, and lots for ties.
fn rules() -> Value {
    json!({
        "winners": {"count": 1, "from": "all", "by": "scores", "ties": "draw"},
        "panel": [
            {"id": "experts", "kind": "score", "scale": [0, 10], "criteria": [["impact", 2], ["reach", 1]], "minimum_jurors": 2},
            {"id": "students", "kind": "score", "scale": [0, 10]},
        ],
        "draw": {"source": SOURCE},
    })
}

fn juror(site: &Site, contest: &str, panel: &str, name: &str) -> String {
    site.run_key(&["create", "--role", "juror", "--contest", contest, "--panel", panel, "--name", name])
}

fn post(site: &Site, path: &str, token: &str, key: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers =
        [("authorization", &*bearer), ("idempotency-key", key), ("content-type", "application/json")];
    site.send("POST", &format!("/v1/contests/{path}"), &headers, body.to_string().as_bytes())
}

/// Enters scores, which must succeed.
#[track_caller]
fn enter(site: &Site, contest: &str, token: &str, key: &str, body: &Value) -> Value {
    let answer = post(site, &format!("{contest}/scores"), token, key, body);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

fn get(site: &Site, path: &str, token: &str) -> Answer {
    site.send("GET", path, &[("authorization", &format!("Bearer {token}"))], b"")
}

fn standing(site: &Site, contest: &str, token: &str) -> Value {
    get(site, &format!("/v1/contests/{contest}/scores"), token).body["scores"].clone()
}

fn run(site: &Site, key: &str, args: &[&str]) -> Output {
    let url = format!("http://{}", site.address);
    acclaim().args(args).args(["--url", &url]).env("ACCLAIM_KEY", key).output().unwrap()
}

/// Returns the entries of a type in a log.
fn of_type(site: &Site, contest: &str, kind: &str) -> Vec<Value> {
    let log = site.log(contest);
    let entries = log.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    entries.filter(|entry| entry["type"] == kind).collect()
}

fn jurors_decide_and_the_log_says_how(site: &Site) {
    let vkey = site.create_open("prize", OPENED, &rules())["log"]["vkey"].as_str().unwrap().to_owned();
    let [ama, kofi] = ["Ama Mensah", "Kofi"].map(|name| juror(site, "prize", "experts", name));
    juror(site, "prize", "students", "class 4");
    let pass = site.pass("prize", "mailto:voter@example.org");
    assert_eq!(site.cast("prize", &pass, &ballot(&["a1", "b1"])).status, 201);
    let sheet = |category: &str, criterion: &str, values: Value| json!({"category": category, "criterion": criterion, "values": values});
    for (number, (token, values)) in
        [(&ama, [["a1", "7"], ["a2", "9.5"]]), (&kofi, [["a1", "8"], ["a2", "8.25"]])].into_iter().enumerate()
    {
        for criterion in ["impact", "reach"] {
            enter(
                site,
                "prize",
                token,
                &format!("{criterion}-{number}"),
                &sheet("a", criterion, json!(values)),
            );
        }
    }
    // The other category has a tie. Its scores are from paper sheets.
    for (number, name) in ["Ama Mensah", "Kofi"].into_iter().enumerate() {
        for criterion in ["impact", "reach"] {
            let mut paper = sheet("b", criterion, json!([["b1", "5"], ["b2", "5"], ["b3", "4"]]));
            paper["panel"] = "experts".into();
            paper["juror"] = name.into();
            enter(site, "prize", &site.key, &format!("paper-{number}-{criterion}"), &paper);
        }
    }
    for (category, values) in
        [("a", json!([["a1", "6"], ["a2", "6"]])), ("b", json!([["b1", "6"], ["b2", "6"], ["b3", "6"]]))]
    {
        let students =
            json!({"panel": "students", "juror": "class 4", "category": category, "values": values});
        enter(site, "prize", &site.key, &format!("students-{category}"), &students);
    }
    corrections_replace(
        site,
        &ama,
        &kofi,
        &sheet("a", "impact", json!([["a1", "7.50"], ["a2", "9"], ["a3", "1"]])),
    );

    site.staff.post("/v1/contests/prize/close", "close", &json!({})).unwrap();
    let late = enter(site, "prize", &kofi, "late", &sheet("a", "reach", json!([["a1", "8"], ["a2", "8.5"]])));
    assert!(late["index"].is_u64(), "scores can be entered until freezing");
    draw(site, &ama);
    let result = site.staff.get("/v1/contests/prize/result").unwrap().json::<Value>().unwrap();
    lots_decide(&result);
    // Some jurors have not scored every entry.
    assert_eq!(run(site, &site.key, &["contest", "certify", "prize"]).status.code(), Some(1));
    succeeded(&run(site, &site.key, &["contest", "certify", "prize", "--undecided"]));
    post(site, "prize/scores", &ama, "certified", &sheet("a", "reach", json!([]))).problem(409, "refused");

    let folder = site.export("prize", "exported");
    let audit = acclaim().arg("audit").arg(&folder).args(["--vkey", &vkey]).output().unwrap();
    assert!(succeeded(&audit).ends_with("audit: clean"));
    let audit = run(site, &site.key, &["audit", "prize", "--vkey", &vkey]);
    assert!(succeeded(&audit).ends_with("audit: clean"));
}

/// A juror's new scores replace the earlier ones for every reader. The log keeps both.
fn corrections_replace(site: &Site, ama: &str, kofi: &str, corrected: &Value) {
    let before = standing(site, "prize", ama);
    assert_eq!(
        before.as_array().unwrap().len(),
        4,
        "the juror's own scores, including those from paper: {before}"
    );
    let done = enter(site, "prize", ama, "corrected", corrected);
    assert_eq!(
        enter(site, "prize", ama, "corrected", corrected),
        done,
        "a repeated request must get the same answer"
    );
    let own = get(site, "/v1/contests/prize/scores", ama).body;
    assert_eq!((&own["juror"], &own["panel"]), (&json!("Ama Mensah"), &json!("experts")));
    let first = &own["scores"][0];
    assert_eq!(first["values"], json!([["a1", "7.5"], ["a2", "9"], ["a3", "1"]]));
    assert_eq!(
        (&first["times"], &first["index"], &first["by"]),
        (&json!(2), &done["index"], &json!("Ama Mensah"))
    );
    let all = standing(site, "prize", &site.key);
    let jurors: Vec<_> =
        all.as_array().unwrap().iter().map(|sheet| sheet["juror"].as_str().unwrap()).collect();
    assert_eq!(jurors, [&["Ama Mensah"; 4][..], &["Kofi"; 4], &["class 4"; 2]].concat());
    assert_eq!(standing(site, "prize", kofi).as_array().unwrap().len(), 4);
    assert_eq!(standing(site, "prize", &site.staff_key("auditor", "prize")), all);
    let logged = of_type(site, "prize", "scores");
    assert_eq!(logged.len(), 11);
    assert_eq!((&logged[10]["juror"], &logged[10]["by"]), (&json!("Ama Mensah"), &json!("Ama Mensah")));
    assert_eq!(
        (&logged[4]["juror"], &logged[4]["by"] == "Ama Mensah"),
        (&json!("Ama Mensah"), false),
        "these scores are from paper"
    );
    let stdout = succeeded(&run(site, &site.key, &["rule", "scores", "prize"]));
    assert!(
        stdout
            .lines()
            .any(|line| line.split_whitespace().eq(["experts", "Ama", "Mensah", "a", "impact", "a1", "7.5"])),
        "{stdout}"
    );
}

/// There is no seed before freezing, and no score after it. There is one seed, from the source that
/// the rules name.
fn draw(site: &Site, ama: &str) {
    let seed = json!({"seed": SEED});
    let early = post(site, "prize/draw", &site.key, "early", &seed);
    assert_eq!(early.problem(409, "refused")["code"], "no-draw");
    early.names("not frozen");
    for bad in ["", "5eed", &SEED.to_uppercase(), &format!("{SEED}00"), &SEED.replace('d', "g")] {
        let refused = post(site, "prize/draw", &site.key, &format!("bad-{bad}"), &json!({"seed": bad}));
        assert_eq!(refused.problem(422, "invalid-request")["field"], "seed");
    }
    succeeded(&run(site, &site.key, &["contest", "freeze", "prize"]));
    let body = json!({"category": "a", "criterion": "reach", "values": []});
    let queued = || site.number("SELECT count(*) FROM commands");
    let before = queued();
    let frozen = post(site, "prize/scores", ama, "frozen", &body);
    assert_eq!(frozen.problem(409, "refused")["code"], "frozen");
    assert_eq!(queued(), before, "a refused request must not fill the command table");
    let mut paper = body;
    (paper["panel"], paper["juror"]) = ("experts".into(), "Kofi".into());
    let frozen = post(site, "prize/scores", &site.key, "frozen-paper", &paper);
    assert_eq!(frozen.problem(409, "refused")["code"], "frozen");
    certifying_says_what_is_undecided(site);
    succeeded(&run(site, &site.key, &["contest", "draw", "prize", "--seed", SEED]));
    let again = post(site, "prize/draw", &site.key, "again", &seed);
    assert_eq!(again.problem(409, "refused")["code"], "no-draw");
    let drawn = &of_type(site, "prize", "drawn")[0];
    assert_eq!((&drawn["source"], &drawn["seed"]), (&json!(SOURCE), &json!(SEED)));
}

/// The command line and the API name each undecided category with its reason.
fn certifying_says_what_is_undecided(site: &Site) {
    let refused = run(site, &site.key, &["contest", "certify", "prize"]);
    let words = String::from_utf8_lossy(&refused.stderr);
    let lots = "b: these entries are tied, and no lots are drawn; entries: b1, b2";
    let stdout = String::from_utf8_lossy(&refused.stdout);
    assert!(
        stdout.lines().any(|line| line == "b (B): undecided (as things stand: b1 (B1), b2 (B2))"),
        "{stdout}"
    );
    assert!(
        refused.status.code() == Some(1) && words.contains(lots) && words.contains("--undecided"),
        "{words}"
    );
    let result = site.staff.get("/v1/contests/prize/result").unwrap().json::<Value>().unwrap();
    let refused = post(site, "prize/certify", &site.key, "undecided", &result["certify"]);
    let problem = refused.problem(409, "refused");
    assert_eq!(problem["code"], "undecided");
    let undrawn: Vec<&Value> = problem["undecided"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["reason"] == "lots-not-drawn")
        .collect();
    assert_eq!((&undrawn[0]["category"], &undrawn[0]["entries"]), (&json!("b"), &json!(["b1", "b2"])));
    let again = post(site, "prize/certify", &site.key, "undecided", &result["certify"]);
    assert_eq!(again.body["undecided"], problem["undecided"], "the stored outcome must have it too");
}

/// The winners follow from the figures, and from lots that anyone can recompute.
fn lots_decide(result: &Value) {
    let winner =
        |category: usize| result["categories"][category]["winners"]["entries"][0]["entry"].as_str().unwrap();
    assert_eq!(winner(0), "a2");
    let lot = |entry: &str| {
        let mut bytes: Vec<u8> =
            (0..32).map(|i| u8::from_str_radix(&SEED[2 * i..2 * i + 2], 16).unwrap()).collect();
        for id in ["b", entry] {
            bytes.extend(u32::try_from(id.len()).unwrap().to_le_bytes());
            bytes.extend(id.bytes());
        }
        *blake3::hash(&bytes).as_bytes()
    };
    assert!(lot("b1") < lot("b2"));
    assert_eq!((lot("b1")[..4].to_vec(), winner(1)), (vec![0x06, 0xe6, 0x58, 0x9d], "b1"));
}

fn a_jurors_key_has_its_panel_and_name(site: &Site) {
    for contest in ["prize", "other"] {
        site.create_open(contest, OPENED, &rules());
    }
    juror(site, "prize", "experts", "Ama");
    for (args, expected) in [
        (&["--contest", "prize", "--name", "X"][..], "--panel"),
        (&["--contest", "prize", "--panel", "experts"], "--name"),
        (&["--panel", "experts", "--name", "X"], "--contest"),
        (&["--contest", "prize", "--contest", "other", "--panel", "experts", "--name", "X"], "one --contest"),
        (&["--contest", "prize", "--panel", "jury", "--name", "X"], "it has experts, students"),
        (&["--contest", "nowhere", "--panel", "jury", "--name", "X"], "no contest nowhere"),
        (&["--contest", "prize", "--panel", "experts", "--name", " X"], "white space"),
        (&["--contest", "prize", "--panel", "experts", "--name", "Ama"], "in use"),
        (&["--contest", "prize", "--panel", "experts", "--name", "AMA"], "\"Ama\" has a key"),
        (
            &["--contest", "prize", "--panel", "experts", "--name", "A\u{202e}ma"],
            "U+202E (right-to-left override)",
        ),
        (&["--contest", "prize", "--panel", "experts", "--name", "operator"], "without a key"),
    ] {
        let output = site.key_command(&[&["create", "--role", "juror"], args].concat());
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && words.contains(expected), "{args:?}: {words}");
    }
    let output = site.key_command(&["create", "--role", "auditor", "--panel", "experts"]);
    assert!(!output.status.success());
}

fn a_spreadsheet_is_entered_whole_or_not_at_all(site: &Site) {
    site.create_open("prize", OPENED, &rules());
    for (panel, name) in
        [("experts", "Ama"), ("experts", "Kofi Annan"), ("students", "Esi"), ("students", "Kofi")]
    {
        juror(site, "prize", panel, name);
    }
    site.run_key(&["revoke", "Kofi"]);
    let size = site.log("prize").len();
    let file = site.folder.path().join("scores.csv");
    let path = file.to_str().unwrap();
    let from_file = |key: &str, content: &str, more: &[&str]| {
        fs::write(&file, content).unwrap();
        run(site, key, &[&["rule", "score", "prize", "--csv", path], more].concat())
    };
    let wrong = "\u{feff}juror,category,entry,criterion,value\nAma,a,a1,impact,7\nAma,a,a9,impact,8\nAma,a,a2,impact,11\nKofi Annan,b,a1,,7\n";
    let output = from_file(&site.key, wrong, &["--panel", "experts"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    for (line, words) in [
        (3, "entry: there is no entry \"a9\""),
        (4, "value: 11 is not from 0 to 10"),
        (5, "criterion: is missing"),
        (5, "entry: \"a1\" stands in the category \"a\""),
    ] {
        assert!(stderr.contains(&format!("scores.csv: row {line}: {words}")), "{stderr}");
    }
    for (content, more, words) in [
        ("juror,category,entry,value\nAma,a,a1,7\n", &[][..], "name the panel with --panel"),
        ("category,entry,value\na,a1,7\n", &["--panel", "students"], "no column juror"),
        (
            "panel,juror,category,entry,value\nstudents,Ama,a,a1,7\n",
            &["--panel", "students"],
            "leave out --panel",
        ),
        ("juror,category,entry,value\n", &["--panel", "students"], "no row with a score"),
    ] {
        let output = from_file(&site.key, content, more);
        assert!(
            !output.status.success() && String::from_utf8_lossy(&output.stderr).contains(words),
            "{output:?}"
        );
    }
    assert_eq!(site.log("prize").len(), size, "no score was sent");

    let sheet = "panel;juror;category;entry;criterion;value\nexperts;Ama;a;a1;impact;7,5\nexperts;Ama;a;a2;impact;9\n\
                 students;Esi;b;b1;;10\n";
    let done = succeeded(&from_file(&site.key, sheet, &[]));
    assert_eq!(done.lines().count(), 2, "{done}");
    let all = standing(site, "prize", &site.key);
    assert_eq!(all[0]["values"], json!([["a1", "7.5"], ["a2", "9"]]));
    assert_eq!((&all[1]["panel"], &all[1]["juror"]), (&json!("students"), &json!("Esi")));

    // A file for a juror's key need not name the juror, and cannot name another one.
    let kofi = juror(site, "prize", "students", "Kofi");
    succeeded(&from_file(&kofi, "category,entry,value\na,a1,3\na,a3,4.25\n", &[]));
    assert_eq!(standing(site, "prize", &kofi)[0]["values"], json!([["a1", "3"], ["a3", "4.25"]]));
    let output = from_file(&kofi, "juror,category,entry,value\nEsi,a,a1,3\n", &[]);
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("csv: row 2: juror: the key is for \"Kofi\" alone"),
        "{output:?}"
    );
    let output = from_file(&kofi, "panel,juror,category,entry,value\nexperts,Kofi,a,a1,3\n", &[]);
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .contains("csv: row 2: panel: the key is for \"students\" alone"),
        "{output:?}"
    );
    let stdout = succeeded(&run(site, &kofi, &["rule", "scores", "prize"]));
    assert!(stdout.contains("4.25") && !stdout.contains("Esi"), "{stdout}");
}
