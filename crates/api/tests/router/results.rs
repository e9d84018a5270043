//! The formats and versions of the result, and access to them.

use acclaim_report::Report;
use serde_json::json;

use crate::site::{Answer, Site, ballot};

const CHROME: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

/// Requests the result.
fn get(site: &Site, query: &str, headers: &[(&str, &str)]) -> Answer {
    site.send("GET", &format!("/v1/contests/main/result{query}"), headers, b"")
}

/// Closes a contest with a vote, a void and a withdrawal. `result` is its rule for publishing the
/// result.
fn close(site: &Site, result: &str) {
    let publication = json!({"standings": "public", "entries": "after-close", "result": result});
    site.create("main", "2021-01-01T00:00:00Z", &json!({"publication": publication}));
    site.poll("the opening", || {
        let ballot = site.cast("main", &site.pass("main", "one"), &ballot(&["a1"]));
        (ballot.status == 201 || ballot.status == 200).then_some(())
    });
    let second = site.cast("main", &site.pass("main", "two"), &ballot(&["a2"]));
    let voided = json!({"ballots": [second.body["ballot"]], "reason": "=cmd|' /C calc'!A0"});
    site.staff("POST", "/v1/contests/main/voids", "void", &voided);
    let withdrawn = json!({"entry": "b3", "reason": "<script>alert(1)</script>"});
    site.staff("POST", "/v1/contests/main/withdrawals", "withdraw", &withdrawn);
    let closed = site.staff("POST", "/v1/contests/main/close", "close", &json!({}));
    site.tally("main", closed["log"]["size"].as_u64().unwrap());
}

fn certify(site: &Site, key: &str) {
    let result = site.read("/v1/contests/main/result").body;
    let done = site.staff("POST", "/v1/contests/main/certify", key, &result["certify"]);
    site.tally("main", done["log"]["size"].as_u64().unwrap());
}

#[test]
fn answers_requested_format() {
    let site = &Site::start();
    close(site, "closed");
    let document = get(site, "", &[("accept", "*/*")]);
    assert_eq!((document.status, &*document.content_type), (200, "application/json"));
    let report = Report::read(document.text.as_bytes()).unwrap();
    let page = get(site, "", &[("accept", CHROME)]);
    assert_eq!((page.status, &*page.content_type), (200, "text/html; charset=utf-8"));
    assert_eq!(page.text, report.html(), "the page is made of the document");
    assert!(page.text.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !page.text.contains("<script"));
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-")
            && policy.ends_with("frame-ancestors 'none'")
    );
    let table = get(site, "", &[("accept", "text/csv")]);
    assert_eq!((table.status, &*table.content_type), (200, "text/csv; charset=utf-8"));
    assert_eq!(table.text, report.csv());
    assert_eq!(table.header("content-security-policy"), "");

    // The format in a link takes precedence over the browser's preference.
    for (format, same) in [("json", &document), ("csv", &table), ("html", &page)] {
        assert_eq!(get(site, &format!("?format={format}"), &[("accept", CHROME)]).text, same.text);
    }
    get(site, "?format=pdf", &[]).problem(400, "invalid-parameter");
    get(site, "?form=csv", &[]).problem(400, "invalid-parameter");

    // Caches keep the formats apart.
    let tags = [&document, &table, &page].map(|answer| answer.header("etag").to_owned());
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2], "{tags:?}");
    for (answer, tag) in [&document, &table, &page].into_iter().zip(&tags) {
        assert_eq!(
            (answer.header("vary"), answer.header("cache-control")),
            ("Accept, Accept-Encoding", "no-cache")
        );
        let accept = answer.content_type.split(';').next().unwrap();
        let again = get(site, "", &[("accept", accept), ("if-none-match", tag)]);
        assert_eq!((again.status, &*again.text, again.header("etag")), (304, "", &**tag));
        assert_eq!(again.header("vary"), "Accept, Accept-Encoding");
    }
    assert_eq!(get(site, "", &[("accept", "text/html"), ("if-none-match", &tags[0])]).status, 200);

    // The next ruling changes all formats.
    let reinstated = json!({"entry": "b3", "reason": "a misunderstanding"});
    let done = site.staff("POST", "/v1/contests/main/reinstatements", "reinstate", &reinstated);
    site.tally("main", done["log"]["size"].as_u64().unwrap());
    assert!(!get(site, "?format=html", &[]).text.contains("Withdrawn entries"));
    assert_ne!(get(site, "?format=csv", &[]).header("etag"), tags[1]);

    for (path, expected) in [
        ("/schemas/result-1.json", acclaim_report::SCHEMA_1),
        ("/schemas/result-2.json", acclaim_report::SCHEMA_2),
    ] {
        let schema = site.send("GET", path, &[], b"");
        assert_eq!((schema.status, &*schema.content_type), (200, "application/schema+json"));
        assert_eq!(schema.text, expected);
    }
}

