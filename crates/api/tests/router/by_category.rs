//! Votes by category, and limits over several categories.
//!
//! The tests check the refusals before queueing, the refusals of the sequencer, and the categories
//! that are left.

use serde_json::{Value, json};

use crate::site::{Answer, Site, ballot, definition};

/// One project in one district (a or b), two to three citywide (c).
fn districts() -> Value {
    let mut definition = definition("main", "2021-01-01T00:00:00Z");
    let citywide = ["c1", "c2", "c3"].map(|id| json!({"id": id, "category": "c", "title": id}));
    definition["entry"].as_array_mut().unwrap().extend(citywide);
    definition["category"].as_array_mut().unwrap().push(json!({"id": "c", "title": "C", "votes": [2, 3]}));
    definition["limit"] = json!([{"categories": ["a", "b"], "most": 1}]);
    definition["ballot"] = json!({"votes_in_all": 4});
    definition
}

fn left(site: &Site, pass: &str) -> Value {
    let bearer = format!("Bearer {pass}");
    site.send("GET", "/v1/contests/main/votes/mine", &[("authorization", &bearer)], b"").body["left"].clone()
}

#[track_caller]
fn refused(answer: &Answer, reason: &str) {
    assert_eq!(answer.problem(422, "invalid-selection")["reason"], reason);
}

#[test]
fn applies_limits_by_category() {
    let site = &Site::start();
    let contest = districts();
    let more = ["entry", "category", "limit", "ballot"].map(|key| (key.to_owned(), contest[key].clone()));
    site.create("main", "2021-01-01T00:00:00Z", &Value::Object(more.into_iter().collect()));
    let contest = site.read("/v1/contests/main").body;
    assert_eq!(contest["categories"][2]["votes"], json!([2, 3]));
    assert_eq!(contest["rules"]["limits"], json!([{"categories": ["a", "b"], "most": 1}]));
    let cast = |pass: &str, entries: &[&str]| site.cast("main", pass, &ballot(entries));
    let ama = site.pass("main", "ama");
    site.poll("the opening", || {
        let answer = cast(&ama, &["c1"]);
        (answer.status == 422).then(|| refused(&answer, "too-few-in-category"))
    });
    refused(&cast(&ama, &["a1", "b1"]), "too-many-categories");
    refused(&cast(&ama, &["a1", "a2"]), "too-many-in-category");
    assert_eq!(left(site, &ama), json!(["a", "b", "c"]));
    assert_eq!(cast(&ama, &["a1"]).status, 201);
    assert_eq!(left(site, &ama), json!(["c"]), "the limit leaves no other district");
    // Only the sequencer knows the ballots that stand.
    refused(&cast(&ama, &["b1"]), "too-many-categories");
    assert_eq!(cast(&ama, &["c1", "c2", "c3"]).status, 201);
    assert_eq!(left(site, &ama), json!([]));

    // Three of four votes are used. One vote is too few for a category that needs two, and enough
    // for a category that needs one.
    let kofi = site.pass("main", "kofi");
    assert_eq!(cast(&kofi, &["c1", "c2", "c3"]).status, 201);
    assert_eq!(left(site, &kofi), json!(["a", "b"]));
}
