//! An embedded installation moves into a cluster. Voters, staff and auditors notice no difference.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::{Value, json};

use crate::{
    backends::{Servers, succeeded},
    booth::OPENED,
    directories::refused,
    server::acclaim,
    site::{Answer, Site, ballot, definition},
};

/// Bytes before a checkpoint that is stored in Redis.
const SEAL_AND_SIZE: usize = 32 + 16;
const LATER: &str = "2099-01-01T00:00:00Z";

/// Moves the installation in a data directory into the cluster.
pub(crate) fn move_from(data: &Path, servers: &Servers, more: &[&str]) -> Output {
    servers.acclaim().args(["move", "--from"]).arg(data).args(more).output().unwrap()
}

/// A voter's pass, a ballot, and the answer to it.
struct Voter {
    pass: String,
    ballot: Value,
    answer: Value,
    receipt: PathBuf,
}

/// Answers and files that voters and staff keep of an installation.
struct SavedAnswers {
    /// In the order of [`fill_installation`].
    voters: Vec<Voter>,
    undecided: String,
    early: String,
    minted: Value,
    withdrawal: Value,
    organiser: String,
    former: String,
    vkey: String,
    checkpoint: PathBuf,
}

fn mint(site: &Site, contest: &str, key: &str) -> Value {
    let body = json!({"subjects": [format!("mailto:{key}@example.org")], "group": "africa"});
    site.staff.post(&format!("/v1/contests/{contest}/passes"), key, &body).unwrap()
}

fn pass_of(minted: &Value) -> String {
    minted["passes"][0]["pass"].as_str().unwrap().to_owned()
}

fn withdraw(site: &Site) -> Value {
    let body = json!({"entry": "a3", "reason": "asked for"});
    site.staff.post("/v1/contests/main/withdrawals", "withdraw", &body).unwrap()
}

/// Casts a ballot and fetches its receipt.
fn vote(site: &Site, pass: &str, ballot: Value) -> Voter {
    let answer = site.cast("main", pass, &ballot);
    assert_eq!(answer.status, 201, "{answer:?}");
    let id = answer.body["ballot"].as_str().unwrap();
    let receipt = site.folder.path().join(format!("{id}.receipt"));
    let path = format!("/v1/contests/main/ballots/{id}/proof");
    fs::write(&receipt, site.staff.get(&path).unwrap().bytes).unwrap();
    Voter { pass: pass.to_owned(), ballot, answer: answer.body, receipt }
}

fn run_on(site: &Site, args: &[&str]) -> String {
    let url = format!("http://{}", site.address);
    succeeded(&acclaim().args(args).args(["--url", &url]).env("ACCLAIM_KEY", &site.key).output().unwrap())
}

/// Creates an open contest with ballots of every state, a certified one, a draft and a deleted one,
/// and several staff keys.
fn fill_installation(site: &Site) -> SavedAnswers {
    let contest = site.create("main", OPENED, &json!({"ballot": {"revision": "replace"}}));
    let passes: Vec<Value> = (0..4).map(|n| mint(site, "main", &format!("voter-{n}"))).collect();
    let cast = |n: usize, entries: &[&str]| vote(site, &pass_of(&passes[n]), ballot(entries));
    let mut voters = vec![cast(0, &["a1"]), cast(1, &["a2", "b1"]), cast(2, &["a3", "b2"])];
    let mut second = ballot(&["a2"]);
    second["replaces"] = voters[0].answer["ballot"].clone();
    voters.push(vote(site, &voters[0].pass, second));
    let void = json!({"ballots": [voters[1].answer["ballot"]], "reason": "cast twice\ton paper"});
    site.staff.post("/v1/contests/main/voids", "void", &void).unwrap();
    let withdrawal = withdraw(site);

    site.create("done", OPENED, &json!({}));
    let voter = site.pass("done", "mailto:voter@example.org");
    assert_eq!(site.cast("done", &voter, &ballot(&["b3"])).status, 201);
    run_on(site, &["contest", "close", "done"]);
    run_on(site, &["contest", "certify", "done"]);
    site.create("later", LATER, &json!({}));
    let early = site.pass("later", "mailto:early@example.org");
    let mut test = definition("gone", LATER);
    test["contest"]["test"] = true.into();
    site.create("gone", LATER, &json!({"contest": test["contest"]}));
    site.pass("gone", "mailto:nobody@example.org");
    site.staff.delete("/v1/contests/gone", "delete").unwrap();

    let former = site.run_key(&["create", "--role", "auditor", "--name", "former"]);
    site.run_key(&["revoke", "former"]);
    let checkpoint = site.folder.path().join("seen");
    fs::write(&checkpoint, site.staff.get("/v1/contests/main/log/checkpoint").unwrap().bytes).unwrap();
    SavedAnswers {
        voters,
        undecided: pass_of(&passes[3]),
        early,
        minted: passes[3].clone(),
        withdrawal,
        organiser: site.staff_key("organiser", "main"),
        former,
        vkey: contest["log"]["vkey"].as_str().unwrap().to_owned(),
        checkpoint,
    }
}

