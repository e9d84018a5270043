//! Revoked passes: they are refused at once, new passes are accepted, and ballots stay recorded.

use serde_json::{Value, json};

use crate::{
    booth::OPENED,
    site::{Answer, Site, ballot},
};

const AMA: &str = "ama@example.org";

fn post(site: &Site, path: &str, key: &str, body: &Value) -> Answer {
    site.try_staff(&site.key, "POST", &format!("/v1/contests/{path}"), key, body)
}

fn mint(site: &Site, key: &str, subject: &str) -> Answer {
    post(site, "prize/passes", key, &json!({"subjects": [subject]}))
}

/// Returns the first pass of an answer.
fn pass(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["passes"][0]["pass"].as_str().unwrap().to_owned()
}

fn revoke(site: &Site, key: &str, subject: &str, mode: &str) -> Answer {
    let body = json!({"subjects": [subject], "mode": mode, "reason": "the link was forwarded"});
    post(site, "prize/passes/revocations", key, &body)
}

fn mine(site: &Site, pass: &str) -> Answer {
    let bearer = format!("Bearer {pass}");
    site.send("GET", "/v1/contests/prize/votes/mine", &[("authorization", &bearer)], b"")
}

fn passes(site: &Site) -> Value {
    site.read("/v1/contests/prize/passes").body
}

#[test]
fn revoked_passes_are_refused_and_new_ones_taken() {
    let site = &Site::start();
    site.create_open("prize", OPENED, &json!({}));
    let minted = mint(site, "first", AMA);
    let first = pass(&minted);
    let kofi = pass(&mint(site, "kofi", "kofi@example.org"));
    let cast = site.cast("prize", &first, &ballot(&["a1"]));
    assert_eq!(cast.status, 201, "{cast:?}");
    let id = cast.body["ballot"].as_str().unwrap();

    // The same person in another spelling.
    let revoked = revoke(site, "replace", " Ama <AMA+prize@Example.org>", "replace");
    assert_eq!(revoked.status, 200, "{revoked:?}");
    assert_eq!(revoked.body["revoked"][0]["canonical"], "mailto:ama@example.org");
    mine(site, &first).problem(401, "pass-revoked");
    site.cast("prize", &first, &ballot(&["b1"])).problem(401, "pass-revoked");
    assert_eq!(mine(site, &kofi).status, 200, "the pass of another voter");
    let line = format!("{}\n", json!({"pass": first, "selections": ballot(&["b1"])["selections"]}));
    let gateway = format!("Bearer {}", site.key);
    let headers = [("authorization", &*gateway), ("content-type", "application/x-ndjson")];
    let bulk = site.send("POST", "/v1/contests/prize/ballots/bulk", &headers, line.as_bytes());
    assert!(bulk.status == 200 && bulk.text.contains("/problems/pass-revoked"), "{bulk:?}");
    let status = site.send("GET", &format!("/v1/contests/prize/ballots/{id}"), &[], b"");
    assert_eq!(status.body["status"], "recorded");

    assert_eq!(mint(site, "first", AMA).text, minted.text, "the same request, the same bytes");
    let second = pass(&mint(site, "second", AMA));
    assert_ne!(second, first);
    assert_eq!(mine(site, &second).body["ballots"][0]["ballot"], id, "the new pass is for the same voter");
    assert_eq!(site.cast("prize", &second, &ballot(&["b1"])).status, 201);
    // The first revocation, sent again, revokes no pass that was minted since.
    let again = revoke(site, "replace", " Ama <AMA+prize@Example.org>", "replace");
    assert_eq!((again.text == revoked.text, mine(site, &second).status), (true, 200));
    revoke(site, "replace", "kofi@example.org", "replace").problem(409, "idempotency-key-used");

    assert_eq!(revoke(site, "bar", AMA, "bar").status, 200);
    mine(site, &second).problem(401, "pass-revoked");
    let barred = mint(site, "third", AMA);
    assert_eq!(barred.problem(409, "refused")["code"], "barred");
    assert_eq!(
        (&barred.body["barred"][0]["subject"], &barred.body["barred"][0]["position"]),
        (&json!(AMA), &json!(0))
    );
    assert_eq!(pass(&mint(site, "second", AMA)), second, "a repeated request gets the same answer");
    let counts = passes(site);
    assert_eq!(
        (&counts["ways"], &counts["revoked"]),
        (&json!({"pass": 3}), &json!({"replace": 0, "bar": 1}))
    );
    assert_eq!(revoke(site, "unbar", AMA, "replace").status, 200);
    assert_eq!(mine(site, &pass(&mint(site, "fourth", AMA))).status, 200);
    assert_eq!(passes(site)["revoked"], json!({"replace": 1, "bar": 0}));
}

