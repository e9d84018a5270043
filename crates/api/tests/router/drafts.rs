//! Drafts: created once, edited at the revision that was read, and deleted while they are drafts.

use serde_json::json;

use crate::site::{Answer, Site, definition};

const LATER: &str = "2098-01-01T00:00:00Z";

fn ask(site: &Site, method: &str, title: Option<&str>, revision: Option<&str>) -> Answer {
    let bearer = format!("Bearer {}", site.key);
    let mut headers = vec![("authorization", &*bearer), ("idempotency-key", "k")];
    headers.extend(revision.map(|revision| ("if-match", revision)));
    let Some(title) = title else { return site.send(method, "/v1/contests/main", &headers, b"") };
    headers.push(("content-type", "application/json"));
    let mut draft = definition("main", LATER);
    draft["contest"]["title"] = title.into();
    site.send(method, "/v1/contests/main", &headers, draft.to_string().as_bytes())
}

#[test]
fn edits_draft_only_at_current_revision() {
    let site = Site::start();
    let put = |title: &str, revision: Option<&str>| ask(&site, "PUT", Some(title), revision);
    put("early", Some("*")).problem(412, "precondition-failed");
    let made = put("first", None);
    assert_eq!((made.status, &made.body["title"]), (201, &json!("first")));
    assert_eq!(put("first", None).status, 200, "the same definition again, with any precondition");
    assert_eq!(put("first", Some("\"1000\"")).status, 200);
    let exists = put("second", None);
    exists.problem(412, "precondition-failed");
    exists.names("send it as If-Match to edit it");
    put("second", Some("\"1000\"")).problem(412, "precondition-failed");
    let edited = put("second", Some(made.header("etag")));
    assert_eq!((edited.status, &edited.body["title"]), (200, &json!("second")));
    put("third", Some(made.header("etag"))).problem(412, "precondition-failed");
    assert_eq!(site.read("/v1/contests/main").body["title"], "second");
}

#[test]
fn only_drafts_and_tests_are_edited_and_deleted() {
    let site = Site::start();
    site.create("main", LATER, &json!({}));
    assert_eq!(ask(&site, "DELETE", None, None).status, 204);
    assert_eq!(site.read("/v1/contests").body, json!({"contests": []}));
    ask(&site, "DELETE", None, None).problem(404, "contest-not-found");

    site.create_open("main", "2021-01-01T00:00:00Z", &json!({}));
    ask(&site, "PUT", Some("too late"), Some("*")).problem(409, "not-a-draft");
    ask(&site, "DELETE", None, None).problem(409, "not-a-draft");
    assert_eq!(site.read("/v1/contests/main").body["phase"], "open");
}