/// Reads everything that the API shows.
fn read_everything(site: &Site, saved: &SavedAnswers) -> BTreeMap<String, String> {
    site.tally("main", 1);
    site.tally("done", 1);
    let mut paths = vec!["/v1/contests".to_owned()];
    for contest in ["main", "done", "later"] {
        paths.push(format!("/v1/contests/{contest}"));
        paths.push(format!("/v1/contests/{contest}/turnout"));
    }
    for contest in ["main", "done"] {
        for what in ["tally", "log/checkpoint", "log/entries", "log/tile/0/000.p/3"] {
            paths.push(format!("/v1/contests/{contest}/{what}"));
        }
    }
    paths.push("/v1/contests/done/result".to_owned());
    for voter in &saved.voters {
        let address = format!("/v1/contests/main/ballots/{}", voter.answer["ballot"].as_str().unwrap());
        paths.push(format!("{address}/proof"));
        paths.push(address);
    }
    let get = |path: String| {
        let answer = site.staff.get(&path).unwrap();
        let etag = answer.headers.get("etag").map(|value| value.to_str().unwrap().to_owned());
        let text = String::from_utf8_lossy(&answer.bytes).into_owned();
        (path, format!("{} {text}", etag.unwrap_or_default()))
    };
    let mut answers: BTreeMap<String, String> = paths.into_iter().map(get).collect();
    for voter in &saved.voters {
        let bearer = format!("Bearer {}", voter.pass);
        let mine = site.send("GET", "/v1/contests/main/votes/mine", &[("authorization", &bearer)], b"");
        answers.insert(voter.pass.clone(), mine.text);
    }
    answers
}

fn index(answer: &Answer) -> u64 {
    answer.body["index"].as_u64().unwrap()
}

#[test]
fn moved_installation_keeps_all_state() {
    let mut site = Site::start();
    let saved = fill_installation(&site);
    let before = read_everything(&site, &saved);
    let lines = site.log("main");
    site.kill();
    let servers = Servers::start_for(&site.data(), site.folder.path());
    let report: Value =
        serde_json::from_str(&succeeded(&move_from(&site.data(), &servers, &["--json"]))).unwrap();
    assert_eq!(
        (&report["contests"], &report["ballots"], &report["staff_keys"]),
        (&json!(3), &json!(5), &json!(3))
    );

    // Redis has the published checkpoint, although no process has served there yet.
    let checkpoint = servers.redis.run::<Vec<u8>>(&["GET", "acclaim:1:{main}:shown"]);
    let checkpoint = str::from_utf8(&checkpoint[SEAL_AND_SIZE..]).unwrap();
    assert!(before["/v1/contests/main/log/checkpoint"].ends_with(checkpoint), "{checkpoint}");

    // A log has only one writer.
    assert!(refused(&site.data()).contains("was moved to 127.0.0.1:"));
    let key = acclaim().args(["key", "create", "--role", "auditor", "--data"]).arg(site.data()).output();
    assert!(!key.unwrap().status.success());
    assert!(succeeded(&move_from(&site.data(), &servers, &[])).contains("moved before"));
    assert_eq!(move_from(&site.data(), &servers, &["--take-back"]).status.code(), Some(1));
    let other_cluster = Servers::start_for(&site.data(), site.folder.path());
    assert_eq!(move_from(&site.data(), &other_cluster, &[]).status.code(), Some(2));

    site.set_servers(Some(servers));
    site.restart();
    for (path, now) in read_everything(&site, &saved) {
        assert_eq!(now, before[&path], "{path}");
    }
    check_voters(&site, &saved, lines.len() as u64);
    check_staff(&site, &saved);
    assert_eq!(site.log("main")[..lines.len()], lines);
    check_auditors(&site, &saved);
}

