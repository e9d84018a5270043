//! Contests with channels and numbered ballots.
//!
//! The tests check which ballots and passes are refused, and how voters read many ballots.

use serde_json::{Value, json};

use crate::{
    booth::OPENED,
    contests::in_period,
    site::{Answer, Site, address, ballot, definition},
};

/// Mints a pass of a subject in a channel.
fn pass(site: &Site, contest: &str, subject: &str, channel: &str) -> String {
    let body = json!({"subjects": [address(subject)], "channel": channel});
    let key = format!("{subject}-{channel}");
    let minted = site.staff("POST", &format!("/v1/contests/{contest}/passes"), &key, &body);
    minted["passes"][0]["pass"].as_str().unwrap().to_owned()
}

fn mine(site: &Site, contest: &str, pass: &str, query: &str) -> Value {
    let bearer = format!("Bearer {pass}");
    let path = format!("/v1/contests/{contest}/votes/mine{query}");
    let answer = site.send("GET", &path, &[("authorization", &bearer)], b"");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

#[test]
fn a_voter_with_many_ballots_is_answered_in_pieces() {
    let site = &Site::start();
    let rules = json!({"ballot": {"period": "counted", "ballots_per_voter": 2000}});
    site.create("main", OPENED, &rules);
    let pass = site.pass("main", "ama");
    // Once the intake takes ballots, lines are recorded in their order. Before, each is submitted
    // again after a while.
    assert_eq!(site.cast("main", &site.pass("main", "bo"), &in_period(&["a1", "b1"], "1")).status, 201);
    let key = site.staff_key("gateway", "main");
    let lines: Vec<String> = (1..=1200)
        .filter(|number| *number != 7)
        .map(|number| {
            let ballot = in_period(&["a1", "b1"], &number.to_string());
            json!({"pass": pass, "selections": ballot["selections"], "period": ballot["period"]}).to_string()
        })
        .collect();
    let headers = [("authorization", &*format!("Bearer {key}")), ("content-type", "application/x-ndjson")];
    let answer = site.send("POST", "/v1/contests/main/ballots/bulk", &headers, lines.join("\n").as_bytes());
    assert_eq!(answer.text.matches("\"recorded\"").count(), 1199, "{}", answer.text);

    let numbers = |page: &Value| -> Vec<u64> {
        let number = |ballot: &Value| ballot["period"].as_str().unwrap().parse().unwrap();
        page["ballots"].as_array().unwrap().iter().map(number).collect()
    };
    let page = mine(site, "main", &pass, "");
    assert_eq!(
        (&page["period"], &page["ballots_left"], &page["older"]),
        (&json!("7"), &json!(801), &page["ballots"][0]["index"])
    );
    assert_eq!(numbers(&page), (701..=1200).collect::<Vec<_>>());
    let before = |page: &Value| format!("?before={}", page["older"]);
    let older = mine(site, "main", &pass, &before(&page));
    assert_eq!(numbers(&older), (201..=700).collect::<Vec<_>>());
    let oldest = mine(site, "main", &pass, &before(&older));
    assert_eq!(
        (numbers(&oldest).len(), &oldest["older"], &oldest["period"]),
        (199, &Value::Null, &json!("7"))
    );

    // A taken slot is reported although its ballot is not among the ballots that one answer reads.
    let taken = site.cast("main", &pass, &in_period(&["a2", "b2"], "3"));
    assert_eq!(taken.problem(409, "already-voted")["categories"], json!(["a", "b"]));
    assert_eq!(site.cast("main", &pass, &in_period(&["a1", "b1"], "3")).status, 200);
    assert_eq!(site.cast("main", &pass, &in_period(&["a2", "b2"], "7")).status, 201);
    assert_eq!(mine(site, "main", &pass, "")["period"], "1201");
}

/// Ballots of another channel neither hide the own ones nor count as the voter's own.
#[test]
fn lists_only_ballots_of_own_channel() {
    let site = &Site::start();
    let channels = json!([{"id": "unique", "weight": 70}, {"id": "fan", "weight": 30}]);
    let ballot = json!({"period": "counted", "ballots_per_voter": 10_000});
    site.create("main", OPENED, &json!({"ballot": ballot, "channel": channels}));
    let [unique, fan] = ["unique", "fan"].map(|channel| self::pass(site, "main", "ama", channel));
    let key = site.staff_key("gateway", "main");
    let headers = [("authorization", &*format!("Bearer {key}")), ("content-type", "application/x-ndjson")];
    let cast = |pass: &str, numbers: std::ops::RangeInclusive<u32>| {
        let lines: Vec<String> = numbers
            .map(|number| {
                let ballot = in_period(&["a1", "b1"], &number.to_string());
                json!({"pass": pass, "selections": ballot["selections"], "period": ballot["period"]})
                    .to_string()
            })
            .collect();
        let path = "/v1/contests/main/ballots/bulk";
        // The number of ballots that a busy machine records before a request's deadline.
        for lines in lines.chunks(500) {
            let answer = site.send("POST", path, &headers, lines.join("\n").as_bytes());
            assert_eq!(answer.text.matches("\"recorded\"").count(), lines.len(), "{}", answer.text);
        }
    };
    cast(&unique, 1..=3);
    cast(&fan, 1..=1100);
    let page = mine(site, "main", &unique, "");
    assert_eq!(page["ballots"].as_array().unwrap().len(), 3, "after two pages of the other channel");
    assert_eq!(
        (&page["period"], &page["left"], &page["older"]),
        (&json!("4"), &json!(["a", "b"]), &Value::Null)
    );

    cast(&fan, 1101..=9000);
    cast(&unique, 4..=3100);
    let page = mine(site, "main", &unique, "");
    assert!(!page["ballots"].as_array().unwrap().is_empty());
    let unknown = ["period", "left", "ballots_left"].map(|key| &page[key]);
    assert_eq!(
        unknown,
        [&Value::Null; 3],
        "more ballots than the server reads for one answer: unknown, not empty"
    );
    assert_eq!(site.cast("main", &unique, &in_period(&["a1", "b1"], "3101")).status, 201);
}

/// Rules with two channels and three numbered ballots.
fn rules() -> Value {
    json!({
        "ballot": {"period": "counted", "ballots_per_voter": 3, "revision": "replace", "completion": "all"},
        "channel": [{"id": "unique", "weight": 70}, {"id": "fan", "weight": 30}],
    })
}

#[track_caller]
fn wrong_period(answer: &Answer, text: &str) {
    let problem = answer.problem(422, "invalid-selection");
    assert_eq!(problem["reason"], "wrong-period");
    answer.names(text);
}

#[test]
fn a_ballot_has_one_of_the_numbers() {
    let site = &Site::start();
    site.create_open("main", OPENED, &rules());
    let fan = pass(site, "main", "ama", "fan");
    let cast = |pass: &str, ballot: &Value| site.cast("main", pass, ballot);
    assert_eq!(cast(&fan, &in_period(&["a1"], "1")).status, 201);
    for wrong in ["0", "4", "01", "+1", "", "2021-03-01", "99999999999999999999"] {
        wrong_period(&cast(&fan, &in_period(&["a1"], wrong)), "\"1\" to \"3\"");
    }
    wrong_period(&cast(&fan, &ballot(&["a1"])), "the ballot's number");
    let key = site.staff_key("gateway", "main");
    let line = |entry: &str, period: Option<&str>| {
        json!({"pass": fan, "selections": [{"category": entry[..1], "entry": entry}], "period": period})
            .to_string()
    };
    let body = [
        line("b2", Some("1")),
        line("a2", Some("2")),
        line("b2", Some("2")),
        line("a2", Some("9")),
        line("a2", None),
    ];
    let headers = [("authorization", &*format!("Bearer {key}")), ("content-type", "application/x-ndjson")];
    let answer = site.send("POST", "/v1/contests/main/ballots/bulk", &headers, body.join("\n").as_bytes());
    let lines: Vec<Value> = answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = lines
        .iter()
        .map(|line| line["status"].as_str().or(line["problem"]["reason"].as_str()).unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["recorded", "recorded", "recorded", "wrong-period", "wrong-period"],
        "{}",
        answer.text
    );
}

/// A pass needs a channel of the contest if the contest has channels.
#[test]
fn passes_have_a_channel() {
    let site = &Site::start();
    site.create("main", OPENED, &rules());
    site.create("plain", OPENED, &json!({}));
    for (contest, channel, text) in [
        ("main", None, "is missing: the contest's channels are unique, fan"),
        ("main", Some("press"), "is not one of the contest's: unique, fan"),
        ("main", Some("é"), "is not one of"),
        ("plain", Some("fan"), "the contest has no channels"),
    ] {
        let body = json!({"count": 1, "channel": channel});
        let path = format!("/v1/contests/{contest}/passes");
        let answer = site.try_staff(&site.key, "POST", &path, "k", &body);
        assert_eq!(answer.problem(422, "invalid-request")["field"], "channel");
        answer.names(text);
    }
}

#[test]
fn a_draft_can_lose_the_channel_that_passes_were_minted_for() {
    let site = &Site::start();
    let mut draft = definition("draft", "2098-01-01T00:00:00Z");
    draft["channel"] = json!([{"id": "fan", "weight": 1}]);
    assert_eq!(site.put(&draft, None).status, 201);
    let outdated = pass(site, "draft", "ama", "fan");
    for (channels, text) in [
        (json!([{"id": "press", "weight": 1}]), "the channel fan, which the contest does not have"),
        (json!([]), "the channel fan, which the contest does not have"),
    ] {
        draft["channel"] = channels;
        assert_eq!(site.put(&draft, Some("*")).status, 200);
        let answer = site.cast("draft", &outdated, &ballot(&["a1"]));
        answer.problem(403, "pass-of-another-channel");
        answer.names(text);
    }
    let plain = site.pass("draft", "li");
    draft["channel"] = json!([{"id": "fan", "weight": 1}]);
    assert_eq!(site.put(&draft, Some("*")).status, 200);
    let answer = site.cast("draft", &plain, &ballot(&["a1"]));
    answer.problem(403, "pass-of-another-channel");
    answer.names("the pass has no channel");
}
