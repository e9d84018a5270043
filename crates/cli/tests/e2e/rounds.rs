//! A longlist, a public vote among its champions, and a final among that one's: each contest takes its entries from the one before, and an audit
//! follows them back, to whatever somebody has changed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use acclaim_ballot_log::{SigningKey, Tree, leaf_hash};
use acclaim_cli::client::IdempotencyKey;
use serde_json::{Value, json};

use crate::{
    backends::{on_both_backends, succeeded},
    booth::OPENED,
    contests::following,
    follow::file_server,
    server::acclaim,
    site::{Answer, Site, ballot, poll},
    verifiers::{Verdict, python, serve},
};

const LATER: &str = "2098-01-01T00:00:00Z";
/// The seed of a key that signs forged chains.
const SEED: [u8; 32] = [9; 32];

on_both_backends!(three_rounds_are_audited_as_one, audit_detects_changes_in_chain,);

fn put(site: &Site, definition: &Value, revision: Option<&str>) -> Answer {
    let bearer = format!("Bearer {}", site.key);
    let key = IdempotencyKey::new().unwrap().part(0);
    let mut headers =
        vec![("authorization", &*bearer), ("idempotency-key", &key), ("content-type", "application/json")];
    headers.extend(revision.map(|revision| ("if-match", revision)));
    let path = format!("/v1/contests/{}", definition["contest"]["id"].as_str().unwrap());
    site.send("PUT", &path, &headers, definition.to_string().as_bytes())
}

