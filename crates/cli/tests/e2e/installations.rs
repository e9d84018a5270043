//! Installations of an earlier build: a data directory, and a cluster's Postgres and Redis.
//!
//! This build opens them, gives the same answers, records what waited, and continues. Their logs
//! audit clean.
//!
//! The test `write_installations` (ignored) wrote `tests/fixtures/installations`, with the build
//! that is named in its `README.md`. The fixtures are not written again, because their content is
//! that of existing installations.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use acclaim_cli::client::IdempotencyKey;
use acclaim_test_servers::{
    postgres,
    redis::{DURABLE, Server as Redis},
};
use serde_json::{Value, json};

use crate::{
    backends::{Servers, succeeded},
    booth::OPENED,
    server::{Server, acclaim},
    site::{Site, ballot, poll},
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/installations");
/// The contests, each with its phase in the fixtures.
const CONTESTS: [(&str, &str); 6] = [
    ("certified", "certified"),
    ("corrected", "closed"),
    ("frozen", "closed"),
    ("open", "open"),
    ("paused", "open"),
    ("draft", "draft"),
];
/// Voters of the contest `open` whose passes are in the fixtures.
///
/// The first has voted. The second has replaced a ballot. The ballot of the third waits in Redis.
/// The fourth has not voted.
const VOTERS: [&str; 4] = ["voted", "replaced", "waiting", "new"];

fn staff(site: &Site, path: &str, body: &Value) -> Value {
    site.staff.post(&format!("/v1/contests/{path}"), &IdempotencyKey::new().unwrap().part(0), body).unwrap()
}

fn rules() -> Value {
    json!({
        "publication": {"standings": "public", "entries": "after-close", "result": "closed"},
        "ballot": {"revision": "replace"},
        "winners": {"count": 1, "from": "all", "by": "scores", "ties": "draw"},
        "draw": {"source": "the beacon of 1 December"},
        "panel": [{"id": "experts", "kind": "score", "scale": [0, 10]}],
    })
}

/// Makes every kind of entry and ruling that a contest can have while it is open.
fn fill_contest(site: &Site, id: &str) -> Vec<Value> {
    let mut rules = rules();
    if id == "frozen" {
        // With a draw, freezing cannot be undone.
        rules["winners"]["ties"] = "report".into();
        rules.as_object_mut().unwrap().remove("draw");
    }
    site.create_open(id, OPENED, &rules);
    let cast = |subject: &str, entries: &[&str]| {
        let pass = site.pass(id, subject);
        let answer = site.cast(id, &pass, &ballot(entries));
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body
    };
    let first = cast("voted", &["a1", "b1"]);
    let mut second = ballot(&["a1"]);
    second["replaces"] = cast("replaced", &["a2"])["ballot"].clone();
    let pass = site.pass(id, "replaced");
    assert_eq!(site.cast(id, &pass, &second).status, 201);
    let voided = cast("voided", &["a3"]);
    let reinstated = cast("reinstated", &["b2"]);
    let ballots = json!({"ballots": [voided["ballot"], reinstated["ballot"], second["replaces"]], "reason": "one household"});
    staff(site, &format!("{id}/voids"), &ballots);
    staff(
        site,
        &format!("{id}/reinstatements"),
        &json!({"ballots": [reinstated["ballot"]], "reason": "two"}),
    );
    staff(
        site,
        &format!("{id}/withdrawals"),
        &json!({"entry": "b3", "reason": "not eligible", "note": "by mail"}),
    );
    staff(
        site,
        &format!("{id}/amendments"),
        &json!({"what": "entry:a3", "key": "title", "to": "A three", "reason": "spelling"}),
    );
    staff(site, &format!("{id}/statements"), &json!({"kind": "remark", "text": "The count is live."}));
    vec![first, second]
}

fn certify(site: &Site, id: &str) {
    let result: Value = site.staff.get(&format!("/v1/contests/{id}/result")).unwrap().json().unwrap();
    let mut certified = result["certify"].clone();
    certified["undecided"] = true.into();
    staff(site, &format!("{id}/certify"), &certified);
}

/// Creates contests in every phase. Returns the passes of [`VOTERS`] in the open one.
fn fill(site: &Site) -> Value {
    for id in ["certified", "corrected", "frozen", "open", "paused"] {
        fill_contest(site, id);
    }
    site.create("draft", "2098-01-01T00:00:00Z", &rules());
    for id in ["certified", "corrected", "frozen"] {
        let juror = site.run_key(&[
            "create",
            "--role",
            "juror",
            "--contest",
            id,
            "--panel",
            "experts",
            "--name",
            &format!("Ama {id}"),
        ]);
        for (route, body) in [
            ("scores", json!({"category": "a", "values": [["a1", "7.5"], ["a2", "8"]]})),
            ("recusals", json!({"entry": "a2", "reason": "my sister's"})),
        ] {
            let bearer = format!("Bearer {juror}");
            let headers = [
                ("authorization", &*bearer),
                ("idempotency-key", route),
                ("content-type", "application/json"),
            ];
            let path = format!("/v1/contests/{id}/{route}");
            assert_eq!(site.send("POST", &path, &headers, body.to_string().as_bytes()).status, 200);
        }
        staff(site, &format!("{id}/close"), &json!({}));
        staff(site, &format!("{id}/freeze"), &json!({}));
    }
    for id in ["certified", "corrected"] {
        staff(site, &format!("{id}/draw"), &json!({"seed": "00ff".repeat(16)}));
        certify(site, id);
    }
    staff(site, "corrected/reopen", &json!({"reason": "a ballot was counted twice"}));
    staff(site, "paused/suspend", &json!({"reason": "passes went astray"}));
    VOTERS
        .iter()
        .map(|voter| ((*voter).to_owned(), site.pass("open", voter).into()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Returns what the public and staff read of a contest.
fn read(site: &Site, id: &str) -> Value {
    let get = |path: &str| {
        let answer = site.send(
            "GET",
            &format!("/v1/contests/{id}{path}"),
            &[("authorization", &format!("Bearer {}", site.key))],
            b"",
        );
        json!({"status": answer.status, "body": if answer.body.is_null() { answer.text.into() } else { answer.body }})
    };
    let mut read = json!({});
    for path in [
        "",
        "/tally",
        "/result",
        "/result?format=csv",
        "/log/checkpoint",
        "/log/entries",
        "/scores",
        "/recusals",
        "/turnout",
        "/passes",
    ] {
        read[path] = get(path);
    }
    // Turnout is by the minute of the clock. The content of the intake is not part of the contest.
    read["/turnout"]["body"].as_object_mut().map(|turnout| turnout.remove("minutes"));
    read["/tally"]["body"].as_object_mut().map(|tally| tally.remove("pending"));
    read
}

fn read_all(site: &Site) -> Value {
    CONTESTS
        .iter()
        .map(|(id, _)| ((*id).to_owned(), read(site, id)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn tar(args: &[&str], folder: &Path) {
    succeeded(&Command::new("tar").args(args).current_dir(folder).output().unwrap());
}

#[test]
#[ignore = "writes the fixtures with the current build"]
fn write_installations() {
    for is_clustered in [false, true] {
        let mut site = if is_clustered { Site::start_clustered() } else { Site::start() };
        let folder = PathBuf::from(FOLDER).join(if is_clustered { "cluster" } else { "embedded" });
        fs::create_dir_all(&folder).unwrap();
        let passes = fill(&site);
        let mut fixture = json!({"key": site.key, "passes": passes, "read": read_all(&site)});
        if is_clustered {
            site.stop_sequencing();
            let bearer = format!("Bearer {}", passes["waiting"].as_str().unwrap());
            let headers = [
                ("authorization", &*bearer),
                ("content-type", "application/json"),
                ("prefer", "respond-async"),
            ];
            let waiting = site.send(
                "POST",
                "/v1/contests/open/ballots",
                &headers,
                ballot(&["a1"]).to_string().as_bytes(),
            );
            assert_eq!(waiting.status, 202, "{waiting:?}");
            fixture["waiting"] = waiting.body["ballot"].clone();
            let (address, key) = (site.address, site.key.clone());
            std::thread::spawn(move || {
                let client = crate::server::client(address, &key);
                client.post(
                    "/v1/contests/open/statements",
                    "waiting",
                    &json!({"kind": "remark", "text": "It waited."}),
                )
            });
            poll("the command", || {
                (site.number("SELECT count(*) FROM commands WHERE outcome IS NULL") == Some(1)).then_some(())
            });
            let dump = postgres::program("pg_dump")
                .args(["--inserts", "--no-owner", "--no-privileges", site.postgres()])
                .output()
                .unwrap();
            // Settings and commands of `psql` depend on its version.
            let dump: String = succeeded(&dump)
                .lines()
                .filter(|line| {
                    !line.starts_with(['\\', '-'])
                        && !line.starts_with("SET ")
                        && !line.starts_with("SELECT pg_catalog.set_config")
                })
                .flat_map(|line| [line, "\n"])
                .collect();
            fs::write(folder.join("postgres.sql"), dump).unwrap();
            succeeded(
                &Command::new("gzip")
                    .args(["-9", "-n", "-f"])
                    .arg(folder.join("postgres.sql"))
                    .output()
                    .unwrap(),
            );
            site.kill();
            tar(
                &["czf", folder.join("redis.tar.gz").to_str().unwrap(), "appendonlydir"],
                site.redis().aof().parent().unwrap(),
            );
        } else {
            site.kill();
            tar(&["czf", folder.join("data.tar.gz").to_str().unwrap(), "data"], site.folder.path());
        }
        fs::write(folder.join("kept.json"), serde_json::to_string_pretty(&fixture).unwrap() + "\n").unwrap();
    }
}

fn read_fixture(folder: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(format!("{FOLDER}/{folder}/kept.json")).unwrap()).unwrap()
}

/// The open contest continues and closes, and all logs audit clean. Voters who have voted are
/// known, and the others can vote.
fn check_continues(site: &Site, fixture: &Value) {
    let pass = |voter: &str| fixture["passes"][voter].as_str().unwrap().to_owned();
    let again = site.cast("open", &pass("voted"), &ballot(&["a1", "b1"]));
    assert_eq!(again.status, 200, "{again:?}");
    site.cast("open", &pass("voted"), &ballot(&["a2"])).problem(409, "already-voted");
    let new = site.cast("open", &pass("new"), &ballot(&["a2", "b1"]));
    assert_eq!(new.status, 201, "{new:?}");
    site.cast("open", &pass("new"), &ballot(&["b3"])).problem(422, "invalid-selection");
    site.cast("paused", &pass("new"), &ballot(&["a1"])).problem(403, "pass-for-another-contest");
    staff(site, "paused/resume", &json!({"reason": "all are well"}));
    staff(site, "frozen/unfreeze", &json!({"reason": "too early"}));
    staff(site, "corrected/reinstatements", &json!({"entry": "b3", "reason": "eligible after all"}));
    for id in ["open", "paused"] {
        staff(site, &format!("{id}/close"), &json!({}));
    }
    for (id, phase) in CONTESTS.into_iter().filter(|(_, phase)| *phase != "draft") {
        let contest = site.staff.contest(&id.parse().unwrap()).unwrap();
        assert_eq!(contest["phase"], if phase == "open" { "closed" } else { phase });
        let url = format!("http://{}", site.address);
        let vkey = contest["log"]["vkey"].as_str().unwrap();
        let audit = acclaim()
            .args(["audit", id, "--url", &url, "--vkey", vkey])
            .env("ACCLAIM_KEY", &site.key)
            .output()
            .unwrap();
        assert!(succeeded(&audit).ends_with("audit: clean"), "{id}");
    }
}

/// Returns names, types and labels of a process's metrics.
fn metrics(site: &Site) -> String {
    let bearer = format!("Bearer {}", site.key);
    let metrics = site.send("GET", "/metrics", &[("authorization", &bearer)], b"").text;
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ").map(str::to_owned));
    let labels = metrics.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (name, labels) = line.split_once('{')?;
        let labels: Vec<&str> =
            labels.split('"').step_by(2).map(|label| label.trim_matches([',', '=', '}', ' '])).collect();
        Some(format!("{name} by {}", labels.split_last()?.1.join(", ")))
    });
    let lines: std::collections::BTreeSet<String> = types.chain(labels).collect();
    lines.into_iter().collect::<Vec<_>>().join("\n")
}

/// Compares contest by contest and answer by answer, so that a failure's message shows the
/// difference.
fn check_same_answers(site: &Site, fixture: &Value) {
    for (id, _) in CONTESTS {
        poll("the tally", || {
            (site.send("GET", &format!("/v1/contests/{id}/tally"), &[], b"").status != 503).then_some(())
        });
        let (now, then) = (read(site, id), &fixture["read"][id]);
        for (path, answer) in then.as_object().unwrap() {
            let answers = [&now[path], answer].map(|answer| answer.to_string());
            assert_eq!(answers[0], answers[1], "{id}{path}");
        }
    }
}

#[test]
fn an_earlier_builds_data_directory_goes_on() {
    let fixture = read_fixture("embedded");
    let mut site = Site::start_by(|data, address| {
        tar(&["xzf", &format!("{FOLDER}/embedded/data.tar.gz")], data.parent().unwrap());
        let mut server = Server::start(data, address);
        server.key = Some(fixture["key"].as_str().unwrap().to_owned());
        server
    });
    check_same_answers(&site, &fixture);
    site.kill();
    site.restart();
    check_continues(&site, &fixture);
    insta::assert_snapshot!(metrics(&site));
}

#[test]
fn an_earlier_builds_cluster_goes_on() {
    let fixture = read_fixture("cluster");
    let site = Site::start_clustered_on(|folder| {
        let dump = Command::new("gzip")
            .args(["-dc", &format!("{FOLDER}/cluster/postgres.sql.gz")])
            .output()
            .unwrap();
        let redis = Redis::start_from(folder, DURABLE, |data| {
            tar(&["xzf", &format!("{FOLDER}/cluster/redis.tar.gz")], data);
        });
        (Servers::start_from(redis, &succeeded(&dump)), fixture["key"].as_str().unwrap().to_owned())
    });
    let recorded = poll("the ballot that waited", || {
        let status = site.send(
            "GET",
            &format!("/v1/contests/open/ballots/{}", fixture["waiting"].as_str().unwrap()),
            &[],
            b"",
        );
        (status.body["status"] == "recorded").then_some(status)
    });
    assert_eq!(recorded.status, 200);
    poll("the command that waited", || {
        site.log("open").iter().any(|line| line.contains("It waited.")).then_some(())
    });
    for (id, _) in CONTESTS.into_iter().filter(|(id, _)| *id != "open") {
        let (now, then) = (read(&site, id), &fixture["read"][id]);
        assert_eq!(now.to_string(), then.to_string(), "{id}");
    }
    check_continues(&site, &fixture);
}
