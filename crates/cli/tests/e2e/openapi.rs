//! Tests the server against its API description with schemathesis, which generates valid and
//! invalid requests.
//!
//! `.ci/openapi` installs that program and runs this test.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::{
    backends::succeeded,
    site::{Site, poll},
};

/// The environment variable with the path of the program.
const PROGRAM: &str = "ACCLAIM_SCHEMATHESIS";
const CONFIGURATION: &str = include_str!("openapi/schemathesis.toml");
/// A serializer that schemathesis lacks.
const HOOKS: &str = include_str!("openapi/hooks.py");
/// Opening instant of the open contests.
const PAST: &str = "2026-01-01T00:00:00Z";

/// Returns the contest of the description's examples, with another id and more tables.
fn definition(id: &str, opens: &str, more: &Value) -> Value {
    let description = acclaim_api::openapi();
    let mut definition = description["components"]["schemas"]["Definition"]["examples"][0].clone();
    definition["contest"]["id"] = json!(id);
    definition["contest"]["opens"] = json!(opens);
    for (key, value) in more.as_object().unwrap() {
        definition[key] = value.clone();
    }
    definition
}

fn post(site: &Site, path: &str, body: &Value) -> Value {
    let key = format!("{path}{body}").replace(|c: char| !c.is_ascii_graphic(), "-");
    let key: String = key.chars().take(200).collect();
    site.staff.post(path, &key, body).unwrap()
}

/// Creates an open contest, and posts these steps.
fn contest(site: &Site, id: &str, more: &Value, steps: &[&str]) {
    let definition = definition(id, PAST, more);
    let path = format!("/v1/contests/{id}");
    let key = acclaim_cli::client::IdempotencyKey::new().unwrap();
    site.staff.put(&path, &key, None, definition.to_string()).unwrap();
    poll("the opening", || {
        let contest = site.staff.contest(&id.parse().unwrap()).unwrap();
        (contest["phase"] == "open").then_some(())
    });
    for step in steps {
        post(site, &format!("{path}/{step}"), &json!({}));
    }
}

#[test]
#[ignore = "needs schemathesis, which .ci/openapi installs"]
fn schemathesis_finds_nothing() {
    let site = Site::start();
    let jury =
        json!({"panel": [{"id": "jury", "kind": "score", "scale": [0, 10]}], "winners": {"by": "scores"}});
    let public = json!({"publication": {"standings": "public", "entries": "live", "result": "closed"}});
    contest(&site, "open", &public, &[]);
    contest(&site, "judged", &jury, &[]);
    for spare in ["to-close", "to-suspend", "to-amend"] {
        contest(&site, spare, &json!({}), &[]);
    }
    contest(&site, "closed", &public, &["close"]);
    contest(&site, "to-certify", &json!({}), &["close"]);
    contest(&site, "to-freeze", &json!({"winners": {"by": "choice"}}), &["close"]);
    contest(&site, "to-destroy", &json!({}), &["close"]);
    for draft in ["to-open", "to-delete"] {
        let definition = definition(draft, "2031-03-01T00:00:00Z", &json!({}));
        let key = acclaim_cli::client::IdempotencyKey::new().unwrap();
        site.staff.put(&format!("/v1/contests/{draft}"), &key, None, definition.to_string()).unwrap();
    }
    let ballot = json!({"selections": [{"category": "photos", "entry": "photo-01"}]});
    let recorded = site.cast("open", &site.pass("open", "first"), &ballot);
    assert_eq!(recorded.status, 201);
    site.run_key(&["create", "--role", "auditor", "--name", "spare"]);
    let configuration = site.folder.path().join("schemathesis.toml");
    fs::write(&configuration, CONFIGURATION).unwrap();
    fs::write(site.folder.path().join("hooks.py"), HOOKS).unwrap();
    let program = std::env::var_os(PROGRAM).unwrap_or_else(|| "schemathesis".into());
    let run = Command::new(program)
        .current_dir(site.folder.path())
        .env("KEY", &site.key)
        .env("PASS", site.pass("open", "second"))
        .env("BALLOT", recorded.body["ballot"].as_str().unwrap())
        .args(["--config-file"])
        .arg(&configuration)
        .args(["run", &format!("http://{}/openapi.json", site.address)])
        .output()
        .unwrap();
    println!("{}", String::from_utf8_lossy(&run.stdout));
    succeeded(&run);
}