/// Puts a definition, which goes well.
#[track_caller]
fn made(site: &Site, definition: &Value, revision: Option<&str>) -> Value {
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

/// Two champions of three in each category.
fn longlist(site: &Site) {
    // Numbers of its own are no later round's.
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

/// A longlist, a vote and a final; returns the final's verifier key.
fn three_rounds(site: &Site) -> String {
    longlist(site);
    end(site, "longlist");
    let mut public = following("public", OPENED, "longlist");
    public["champions"] = json!({"count": 1});
    made(site, &public, None);
    vote(site, "public", &[&["a2", "b1"], &["a2", "b3"], &["b3"]]);
    end(site, "public");
    let mut last = following("final", OPENED, "public");
    last["category"] = json!([{"id": "b", "title": "B, at last"}, {"id": "a", "title": "A, at last"}]);
    made(site, &last, None);
    vote(site, "final", &[&["a2", "b3"]]);
    contest(site, "final")["log"]["vkey"].as_str().unwrap().to_owned()
}

fn ids(contest: &Value, key: &str) -> Vec<String> {
    contest[key].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

fn three_rounds_are_audited_as_one(site: &Site) {
    let vkey = three_rounds(site);
    let public = contest(site, "public");
    assert_eq!(ids(&public, "entries"), ["a1", "a2", "b1", "b3"]);
    assert_eq!(public["entries"][0]["title"], "The first of them", "as amended there");
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

    // What the header names is what the log before it was when it was certified.
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

    let said = succeeded(&run(site, &["audit", "final", "--vkey", &vkey]));
    assert!(
        said.ends_with("audit: clean") && said.contains("/longlist: ") && said.contains("/public: "),
        "{said}"
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
    // Whose key is for the final alone audits what is public before it; the copies are kept.
    let organiser = site.staff_key("organiser", "final");
    let copies = site.folder.path().join("copies");
    let url = format!("http://{}", site.address);
    for _ in 0..2 {
        let mut audit = acclaim();
        audit.args(["audit", "final", "--vkey", &vkey, "--url", &url, "--copy"]).arg(&copies);
        assert!(succeeded(&audit.env("ACCLAIM_KEY", &organiser).output().unwrap()).ends_with("audit: clean"));
    }
    assert!(copies.join("previous/previous/log.jsonl").is_file());
    a_chain_in_folders(site, &vkey, &organiser);
    a_source_reopened(site, &vkey);
    check_follow_audits_chain(site, &vkey);
}

/// An export holds all of the chain; a log before it that is missing is a discrepancy.
fn a_chain_in_folders(site: &Site, vkey: &str, organiser: &str) {
    let folder = site.folder.path().join("exported");
    let url = format!("http://{}", site.address);
    let mut export = acclaim();
    export.args(["log", "export", "final", "--url", &url, "--out"]).arg(&folder);
    let said = succeeded(&export.env("ACCLAIM_KEY", organiser).output().unwrap());
    assert_eq!(said.lines().count(), 3, "{said}");
    for part in ["", "previous", "previous/previous"] {
        for file in ["log.jsonl", "checkpoint", "vkey", "contest.json", "tile"] {
            assert!(folder.join(part).join(file).exists(), "{part} {file}");
        }
    }
    let audited = audit(&folder, vkey, &[]);
    assert!(succeeded(&audited).ends_with("audit: clean"));
    let verdict = verify_py(&folder, vkey, &[]);
    assert_eq!((verdict.status, &*verdict.said), (0, "verify: clean\n"));
    let server = file_server(&folder);
    let address = server.address;
    let at = || acclaim().args(["audit", &format!("http://{address}/"), "--vkey", vkey]).output().unwrap();
    let said = succeeded(&at());
    assert!(said.contains("/longlist: ") && said.ends_with("audit: clean"), "{said}");
    let elsewhere = site.folder.path().join("elsewhere");
    fs::rename(folder.join("previous"), &elsewhere).unwrap();
    misses_the_log_before(&at());
    drop(server);
    let independent = |more: &[&str]| verify_py(&folder, vkey, more);
    let verdict = independent(&[]);
    let names_it = |line: &str| {
        line.starts_with("index 0: the log of ") && line.contains(" is missing: put its export into ")
    };
    assert!(verdict.status == 1 && verdict.said.lines().any(names_it), "{verdict:?}");
    let verdict = independent(&["--alone"]);
    assert!(verdict.status == 0 && verdict.said.starts_with("alone: the log of "), "{verdict:?}");
    what_is_missing_is_a_discrepancy(&folder, vkey);
    let named = audit(&folder, vkey, &["--previous", elsewhere.to_str().unwrap()]);
    let said = succeeded(&named);
    assert!(said.ends_with("audit: clean") && !said.contains("not followed"), "{said}");
    let alone: Value = serde_json::from_str(&succeeded(&audit(
        &elsewhere.join("previous"),
        &key_in(&elsewhere.join("previous")),
        &["--json"],
    )))
    .unwrap();
    assert!(alone.get("chain").is_none(), "its entries are its own");
}

/// In a folder, and at a server that shows this log only, unless the auditor says that this log alone is meant.
fn what_is_missing_is_a_discrepancy(folder: &Path, vkey: &str) {
    let address = serve(folder.to_owned(), "final".to_owned());
    let url = format!("http://{address}");
    let of_folder = |more: &[&str]| audit(folder, vkey, more);
    let of_server = |more: &[&str]| {
        acclaim().args(["audit", "final", "--url", &url, "--vkey", vkey]).args(more).output().unwrap()
    };
    for audit in [&of_folder as &dyn Fn(&[&str]) -> Output, &of_server] {
        misses_the_log_before(&audit(&[]));
        let report = audit(&["--json"]);
        assert_eq!(report.status.code(), Some(1), "{report:?}");
        let report: Value = serde_json::from_slice(&report.stdout).unwrap();
        let chain = &report["chain"];
        assert_eq!(
            (&report["clean"], &chain["followed"], &chain["previous"]),
            (&json!(false), &json!(false), &json!([]))
        );
        assert!(chain["reason"].is_string() && report["findings"][0]["index"] == 0, "{report}");

        let said = succeeded(&audit(&["--alone"]));
        assert!(said.contains("chain: not followed: --alone judges this log only"), "{said}");
        assert!(
            said.contains("/public, whose champions are the entries\n") && said.ends_with("audit: clean"),
            "{said}"
        );
        let report: Value = serde_json::from_str(&succeeded(&audit(&["--alone", "--json"]))).unwrap();
        assert_eq!((&report["clean"], &report["chain"]["followed"]), (&json!(true), &json!(false)));
    }
    // In the middle of a chain too, where the finding is of the log that names the missing one.
    let elsewhere = folder.with_file_name("elsewhere");
    let first = folder.with_file_name("first");
    fs::rename(elsewhere.join("previous"), &first).unwrap();
    let output = audit(folder, vkey, &["--previous", elsewhere.to_str().unwrap()]);
    let said = misses_the_log_before(&output);
    assert!(said.lines().any(|line| line.contains("/public: index 0: the log of ")), "{said}");
    fs::rename(&first, elsewhere.join("previous")).unwrap();
}

/// Demands that an audit found nothing but a missing log, and says what to do; returns what it said.
#[track_caller]
fn misses_the_log_before(output: &Output) -> String {
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let names_it = |line: &str| {
        line.contains("index 0: the log of ") && line.contains(" is missing: ") && line.contains("--alone")
    };
    assert!(said.lines().any(names_it) && said.contains("chain: not followed: the log of "), "{said}");
    assert!(said.ends_with("audit: 1 discrepancy\n"), "{said}");
    said
}

/// What the contest before was is what counts, whatever it becomes later.
fn a_source_reopened(site: &Site, vkey: &str) {
    assert_eq!(post(site, "public/reopen", &json!({"reason": "an objection"})).status, 200);
    let withdrawn = json!({"entry": "a2", "reason": "it was upheld"});
    assert_eq!(post(site, "public/withdrawals", &withdrawn).status, 200);
    let said = succeeded(&run(site, &["audit", "final", "--vkey", vkey]));
    assert!(said.ends_with("audit: clean"), "{said}");
    // The audit counts the former result; `verify.py` needs its document, and says so.
    let folder = site.export("final", "reopened");
    succeeded(&audit(&folder, vkey, &[]));
    let verdict = verify_py(&folder, vkey, &[]);
    let names_it = |line: &str| {
        line.starts_with("index 0: no file in ") && line.contains("/previous is the result document ")
    };
    assert!(verdict.status == 1 && verdict.said.lines().any(names_it), "{verdict:?}");
    let former = site.folder.path().join("elsewhere/result.json");
    fs::copy(former, folder.join("previous/former.json")).unwrap();
    let verdict = verify_py(&folder, vkey, &[]);
    assert_eq!((verdict.status, &*verdict.said), (0, "verify: clean\n"));
}

/// Once the result is certified, and with the same verdicts as one audit.
fn check_follow_audits_chain(site: &Site, vkey: &str) {
    end(site, "final");
    let folder = site.export("final", "ended");
    fs::rename(folder.join("previous"), folder.with_file_name("ended-previous")).unwrap();
    let follow = |url: &str, copy: &str, more: &[&str]| {
        let mut audit = acclaim();
        audit.args(["audit", "final", "--url", url, "--vkey", vkey, "--follow", "--every", "0.1", "--copy"]);
        audit.arg(site.folder.path().join(copy)).args(more).output().unwrap()
    };
    let said = succeeded(&follow(&format!("http://{}", site.address), "follow-all", &[]));
    assert!(said.ends_with("audit: clean, and certified") && said.contains("/longlist: "), "{said}");
    let one = format!("http://{}", serve(folder, "final".to_owned()));
    misses_the_log_before(&follow(&one, "follow-one", &[]));
    let said = succeeded(&follow(&one, "follow-alone", &["--alone"]));
    assert!(
        said.contains("--alone judges this log only") && said.ends_with("clean, and certified"),
        "{said}"
    );
}

fn key_in(folder: &Path) -> String {
    fs::read_to_string(folder.join("vkey")).unwrap().trim().to_owned()
}

fn audit(folder: &Path, vkey: &str, more: &[&str]) -> Output {
    acclaim().arg("audit").arg(folder).args(["--vkey", vkey]).args(more).output().unwrap()
}

/// What `verify.py` says of a folder.
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

/// Logs of an exported chain, the newest first, signed by whoever forges them.
struct ForgedChain {
    folder: PathBuf,
    logs: Vec<Vec<String>>,
    origins: Vec<String>,
    /// The result documents, as `verify.py` wants them beside a log.
    documents: Vec<Option<Vec<u8>>>,
}

impl ForgedChain {
    fn of(export: &Path, folder: PathBuf) -> Self {
        let mut at = export.to_owned();
        let (mut logs, mut origins, mut documents) = (Vec::new(), Vec::new(), Vec::new());
        while at.join("log.jsonl").is_file() {
            let text = fs::read_to_string(at.join("log.jsonl")).unwrap();
            logs.push(text.lines().map(str::to_owned).collect());
            let note = fs::read_to_string(at.join("checkpoint")).unwrap();
            origins.push(note.lines().next().unwrap().to_owned());
            documents.push(fs::read(at.join("result.json")).ok());
            at.push("previous");
        }
        Self { folder, logs, origins, documents }
    }

    fn key(&self, round: usize) -> SigningKey {
        SigningKey::from_seed(&self.origins[round], &SEED).unwrap()
    }

    #[track_caller]
    fn replace(&mut self, round: usize, index: usize, from: &str, to: &str) {
        let line = &mut self.logs[round][index];
        assert!(line.contains(from), "{from}: {line}");
        *line = line.replacen(from, to, 1);
    }

    fn find(&self, round: usize, text: &str) -> usize {
        self.logs[round].iter().position(|line| line.contains(text)).unwrap()
    }

    /// Makes the log of a round say of the one before what that is.
    fn bind(&mut self, round: usize) {
        let header: Value = serde_json::from_str(&self.logs[round][0]).unwrap();
        let size = usize::try_from(header["previous"]["size"].as_u64().unwrap()).unwrap();
        let old = header["previous"]["root"].as_str().unwrap().to_owned();
        let new = root(&self.logs[round + 1][..size]);
        self.replace(round, 0, &old, &new);
    }

    /// Writes the chain, and audits it with the forger's own key. The audit counts the results anew; `verify.py` reads them, and agrees.
    fn audit(&self) -> (i32, String) {
        let mut at = self.folder.clone();
        for (round, log) in self.logs.iter().enumerate() {
            fs::create_dir_all(&at).unwrap();
            fs::write(at.join("log.jsonl"), log.join("\n") + "\n").unwrap();
            let root = root(log).parse().unwrap();
            fs::write(at.join("checkpoint"), self.key(round).sign(log.len() as u64, root)).unwrap();
            if let Some(document) = &self.documents[round] {
                fs::write(at.join("certified.json"), document).unwrap();
            }
            at.push("previous");
        }
        let output = audit(&self.folder, &self.key(0).verifier().to_string(), &[]);
        let verdict = verify_py(&self.folder, &self.key(0).verifier().to_string(), &[]);
        assert_eq!(output.status.code(), Some(verdict.status), "{output:?}\n{verdict:?}");
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), said + &verdict.said)
    }

    #[track_caller]
    fn found(&self, expected: &str) {
        let (status, said) = self.audit();
        assert_eq!(status, 1, "{expected}\n{said}");
        assert!(said.lines().any(|line| line.contains(expected)), "{expected}\n{said}");
    }
}

fn audit_detects_changes_in_chain(site: &Site) {
    let vkey = three_rounds(site);
    let export = site.export("final", "chain");
    let forged = || ForgedChain::of(&export, site.folder.path().join("forged"));
    let honest = forged();
    assert_eq!(honest.logs.len(), 3);
    let (status, said) = honest.audit();
    assert_eq!((status, said.ends_with("audit: clean\nverify: clean\n")), (0, true), "{said}");

    // An entry that was no champion, in place of one that was.
    let mut other = forged();
    let entry = other.find(0, r#""type":"entry","id":"a2""#);
    other.replace(0, entry, r#""id":"a2""#, r#""id":"a1""#);
    let ballot = other.find(0, r#""type":"ballot""#);
    other.logs[0].truncate(ballot);
    other.found(&format!(
        "index {entry}: the entry a1 is no champion of {} in the category a",
        other.origins[1]
    ));
    other.found(&format!("the champion a2 of {} in the category a is missing", other.origins[1]));
    other.found(&format!("the entry a2 is missing here, and ('a', 'A2') of {}", other.origins[1]));
    other.found(&format!("the entry a1 is ('a', 'A2') here, and no champion of {}", other.origins[1]));
    // A champion in another category, and one more.
    let mut moved = forged();
    moved.logs[0].truncate(ballot);
    moved.replace(0, entry, r#""category":"a""#, r#""category":"b""#);
    moved.found(&format!("index {entry}: the entry a2 is no champion"));
    moved.found("the entry a2 is ('b', 'A2') here, and ('a', 'A2') of ");
    let mut more = forged();
    more.logs[0].truncate(ballot);
    let line = more.logs[0][entry].replace("a2", "a3");
    more.logs[0].insert(entry, line);
    more.found("the entry a3 is no champion");
    // The same champions, one of them under another's title.
    let mut renamed = forged();
    renamed.logs[0].truncate(ballot);
    let line: Value = serde_json::from_str(&renamed.logs[0][entry]).unwrap();
    let title = line["title"].as_str().unwrap();
    renamed.replace(0, entry, &format!(r#""title":"{title}""#), r#""title":"Another""#);
    renamed.found(&format!(
        "index {entry}: the champion a2 of {} is {title:?} there, and not \"Another\"",
        renamed.origins[1]
    ));
    renamed.found("the entry a2 is ('a', 'Another') here, and ('a', 'A2') of ");
    what_is_said_of_the_log_before(&honest, &forged);
    the_log_before_changed(&honest, &forged);
    mixed_up(site, &export, &vkey);
}

/// A result of the log before it that was never certified, at another size, or of another log.
fn what_is_said_of_the_log_before(honest: &ForgedChain, forged: &dyn Fn() -> ForgedChain) {
    let header: Value = serde_json::from_str(&honest.logs[0][0]).unwrap();
    let previous = &header["previous"];
    for (key, to, expected) in [
        ("result", "00".repeat(32), "goes by a result certified here, 0000"),
        ("result", "00".repeat(32), "is the result document 0000"),
        ("root", root(&honest.logs[1][..3]), "the contest that follows goes by"),
        ("root", root(&honest.logs[1][..3]), "the contest that follows goes by another root"),
    ] {
        let mut wrong = forged();
        wrong.replace(0, 0, previous[key].as_str().unwrap(), &to);
        wrong.found(expected);
    }
    let size = previous["size"].as_u64().unwrap();
    let mut early = forged();
    early.replace(0, 0, &format!(r#""size":{size}"#), &format!(r#""size":{}"#, size - 1));
    early.bind(0);
    early.found("goes by a result certified here");
    early.found(&format!(
        "{}: index {}: the contest that follows goes by a result",
        early.origins[1],
        size - 2
    ));
    let mut late = forged();
    late.replace(0, 0, &format!(r#""size":{size}"#), &format!(r#""size":{}"#, size + 9));
    late.found("missing: the contest that follows goes by");
}

/// With and without everything after it made to fit.
fn the_log_before_changed(honest: &ForgedChain, forged: &dyn Fn() -> ForgedChain) {
    for bound in [false, true] {
        let mut changed = forged();
        let ballot = changed.find(2, r#""type":"ballot""#);
        changed.logs[2].remove(ballot);
        if bound {
            changed.replace(
                1,
                0,
                &format!(r#""size":{}"#, honest.logs[2].len()),
                &format!(r#""size":{}"#, honest.logs[2].len() - 1),
            );
            changed.bind(1);
        }
        let (status, said) = changed.audit();
        assert_eq!(status, 1, "{said}");
        assert!(said.contains(&format!("{}: index", changed.origins[2])), "{said}");
    }
}

/// Another log in the place of the one before, and a result that was published otherwise.
fn mixed_up(site: &Site, export: &Path, vkey: &str) {
    let folder = site.folder.path().join("mixed");
    let copy = |from: &str, to: &str| {
        fs::create_dir_all(folder.join(to)).unwrap();
        for file in ["log.jsonl", "checkpoint", "result.json"] {
            let _absent = fs::copy(export.join(from).join(file), folder.join(to).join(file));
        }
    };
    copy("", "");
    copy("previous/previous", "previous");
    let mixed = audit(&folder, vkey, &[]);
    assert_eq!(mixed.status.code(), Some(1), "{mixed:?}");
    copy("previous", "previous");
    copy("previous/previous", "previous/previous");
    succeeded(&audit(&folder, vkey, &[]));
    let result = folder.join("previous/result.json");
    let altered = fs::read_to_string(&result).unwrap().replacen(r#""entry":"a2""#, r#""entry":"a1""#, 1);
    fs::write(&result, altered).unwrap();
    let mixed = audit(&folder, vkey, &[]);
    let said = String::from_utf8(mixed.stdout).unwrap();
    assert_eq!(mixed.status.code(), Some(1), "{said}");
    assert!(said.contains("/public: the published result has categories"), "{said}");
}

/// On the command line: created from TOML, edited, and shown when it cannot open.
#[test]
fn a_file_of_rounds() {
    let site = &Site::start();
    longlist(site);
    end(site, "longlist");
    let file = site.folder.path().join("next.toml");
    let text = "[contest]\nid = \"by-file\"\ntitle = \"Next\"\ntime_zone = \"UTC\"\nopens = \"2098-01-01T00:00:00Z\"\n\
                closes = \"2099-01-01T00:00:00Z\"\n[winners]\ncount = 1\nfrom = \"all\"\nby = \"votes\"\n[rounds]\nfrom = \"longlist\"\n";
    fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    let said = succeeded(&run(site, &["contest", "create", path]));
    assert!(said.lines().any(|line| line.split_whitespace().eq(["entries:", "4"])), "{said}");
    assert!(said.lines().any(|line| line.split_whitespace().eq(["entries", "from:", "longlist"])), "{said}");
    fs::write(&file, text.replace("Next", "The next one")).unwrap();
    succeeded(&run(site, &["contest", "create", path, "--edit"]));
    let edited = contest(site, "by-file");
    assert_eq!((edited["title"].as_str(), ids(&edited, "entries").len()), (Some("The next one"), 4));
    fs::write(&file, format!("{text}[[entry]]\nid = \"x\"\ncategory = \"a\"\ntitle = \"X\"\n")).unwrap();
    let refused = run(site, &["contest", "create", path, "--edit"]);
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(words.contains("next.toml:13: entry: does not go with rounds.from"), "{words}");
    assert_eq!(post(site, "longlist/reopen", &json!({"reason": "an objection"})).status, 200);
    let shown = succeeded(&run(site, &["contest", "show", "by-file"]));
    assert!(shown.contains("longlist is not certified any more"), "{shown}");
}

/// The process that answers and the one that sequences agree on what the contest before is.
#[test]
fn opens_only_with_certified_champions_in_cluster() {
    let site = &Site::start_clustered();
    longlist(site);
    end(site, "longlist");
    let next = following("next", LATER, "longlist");
    made(site, &next, None);
    assert_eq!(post(site, "longlist/reopen", &json!({"reason": "an objection"})).status, 200);
    let refused = post(site, "next/open", &json!({}));
    assert_eq!(refused.problem(409, "refused")["code"], "previous-not-certified");
    assert_eq!(contest(site, "next")["opening_refused"], "longlist is not certified any more");
    succeeded(&run(site, &["contest", "certify", "longlist"]));
    assert_eq!(post(site, "next/open", &json!({})).problem(409, "refused")["code"], "previous-not-certified");
    made(site, &next, Some("*"));
    assert_eq!(post(site, "next/open", &json!({})).status, 200);
}
