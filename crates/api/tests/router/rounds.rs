//! Contests whose entries are another contest's champions: refused definitions, and refused
//! openings.

use serde_json::{Value, json};

use crate::{
    booth::OPENED,
    contests::following,
    site::{Answer, Site, ballot, definition},
};

const LATER: &str = "2098-01-01T00:00:00Z";

/// Posts as staff to a route of a contest. `key` is the request's `Idempotency-Key`.
fn act(site: &Site, path: &str, key: &str, body: &Value) -> Answer {
    site.try_staff(&site.key, "POST", &format!("/v1/contests/{path}"), key, body)
}

fn contest(site: &Site, id: &str) -> Value {
    site.read(&format!("/v1/contests/{id}")).body
}

/// Makes a contest with two champions of three entries in each category: a1, a2, b1 and b3.
fn longlist(site: &Site) {
    let more =
        json!({"champions": {"count": 2}, "winners": {"count": 1, "from": "champions", "by": "votes"}});
    site.create_open("longlist", OPENED, &more);
    for (voter, entries) in [("1", ["a1", "b1"]), ("2", ["a1", "b1"]), ("3", ["a2", "b3"])] {
        assert_eq!(site.cast("longlist", &site.pass("longlist", voter), &ballot(&entries)).status, 201);
    }
}

fn close(site: &Site, contest: &str) {
    site.staff("POST", &format!("/v1/contests/{contest}/close"), "close", &json!({}));
}

/// Certifies the present result. `key` is the request's `Idempotency-Key`.
fn certify(site: &Site, contest: &str, key: &str) {
    let path = format!("/v1/contests/{contest}");
    let result = site.read(&format!("{path}/result")).body;
    site.staff("POST", &format!("{path}/certify"), key, &result["certify"]);
}

fn ids(contest: &Value) -> Vec<&str> {
    contest["entries"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap()).collect()
}

/// Checks that a definition is refused because of one of its keys, and returns the problem.
#[track_caller]
fn assert_refused(site: &Site, definition: &Value, key: &str, words: &str) -> Value {
    let refused = site.put(definition, None);
    let problem = refused.problem(422, "invalid-definition");
    assert_eq!(problem["mistakes"][0]["key"], key, "{problem}");
    refused.names(words);
    problem.clone()
}

#[test]
fn takes_entries_only_from_certified_contest() {
    let site = &Site::start();
    let from = |contest: &str, code: &str, words: &str| {
        let problem = assert_refused(site, &following("next", LATER, contest), "rounds.from", words);
        assert_eq!(problem["code"], code, "{problem}");
    };
    from("longlist", "unknown", "there is no contest longlist here");
    longlist(site);
    from("longlist", "not-certified", "it is open");
    close(site, "longlist");
    from("longlist", "not-certified", "it is closed");
    let test = json!({"id": "rehearsal", "title": "R", "time_zone": "UTC", "test": true, "opens": OPENED, "closes": LATER});
    site.create("rehearsal", OPENED, &json!({"contest": test}));
    from("rehearsal", "test", "is a test");
    site.create_open("plain", OPENED, &json!({}));
    close(site, "plain");
    certify(site, "plain", "certify");
    from("plain", "no-champions", "plain has no champions");
    check_scoped_key_learns_of_no_draft(site);
}

/// A key for the next contest only may use a certified contest, and does not learn of a draft.
fn check_scoped_key_learns_of_no_draft(site: &Site) {
    site.create("secret", LATER, &json!({}));
    let organiser = site.staff_key("organiser", "mine");
    for (from, words) in [("secret", "there is no contest secret here"), ("plain", "has no champions")] {
        let definition = following("mine", LATER, from);
        let refused = site.try_staff(&organiser, "PUT", "/v1/contests/mine", "mine", &definition);
        refused.problem(422, "invalid-definition");
        refused.names(words);
    }
}

#[test]
fn refuses_definition_that_conflicts_with_champions() {
    let site = &Site::start();
    longlist(site);
    close(site, "longlist");
    certify(site, "longlist", "certify");
    let next = following("next", LATER, "longlist");
    let with = |key: &str, value: Value| {
        let mut definition = next.clone();
        definition[key] = value;
        definition
    };
    let entry = json!([{"id": "x", "category": "a", "title": "X"}]);
    assert_refused(site, &with("entry", entry), "entry", "does not go with rounds.from");
    assert_refused(site, &with("rounds", json!({"from": "next"})), "rounds.from", "is the contest itself");
    let [a, b, c] = ["a", "b", "c"].map(|id| json!({"id": id, "title": id}));
    let missing = "\"b\" has champions in longlist and is missing";
    assert_refused(site, &with("category", json!([a])), "category", missing);
    assert_refused(site, &with("category", json!([a, b, c])), "category[2]", "has no champions");
    let too_many = with("ballot", json!({"votes_per_category": [3, 3]}));
    assert_refused(site, &too_many, "category[0]", "fewer entries (2) than a ballot must vote for (3)");
    let mut given = definition("next", LATER);
    given["rounds"] = next["rounds"].clone();
    given["rounds"]["previous"] = json!({"origin": "o", "size": 1,
        "root": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "result": "0".repeat(64)});
    assert_refused(site, &given, "rounds.previous", "is set by the server");
    let drafts = site.read("/v1/contests").text;
    assert!(!drafts.contains("\"next\""), "nothing was made: {drafts}");
}

#[test]
fn does_not_open_on_outdated_champions() {
    let site = &Site::start();
    longlist(site);
    close(site, "longlist");
    certify(site, "longlist", "certify");
    let next = following("next", LATER, "longlist");
    assert_eq!(site.put(&next, None).status, 201);
    assert!(contest(site, "next").get("opening_refused").is_none());
    assert_eq!(act(site, "longlist/reopen", "reopen", &json!({"reason": "an objection"})).status, 200);
    let refused = act(site, "next/open", "first", &json!({}));
    assert_eq!(refused.problem(409, "refused")["code"], "previous-not-certified");
    refused.names("longlist is not certified any more");
    assert_eq!(contest(site, "next")["opening_refused"], "longlist is not certified any more");

    let upheld = json!({"entry": "a1", "reason": "it was upheld"});
    assert_eq!(act(site, "longlist/withdrawals", "withdraw", &upheld).status, 200);
    certify(site, "longlist", "again");
    let refused = act(site, "next/open", "second", &json!({}));
    assert_eq!(refused.problem(409, "refused")["code"], "previous-not-certified");
    refused.names("certified again");
    assert_eq!(contest(site, "next")["phase"], "draft");
    assert_eq!(site.put(&next, Some("*")).status, 200);
    assert_eq!(ids(&contest(site, "next")), ["a2", "a3", "b1", "b3"]);
    assert_eq!(act(site, "next/open", "third", &json!({})).status, 200);
    assert!(contest(site, "next").get("opening_refused").is_none());
}
