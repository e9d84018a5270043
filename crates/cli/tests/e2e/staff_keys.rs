//! Staff keys across processes, and on the command line.

use std::process::Output;

use serde_json::{Value, json};

use crate::{
    backends::{on_both_backends, succeeded},
    booth::OPENED,
    server::acclaim,
    site::{Answer, Site},
};

on_both_backends!(the_command_line_handles_keys_of_a_server);

/// Reads data of staff with a key.
fn read(site: &Site, token: &str) -> Answer {
    site.send("GET", "/v1/contests/prize/turnout", &[("authorization", &format!("Bearer {token}"))], b"")
}

#[test]
fn every_process_refuses_a_key_as_soon_as_it_is_revoked() {
    let site = Site::start_clustered();
    site.create_open("prize", OPENED, &json!({}));
    let body = json!({"role": "organiser", "contests": ["prize"], "name": "deputy"});
    let made = site.staff.post("/v1/keys", "deputy", &body).unwrap();
    let deputy = made["key"].as_str().unwrap();
    let (other, _process) = site.another_api();
    let bearer = format!("Bearer {deputy}");
    let read_there =
        || site.send_to(other, "GET", "/v1/contests/prize/turnout", &[("authorization", &bearer)], b"");
    assert_eq!((read(&site, deputy).status, read_there().status), (200, 200));
    let operator = format!("Bearer {}", site.key);
    let headers = [("authorization", &*operator), ("idempotency-key", "revoke")];
    assert_eq!(site.send("DELETE", "/v1/keys/deputy", &headers, b"").status, 200);
    read(&site, deputy).problem(401, "key-invalid");
    read_there().problem(401, "key-invalid");
}

fn key_command(site: &Site, args: &[&str]) -> Output {
    let url = format!("http://{}", site.address);
    acclaim().arg("key").args(args).args(["--url", &url]).env("ACCLAIM_KEY", &site.key).output().unwrap()
}

fn the_command_line_handles_keys_of_a_server(site: &Site) {
    site.create_open("prize", OPENED, &json!({}));
    let name = "Büro / Jury 100%";
    let args = ["create", "--role", "auditor", "--contest", "prize", "--name", name];
    let expiring = [&args[..], &["--expires", "2099-05-01T00:00:00Z"]].concat();
    let auditor = succeeded(&key_command(site, &expiring));
    assert_eq!(read(site, &auditor).status, 200);
    let again = key_command(site, &args);
    let words = String::from_utf8_lossy(&again.stderr);
    assert!(again.status.code() == Some(1) && words.contains("in use by a key of role auditor"), "{words}");
    for list in [key_command(site, &["list"]), site.key_command(&["list"])] {
        let list = succeeded(&list);
        let line = list.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line.contains("2099-05-01T00:00:00Z"), "{line}");
    }
    let json: Value = serde_json::from_str(&succeeded(&key_command(site, &["list", "--json"]))).unwrap();
    let own: Value = serde_json::from_str(&succeeded(&site.key_command(&["list", "--json"]))).unwrap();
    assert_eq!(json, own, "both lists must be the same");
    assert_eq!(succeeded(&key_command(site, &["revoke", name])), format!("revoked: {name}"));
    read(site, &auditor).problem(401, "key-invalid");
}