#[test]
fn revokes_unnamed_voters_by_minted_subject() {
    let site = &Site::start();
    site.create_open("prize", OPENED, &json!({}));
    let minted = post(site, "prize/passes", "count", &json!({"count": 2}));
    let subject = |number: usize| minted.body["passes"][number]["subject"].as_str().unwrap().to_owned();
    let pass = |number: usize| minted.body["passes"][number]["pass"].as_str().unwrap().to_owned();
    let early = revoke(site, "early", AMA, "bar");
    assert_eq!(early.problem(409, "refused")["code"], "no-subjects");
    let body = json!({"subjects": [subject(1), subject(1)], "mode": "bar", "reason": "lost"});
    let revoked = post(site, "prize/passes/revocations", "lost", &body);
    assert_eq!(revoked.body["same_person"][0]["positions"], json!([0, 1]), "{revoked:?}");
    assert_eq!(mine(site, &pass(0)).status, 200);
    mine(site, &pass(1)).problem(401, "pass-revoked");
}

#[test]
fn a_revocation_is_checked_before_anything_is_changed() {
    let site = &Site::start();
    site.create_open("prize", OPENED, &json!({}));
    let first = pass(&mint(site, "first", AMA));
    let with = |subjects: Value, mode: &str, reason: &str| json!({"subjects": subjects, "mode": mode, "reason": reason});
    for (number, (body, field)) in [
        (with(json!([AMA, "nobody"]), "bar", "x"), "subjects[1]"),
        (with(json!([]), "bar", "x"), "subjects"),
        (with(json!([AMA]), "bar", " "), "reason"),
        (with(json!([AMA]), "bar", "a\u{202e}b"), "reason"),
    ]
    .into_iter()
    .enumerate()
    {
        let refused = post(site, "prize/passes/revocations", &format!("bad-{number}"), &body);
        assert_eq!(refused.problem(422, "invalid-request")["field"], field, "{body}");
    }
    post(site, "prize/passes/revocations", "mode", &with(json!([AMA]), "void", "x"))
        .problem(400, "malformed");
    let auditor = site.staff_key("auditor", "prize");
    let bearer = format!("Bearer {auditor}");
    let headers =
        [("authorization", &*bearer), ("idempotency-key", "k"), ("content-type", "application/json")];
    let body = with(json!([AMA]), "bar", "x").to_string();
    site.send("POST", "/v1/contests/prize/passes/revocations", &headers, body.as_bytes())
        .problem(403, "key-insufficient");
    assert_eq!(mine(site, &first).status, 200);
}

#[test]
fn explains_refusals_after_tag_key_destruction() {
    let site = &Site::start();
    site.create_open("prize", OPENED, &json!({}));
    assert_eq!(mint(site, "first", AMA).status, 200);
    post(site, "prize/close", "close", &json!({}));
    let destroyed = post(site, "prize/tag-key/destruction", "destroy", &json!({"reason": "as announced"}));
    assert_eq!(destroyed.status, 200, "{destroyed:?}");
    let minting = mint(site, "late", AMA);
    minting.problem(409, "tag-key-destroyed");
    minting.names("no pass can be minted any more");
    let revoking = revoke(site, "late", AMA, "bar");
    revoking.problem(409, "tag-key-destroyed");
    revoking.names("no voter of a subject can be found any more");
}