#[test]
fn a_certified_result_stays_readable_while_it_is_corrected() {
    let site = &Site::start();
    close(site, "certified");
    get(site, "?version=certified", &[]).problem(403, "not-public");
    let bearer = format!("Bearer {}", site.key);
    let staff = [("authorization", &*bearer)];
    get(site, "?version=certified", &staff).problem(409, "no-result-yet");
    certify(site, "certify");
    let certified = get(site, "", &[]);
    assert_eq!((certified.status, certified.header("acclaim-result")), (200, ""));
    get(site, "?version=provisional", &[]).problem(409, "no-result-yet");
    get(site, "?version=latest", &[]).problem(400, "invalid-parameter");
    let is_corrected =
        || site.send("GET", "/v1/contests/main", &[], b"").body.get("under_correction").cloned();
    assert_eq!(is_corrected(), None);
    let table = get(site, "?format=csv", &[]).text;

    let reason = json!({"reason": "an objection"});
    let done = site.staff("POST", "/v1/contests/main/reopen", "reopen", &reason);
    let reinstated = json!({"entry": "b3", "reason": "a misunderstanding"});
    let size = site.staff("POST", "/v1/contests/main/reinstatements", "reinstate", &reinstated);
    site.tally("main", size["log"]["size"].as_u64().unwrap());
    assert!(done["log"]["size"].as_u64() < size["log"]["size"].as_u64());
    assert_eq!(is_corrected(), Some(json!(true)));
    for query in ["", "?version=certified"] {
        let former = get(site, query, &[]);
        assert_eq!((&former.text, former.header("acclaim-result")), (&certified.text, "under-correction"));
        assert_ne!(former.header("etag"), certified.header("etag"), "the notice is part of the answer");
        let again = get(site, query, &[("if-none-match", former.header("etag"))]);
        assert_eq!((again.status, again.header("acclaim-result")), (304, "under-correction"));
    }
    let form = get(site, "?format=csv", &[]);
    assert_eq!((&form.text, form.header("acclaim-result")), (&table, "under-correction"));
    let page = get(site, "?format=html", &[]);
    assert!(page.text.contains("it is being corrected") && page.text.contains("Certified result"));
    get(site, "?version=provisional", &[]).problem(403, "not-public");
    // Staff get the provisional result, and the former one on request.
    let newest = get(site, "", &staff);
    assert_eq!((&newest.body["status"], newest.header("acclaim-result")), (&json!("provisional"), ""));
    assert_eq!(get(site, "?version=provisional", &staff).text, newest.text);
    assert_eq!(get(site, "?version=certified", &staff).text, certified.text);

    certify(site, "again");
    let corrected = get(site, "", &[]);
    assert_eq!((corrected.status, corrected.header("acclaim-result")), (200, ""));
    assert_ne!(corrected.text, certified.text);
    assert_eq!(is_corrected(), None);
    assert!(!get(site, "?format=html", &[]).text.contains("it is being corrected"));
}

#[test]
fn hides_unpublished_result_in_every_format() {
    let site = &Site::start();
    close(site, "certified");
    for query in ["", "?format=json", "?format=csv", "?format=html"] {
        get(site, query, &[("accept", CHROME)]).problem(403, "not-public");
    }
    let bearer = format!("Bearer {}", site.key);
    let staff = get(site, "?format=html", &[("authorization", &bearer)]);
    assert!(staff.status == 200 && staff.text.contains("This result is provisional."));
    let document = get(site, "", &[("authorization", &bearer)]);
    assert_eq!(document.body["status"], "provisional");
    certify(site, "certify");
    let page = get(site, "", &[("accept", CHROME)]);
    assert!(
        page.status == 200 && page.text.contains("Certified result") && !page.text.contains("provisional.")
    );
}
