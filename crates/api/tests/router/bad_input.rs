//! Bad input of every kind: each has its problem and status, and leaves no trace in the log.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    booth::{OPENED, VotedContest, check_conflicting_ballots},
    site::{Site, ballot, definition},
};

const CAST: &str = "/v1/contests/main/ballots";

#[test]
fn refuses_bodies_that_are_not_ballots() {
    let site = &Site::start();
    let booth = VotedContest::open(site);
    let detail = |body: &[u8], word: &str| {
        let problem = booth.refused(body, 400, "malformed");
        assert!(problem["detail"].as_str().unwrap().contains(word), "{word}: {problem}");
        assert!(problem["detail"].as_str().unwrap().chars().count() <= 900);
    };
    let good = ballot(&["b1"]).to_string();
    detail(&good.as_bytes()[..good.len() - 4], "EOF");
    detail(b"", "selections");
    detail(b"null", "null");
    detail(b"{\"selections\":[{\"category\":\"b\",\"entry\":\"b\xff\"}]}", "UTF-8");
    detail(br#"{"selections":[{"category":"b","entry":"b1"}],"selections":[]}"#, "selections");
    detail(br#"{"selections":[{"category":"b","entry":"b1","entry":"b2"}]}"#, "entry");
    detail(br#"{"selections":[{"category":"b","entry":"b1"}],"weight":2}"#, "weight");
    detail(br#"{"selections":[{"category":"b","entry":"b1","votes":2}]}"#, "votes");
    detail(br#"{"selections":[{"category":"b"}]}"#, "entry");
    detail(
        br#"{"selections":[{"category":"b","entry":7}]}"#,
        "`selections[0].entry`: invalid type: integer `7`",
    );
    detail(br#"{"selections":[["b","b1"]]}"#, "`selections[0]`");
    detail(br#"[[{"category":"b","entry":"b1"}],null,null]"#, "object");
    detail(br#"{"selections":[{"category":"b","entry":"b1"}]} {}"#, "trailing");
    detail(br#"{"selections":[{"category":"b","entry":"\ud800"}]}"#, "hex escape");
    detail("[".repeat(60_000).as_bytes(), "");
    detail(format!("{{\"x\":{}", "{\"x\":".repeat(10_000)).as_bytes(), "`x`");
    detail(format!("{{\"selections\":{}", "[".repeat(50_000)).as_bytes(), "");
    detail(format!("{{\"{}\":1}}", "long".repeat(15_000)).as_bytes(), "long");

    let huge = format!("{{\"selections\":[{}", " ".repeat(70_000));
    let problem = booth.refused(huge.as_bytes(), 413, "too-large");
    assert_eq!(problem["limit"], 65_536);
    let bearer = format!("Bearer {}", booth.voter);
    for kind in ["text/plain", "application/jsonx", "application/x-www-form-urlencoded"] {
        let headers = [("authorization", &*bearer), ("content-type", kind)];
        booth.site.send("POST", CAST, &headers, good.as_bytes()).problem(415, "unsupported-media-type");
    }
    booth.site.send("PUT", CAST, &[("authorization", &bearer)], b"{}").problem(405, "method-not-allowed");
    booth
        .site
        .post("/v1/contests/none/ballots", &booth.voter, good.as_bytes())
        .problem(404, "contest-not-found");
    booth
        .site
        .post("/v1/contests/%00/ballots", &booth.voter, good.as_bytes())
        .problem(404, "contest-not-found");
    booth.check_second_voter_can_vote();
}

#[test]
fn refuses_invalid_selections() {
    let site = &Site::start();
    let booth = VotedContest::open(site);
    let withdrawal = json!({"entry": "a3", "reason": "asked for"});
    booth.site.staff("POST", "/v1/contests/main/withdrawals", "withdraw", &withdrawal);
    let select = |pairs: &[(&str, &str)]| {
        let selections: Vec<Value> =
            pairs.iter().map(|(category, entry)| json!({"category": category, "entry": entry})).collect();
        json!({"selections": selections})
    };
    let wrong = |body: &Value, category: Value, entry: Value, reason: &str| {
        let answer = booth.site.cast("main", &booth.voter, body);
        let problem = answer.problem(422, "invalid-selection");
        assert_eq!((&problem["category"], &problem["entry"]), (&category, &entry), "{problem}");
        assert_eq!(problem["reason"], reason);
        booth.unchanged_but_withdrawn();
    };
    let (null, a, b) = (Value::Null, json!("a"), json!("b"));
    wrong(&select(&[]), null.clone(), null.clone(), "empty");
    wrong(&select(&[("c", "a1")]), json!("c"), json!("a1"), "unknown-category");
    wrong(&select(&[("a", "a9")]), a.clone(), json!("a9"), "unknown-entry");
    wrong(&select(&[("b", "a1")]), b.clone(), json!("a1"), "entry-of-another-category");
    wrong(&select(&[("a", "a3")]), a.clone(), json!("a3"), "withdrawn");
    wrong(&select(&[("b", "b1"), ("b", "b1")]), b.clone(), json!("b1"), "repeated");
    wrong(&select(&[("b", "b1"), ("a", "a9")]), a, json!("a9"), "unknown-entry");
    wrong(&select(&[("b", "b1"), ("b", "b2"), ("b", "b3")]), b, null.clone(), "too-many-in-category");
    let mut period = ballot(&["b1"]);
    period["period"] = "2021-03-14".into();
    wrong(&period, null.clone(), null, "wrong-period");
    let long = "e".repeat(5_000);
    wrong(&select(&[("a", &long)]), json!("a"), json!("e".repeat(80)), "unknown-entry");
    booth.check_second_voter_can_vote();
}

impl VotedContest<'_> {
    /// Casts bytes as the second voter, and checks that they are refused.
    #[track_caller]
    fn refused(&self, body: &[u8], status: u16, code: &str) -> Value {
        let answer = self.site.post(CAST, &self.voter, body);
        answer.problem(status, code);
        self.unchanged();
        answer.body
    }

    /// Checks that the second voter can still vote, and that the log has nothing else.
    fn check_second_voter_can_vote(&self) {
        let answer = self.site.cast("main", &self.voter, &ballot(&["b1"]));
        assert_eq!(answer.status, 201, "{answer:?}");
        self.log_has(&[&self.first["ballot"], &answer.body["ballot"]]);
    }

    /// The same as [`VotedContest::unchanged`], in a contest with a withdrawn entry without votes.
    #[track_caller]
    fn unchanged_but_withdrawn(&self) {
        let tally = self.site.tally("main", 0);
        for figure in ["ballots", "voters", "votes"] {
            assert_eq!(tally[figure], self.tally[figure], "{figure}");
        }
    }
}

#[test]
fn refuses_invalid_passes_and_times() {
    let site = &Site::start();
    let booth = VotedContest::open(site);
    let good = ballot(&["b1"]);
    let anonymous = [("content-type", "application/json")];
    site.send("POST", CAST, &anonymous, good.to_string().as_bytes()).problem(401, "pass-missing");
    for at in [0, 5, booth.voter.len() / 2, booth.voter.len() - 1] {
        let mut flipped = booth.voter.clone().into_bytes();
        flipped[at] = if flipped[at] == b'A' { b'Q' } else { b'A' };
        site.cast("main", std::str::from_utf8(&flipped).unwrap(), &good).problem(401, "pass-invalid");
    }
    for token in ["x", &booth.voter[..20], &booth.voter.repeat(4), &site.key] {
        site.cast("main", token, &good).problem(401, "pass-invalid");
    }
    booth.unchanged();
    site.create("later", "2099-01-01T00:00:00Z", &json!({}));
    let early = site.pass("later", "mailto:second@example.org");
    site.cast("main", &early, &good).problem(403, "pass-for-another-contest");
    let answer = site.cast("later", &early, &good);
    let problem = answer.problem(403, "voting-not-open");
    assert_eq!(
        (&problem["opens"], &problem["closes"]),
        (&json!("2099-01-01T00:00:00Z"), &json!("2099-12-01T00:00:00Z"))
    );

    check_expiring_pass(&booth);
    booth.unchanged();
    booth.check_second_voter_can_vote();
    site.staff("POST", "/v1/contests/main/close", "close", &json!({}));
    let log = site.log("main");
    let late = site.cast("main", &booth.voter, &ballot(&["a1"]));
    assert!(late.problem(403, "voting-closed")["closes"].is_string());
    let again = site.cast("main", &booth.voter, &good);
    assert_eq!((again.status, &again.body["status"]), (200, &json!("recorded")), "a repetition is answered");
    assert_eq!(site.log("main"), log);
}

/// Checks a pass that expires.
fn check_expiring_pass(booth: &VotedContest<'_>) {
    let body = json!({"subjects": ["mailto:second@example.org"], "expires": booth.site.instant_in(60)});
    let minted = booth.site.staff("POST", "/v1/contests/main/passes", "short", &body);
    let pass = minted["passes"][0]["pass"].as_str().unwrap();
    let cast = || booth.site.cast("main", pass, &ballot(&["b9"]));
    cast().problem(422, "invalid-selection");
    booth.site.clock.advance(SignedDuration::from_mins(1));
    cast().problem(401, "pass-expired");
}

#[test]
fn lists_all_mistakes_of_definition() {
    let site = &Site::start();
    let bearer = format!("Bearer {}", site.key);
    let put = |body: &[u8]| {
        let headers =
            [("authorization", &*bearer), ("content-type", "application/json"), ("idempotency-key", "put")];
        site.send("PUT", "/v1/contests/wrong", &headers, body)
    };
    let mut wrong = definition("wrong", OPENED);
    wrong["contest"]["closes"] = "2020-01-01T00:00:00Z".into();
    wrong["contest"]["colour"] = "red".into();
    wrong["contest"]["time_zone"] = "Europe/Atlantis".into();
    wrong["ballot"] = json!({"revision": "sometimes", "votes_per_category": [3, 1]});
    wrong["winners"]["count"] = 0.into();
    wrong["entry"][1]["id"] = "a1".into();
    wrong["entry"][2]["category"] = "z".into();
    wrong["entry"][3]["id"] = "B 1".into();
    let answer = put(wrong.to_string().as_bytes());
    let mistakes = answer.problem(422, "invalid-definition")["mistakes"].as_array().unwrap();
    for word in ["colour", "Atlantis", "sometimes", "votes_per_category", "count", "a1", "z", "B 1"] {
        let named = |mistake: &Value| mistake["key"].is_string() && mistake.to_string().contains(word);
        assert!(mistakes.iter().any(named), "{word}: {mistakes:?}");
    }
    let mut ended = definition("wrong", OPENED);
    ended["contest"]["closes"] = "2021-02-01T00:00:00Z".into();
    assert_eq!(
        put(ended.to_string().as_bytes()).problem(422, "invalid-definition")["mistakes"][0]["key"],
        "contest.closes"
    );
    let other = put(definition("other", OPENED).to_string().as_bytes());
    assert_eq!(other.problem(422, "invalid-definition")["mistakes"][0]["key"], "contest.id");
    for body in ["", "{", "[]", "null", "{\"contest\":{},\"contest\":{}}", "\u{feff}{}"] {
        put(body.as_bytes()).problem(422, "invalid-definition");
    }
    put("[".repeat(1 << 20).as_bytes()).problem(422, "invalid-definition");
    put(b"{\"contest\":\"\xff\"}").problem(422, "invalid-definition");
    let list = site.read("/v1/contests").body;
    assert_eq!(list, json!({"contests": []}));
}

#[test]
fn staff_stay_within_their_role_contest_and_key() {
    let site = &Site::start();
    site.create("draft", "2099-01-01T00:00:00Z", &json!({}));
    site.create("main", OPENED, &json!({}));
    let auditor = site.staff_key("auditor", "main");
    let other = site.staff_key("organiser", "draft");
    let get = |path: &str, token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", &*bearer)];
        site.send("GET", path, if token.is_empty() { &[] } else { &headers }, b"")
    };
    let post = |path: &str, token: &str, key: &str, body: &str| {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("authorization", &*bearer), ("content-type", "application/json")];
        headers.extend((!key.is_empty()).then_some(("idempotency-key", key)));
        site.send("POST", path, &headers, body.as_bytes())
    };
    get("/v1/contests/draft", "").problem(404, "contest-not-found");
    assert_eq!(get("/v1/contests/draft", &other).status, 200);
    // No other key learns that the draft exists.
    get("/v1/contests/draft", &auditor).problem(404, "contest-not-found");
    get("/v1/contests/draft/tally", &auditor).problem(404, "contest-not-found");
    for unknown in ["draft", "none"] {
        get(&format!("/v1/contests/{unknown}"), "ack_0000").problem(404, "contest-not-found");
        post(&format!("/v1/contests/{unknown}/close"), "ack_0000", "k", "{}")
            .problem(404, "contest-not-found");
    }
    get("/v1/contests/draft/votes/mine", "").problem(404, "contest-not-found");
    let unknown_ballot = format!("/v1/contests/draft/ballots/{}", "A".repeat(22));
    get(&unknown_ballot, "").problem(404, "contest-not-found");
    get(&format!("{unknown_ballot}/proof"), "").problem(404, "contest-not-found");
    post("/v1/contests/draft/ballots", "x", "", "{}").problem(404, "contest-not-found");
    // A key that may not read data that is not public reads public data.
    let gateway = site.staff_key("gateway", "main");
    for key in ["", &*gateway, &*other] {
        assert_eq!(get("/v1/contests/main/log/checkpoint", key).status, 200, "{key}");
        get("/v1/contests/main/tally", key).problem(403, "not-public");
    }
    get("/v1/contests/main/log/checkpoint", "ack_0000").problem(401, "key-invalid");
    let listed: Vec<Value> = get("/v1/contests", "").body["contests"].as_array().unwrap().clone();
    assert_eq!(listed.iter().map(|contest| &contest["id"]).collect::<Vec<_>>(), [&json!("main")]);

    let close = "/v1/contests/main/close";
    post(close, &auditor, "k", "{}").problem(403, "key-insufficient");
    post(close, &other, "k", "{}").problem(403, "key-insufficient");
    post(close, "ack_0000", "k", "{}").problem(401, "key-invalid");
    post(close, &site.key, "", "{}").problem(400, "idempotency-key-missing");
    post(close, &site.key, "k", "{\"now\":true}").problem(400, "malformed");
    post("/v1/contests/main/withdrawals", &site.key, "k", r#"{"entry":"a1","reason":" "}"#)
        .problem(422, "invalid-request");
    get("/v1/contests/main/tally", "").problem(403, "not-public");
    get("/v1/contests/main/result", &auditor).problem(409, "no-result-yet");
    let opened = site.tally("main", 1);

    let withdraw = |token: &str, entry: &str| {
        let body = json!({"entry": entry, "reason": "asked for"}).to_string();
        post("/v1/contests/main/withdrawals", token, "once", &body)
    };
    let first = withdraw(&site.key, "a1");
    assert_eq!(first.status, 200, "{first:?}");
    let log = site.log("main");
    assert_eq!(log.len() as u64, opened["log"]["size"].as_u64().unwrap() + 1);
    assert_eq!(withdraw(&site.key, "a1").body, first.body, "the same request has the same answer");
    withdraw(&site.key, "a2").problem(409, "idempotency-key-used");
    withdraw(&other, "a1").problem(403, "key-insufficient");
    assert_eq!(site.log("main"), log);
}

#[test]
fn names_ballots_that_conflict() {
    check_conflicting_ballots(&Site::start());
}
