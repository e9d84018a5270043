//! Conditional requests on every route that has an ETag.

use serde_json::json;

use crate::site::{Site, ballot};

#[test]
fn answers_not_modified_to_every_form_of_etag() {
    let site = Site::start();
    let publication = json!({"publication": {"standings": "public"}});
    site.create_open("main", "2021-01-01T00:00:00Z", &publication);
    let pass = site.pass("main", "ama");
    let cast = site.cast("main", &pass, &ballot(&["a1", "b2"]));
    let size = cast.body["log"]["size"].as_u64().unwrap();
    site.tally("main", size);
    let closed = site.staff("POST", "/v1/contests/main/close", "close", &json!({}));
    site.tally("main", closed["log"]["size"].as_u64().unwrap());

    let bearer = format!("Bearer {}", site.key);
    let ask = |path: &str, tag: Option<&str>| {
        let tag = tag.map(|tag| ("if-none-match", tag));
        let headers: Vec<_> = [("authorization", &*bearer)].into_iter().chain(tag).collect();
        site.send("GET", path, &headers, b"")
    };
    for path in [
        "/v1/contests/main/tally",
        "/v1/contests/main/result",
        "/v1/contests/main/result?format=html",
        "/v1/contests/main/log/checkpoint",
        &format!("/v1/contests/main/log/tile/0/000.p/{size}"),
        &format!("/v1/contests/main/log/tile/entries/000.p/{size}"),
        "/schemas/result-1.json",
        "/schemas/result-2.json",
    ] {
        let answer = ask(path, None);
        let etag = answer.header("etag");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert!(etag.starts_with('"') && etag.len() > 2, "{path}: {etag}");
        for tag in [etag, &format!("W/{etag}"), "*", &format!("\"other\", W/{etag}")] {
            let again = ask(path, Some(tag));
            assert_eq!((again.status, &*again.text, again.header("etag")), (304, "", etag), "{path}: {tag}");
            assert_eq!(again.header("cache-control"), answer.header("cache-control"), "{path}");
        }
        assert_eq!(ask(path, Some("\"other\", W/\"7\"")).status, 200, "{path}");
    }
}

#[test]
fn edits_draft_with_weak_or_listed_etag() {
    let site = Site::start();
    site.create("main", "2098-01-01T00:00:00Z", &json!({}));
    let bearer = format!("Bearer {}", site.key);
    let edit = |title: &str, tag: &str| {
        let mut definition = crate::site::definition("main", "2098-01-01T00:00:00Z");
        definition["contest"]["title"] = title.into();
        let headers = [
            ("authorization", &*bearer),
            ("content-type", "application/json"),
            ("idempotency-key", title),
            ("if-match", tag),
        ];
        site.send("PUT", "/v1/contests/main", &headers, definition.to_string().as_bytes())
    };
    edit("first", "\"1000\", W/\"1001\"").problem(412, "precondition-failed");
    let mut etag = "*".to_owned();
    for (title, form) in [("second", "{}"), ("third", "{}"), ("fourth", "W/{}"), ("fifth", "\"1000\", W/{}")]
    {
        let edited = edit(title, &form.replace("{}", &etag));
        assert_eq!((edited.status, &edited.body["title"]), (200, &json!(title)), "{edited:?}");
        etag = edited.header("etag").trim_start_matches("W/").to_owned();
    }
}