fn check_voters(site: &Site, saved: &SavedAnswers, size: u64) {
    for (voter, status) in saved.voters.iter().zip(["replaced", "voided", "recorded", "recorded"]) {
        let again = site.cast("main", &voter.pass, &voter.ballot);
        assert_eq!((again.status, again.body["status"].as_str()), (200, Some(status)), "{again:?}");
        assert_eq!(index(&again), voter.answer["index"].as_u64().unwrap());
        let leaf = voter.answer["leaf_hash"].as_str().unwrap();
        let mut verify = acclaim();
        verify.args(["receipt", "verify", "--vkey", &saved.vkey, "--leaf-hash", leaf]).arg(&voter.receipt);
        succeeded(&verify.output().unwrap());
    }
    // Slots stay filled, also by a voided ballot. The last ballot here has the same vote as the
    // standing one, but does not replace it.
    for (voter, entry) in [(1, "b3"), (2, "a2"), (3, "a2")] {
        let answer = site.cast("main", &saved.voters[voter].pass, &ballot(&[entry]));
        assert_eq!(answer.problem(409, "already-voted")["categories"], json!([entry[..1]]));
    }
    let first = site.cast("main", &saved.undecided, &ballot(&["a1", "b1"]));
    assert_eq!((first.status, index(&first)), (201, size), "{first:?}");
    let mut third = ballot(&["a1"]);
    third["replaces"] = saved.voters[3].answer["ballot"].clone();
    assert_eq!(site.cast("main", &saved.voters[3].pass, &third).status, 201);
}

fn check_staff(site: &Site, saved: &SavedAnswers) {
    assert_eq!(withdraw(site), saved.withdrawal, "a repeated request must get the same answer");
    let headers = |token: &str, key: &str| {
        [
            ("authorization".to_owned(), format!("Bearer {token}")),
            ("idempotency-key".to_owned(), key.to_owned()),
        ]
    };
    let post = |path: &str, token: &str, key: &str, body: Value| {
        let headers = headers(token, key);
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        site.send("POST", path, &all, body.to_string().as_bytes())
    };
    let other = json!({"entry": "a2", "reason": "asked for"});
    post("/v1/contests/main/withdrawals", &site.key, "withdraw", other.clone())
        .problem(409, "idempotency-key-used");
    assert_eq!(mint(site, "main", "voter-3")["passes"], saved.minted["passes"]);
    let group = json!({"subjects": ["mailto:voter-3@example.org"], "group": "asia"});
    post("/v1/contests/main/passes", &site.key, "voter-3", group).problem(409, "idempotency-key-used");
    post("/v1/contests/main/withdrawals", &saved.former, "k", other).problem(401, "key-invalid");
    let reinstate = json!({"ballots": [saved.voters[1].answer["ballot"]], "reason": "it was not"});
    let ruled = post("/v1/contests/main/reinstatements", &saved.organiser, "reinstate", reinstate);
    assert_eq!(ruled.status, 200, "{ruled:?}");
    post("/v1/contests/done/close", &saved.organiser, "k", json!({})).problem(403, "key-insufficient");

    let bearer = format!("Bearer {}", site.key);
    let headers =
        [("authorization", &*bearer), ("content-type", "application/json"), ("idempotency-key", "again")];
    let again =
        site.send("PUT", "/v1/contests/gone", &headers, definition("gone", LATER).to_string().as_bytes());
    assert!((400..500).contains(&again.status), "{again:?}");
    run_on(site, &["contest", "open", "later"]);
    assert_eq!(site.cast("later", &saved.early, &ballot(&["b1"])).status, 201);
}

