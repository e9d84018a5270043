//! Who gets which form of the result.

use serde_json::json;

use crate::site::{Answer, Site, ballot};

const CHROME: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

/// What anyone is answered.
fn ask(site: &Site, query: &str, headers: &[(&str, &str)]) -> Answer {
    site.send("GET", &format!("/v1/contests/main/result{query}"), headers, b"")
}

/// A closed contest with a vote, a void and a withdrawal, whose result is public as the rules say.
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

#[test]
fn a_result_that_is_not_public_is_no_page_either() {
    let site = &Site::start();
    close(site, "certified");
    for query in ["", "?format=json", "?format=csv", "?format=html"] {
        ask(site, query, &[("accept", CHROME)]).problem(403, "not-public");
    }
    let bearer = format!("Bearer {}", site.key);
    let staff = ask(site, "?format=html", &[("authorization", &bearer)]);
    assert!(staff.status == 200 && staff.text.contains("This result is provisional."));
    let document = ask(site, "", &[("authorization", &bearer)]);
    let done = site.staff("POST", "/v1/contests/main/certify", "certify", &document.body["certify"]);
    site.tally("main", done["log"]["size"].as_u64().unwrap());
    let page = ask(site, "", &[("accept", CHROME)]);
    assert!(
        page.status == 200 && page.text.contains("Certified result") && !page.text.contains("provisional.")
    );
}