fn check_auditors(site: &Site, saved: &SavedAnswers) {
    run_on(site, &["contest", "close", "main"]);
    let folder = site.export("main", "log");
    let mut audit = acclaim();
    audit.arg("audit").arg(&folder).args(["--vkey", &saved.vkey]).arg("--earlier").arg(&saved.checkpoint);
    for voter in &saved.voters {
        audit.arg("--earlier").arg(&voter.receipt);
    }
    assert!(succeeded(&audit.output().unwrap()).ends_with("audit: clean"));
    // Passes that were asked for again are not counted again.
    let issued = site.log("main").into_iter().rfind(|line| line.contains(r#""type":"issued""#)).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&issued).unwrap()["passes"], 4, "{issued}");
    let done = site.export("done", "done");
    let about: Value = site.staff.get("/v1/contests/done").unwrap().json().unwrap();
    let vkey = about["log"]["vkey"].as_str().unwrap();
    succeeded(&acclaim().arg("audit").arg(&done).args(["--vkey", vkey]).output().unwrap());
}

/// Tries to move, which must be refused as unusable input. The message must have these words.
#[track_caller]
fn not_moved(data: &Path, servers: &Servers, words: &[&str]) {
    let output = move_from(data, servers, &[]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "{word} is not named: {stderr}");
    }
    assert!(output.stdout.is_empty());
}

/// Changes a recorded entry in the database, and checks that the move is refused.
fn damaged(data: &Path, servers: &Servers) {
    // Opening and closing the database moves all data into the one file.
    succeeded(&acclaim().args(["key", "list", "--data"]).arg(data).output().unwrap());
    let database = data.join("acclaim.db");
    let original = fs::read(&database).unwrap();
    let vote = br#"[["a","a1"]]"#;
    let at = original.windows(vote.len()).position(|bytes| bytes == vote).expect("the ballot's entry");
    let mut changed = original.clone();
    changed[at + vote.len() - 4] = b'2';
    fs::write(&database, changed).unwrap();
    not_moved(data, servers, &["the log of main is damaged"]);
    fs::write(&database, original).unwrap();
}

#[test]
fn refuses_impossible_move_and_changes_nothing() {
    let mut site = Site::start();
    site.create("main", OPENED, &json!({}));
    let pass = site.pass("main", "mailto:first@example.org");
    let first = site.cast("main", &pass, &ballot(&["a1"]));
    assert_eq!(first.status, 201, "{first:?}");
    let (data, folder) = (site.data(), site.folder.path().to_owned());
    let mut servers = Servers::start_for(&data, &folder);
    not_moved(&data, &servers, &["in use", &site.address.to_string()]);
    site.kill();

    let absent = folder.join("absent");
    not_moved(&absent, &servers, &["no installation", "absent"]);
    assert!(!absent.exists());
    let output = acclaim().args(["move", "--from"]).arg(&data).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("ACCLAIM_POSTGRES_URL"), "{output:?}");
    let secret = std::mem::replace(&mut servers.secret, "00".repeat(32));
    not_moved(&data, &servers, &["secret", &data.join("secret").display().to_string()]);
    servers.secret = secret;

    let schema =
        Servers { postgres: crate::backends::empty_database(), ..Servers::start_for(&data, &folder) };
    not_moved(&data, &schema, &["acclaim migrate"]);
    let used = Servers::start_for(&data, &folder);
    used.operator_key();
    not_moved(&data, &used, &["not empty", "staff keys: 1"]);
    used.execute("DELETE FROM staff_keys; INSERT INTO retired (id) VALUES ('old')");
    not_moved(&data, &used, &["not empty", "ids of deleted contests: 1"]);
    let weak = Servers::start_for(&data, &folder);
    weak.redis.run::<String>(&["CONFIG", "SET", "appendfsync", "no"]);
    not_moved(&data, &weak, &["appendfsync"]);
    // Redis holds another log under this name.
    let checkpoint = fs::read_to_string(data.join("shown/main.checkpoint")).unwrap();
    let foreign = checkpoint.replacen("localhost/main", "localhost/mine", 1);
    servers.publish_checkpoint("main", &foreign);
    not_moved(&data, &servers, &["the log of main is damaged"]);
    servers.redis.run::<i64>(&["DEL", "acclaim:1:{main}:shown"]);
    damaged(&data, &servers);

    // Nothing has changed on either side.
    assert_eq!(
        servers.number("SELECT count(*) FROM contests") + servers.number("SELECT count(*) FROM installation"),
        0
    );
    site.restart();
    let again = site.cast("main", &pass, &ballot(&["a1"]));
    assert_eq!((again.status, index(&again)), (200, index(&first)));
}
