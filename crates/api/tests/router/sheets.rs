//! Voters with many ballots: what they are told of them.

use serde_json::{Value, json};

use crate::site::{Site, address, ballot};

const OPENED: &str = "2021-01-01T00:00:00Z";

/// A pass of a subject in a channel.
fn pass(site: &Site, contest: &str, subject: &str, channel: &str) -> String {
    let body = json!({"subjects": [address(subject)], "channel": channel});
    let key = format!("{subject}-{channel}");
    let minted = site.staff("POST", &format!("/v1/contests/{contest}/passes"), &key, &body);
    minted["passes"][0]["pass"].as_str().unwrap().to_owned()
}

/// A ballot for these entries in a period.
fn in_period(entries: &[&str], period: &str) -> Value {
    let mut ballot = ballot(entries);
    ballot["period"] = period.into();
    ballot
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
    // Once the intake takes ballots, lines are recorded in their order: before, each is offered again after a while.
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

    let numbers = |seen: &Value| -> Vec<u64> {
        let number = |ballot: &Value| ballot["period"].as_str().unwrap().parse().unwrap();
        seen["ballots"].as_array().unwrap().iter().map(number).collect()
    };
    let seen = mine(site, "main", &pass, "");
    assert_eq!(
        (&seen["period"], &seen["ballots_left"], &seen["older"]),
        (&json!("7"), &json!(801), &seen["ballots"][0]["index"])
    );
    assert_eq!(numbers(&seen), (701..=1200).collect::<Vec<_>>());
    let before = |seen: &Value| format!("?before={}", seen["older"]);
    let older = mine(site, "main", &pass, &before(&seen));
    assert_eq!(numbers(&older), (201..=700).collect::<Vec<_>>());
    let oldest = mine(site, "main", &pass, &before(&older));
    assert_eq!(
        (numbers(&oldest).len(), &oldest["older"], &oldest["period"]),
        (199, &Value::Null, &json!("7"))
    );

    // What stands is told although its ballot is not among those that are read for it.
    let taken = site.cast("main", &pass, &in_period(&["a2", "b2"], "3"));
    assert_eq!(taken.problem(409, "already-voted")["categories"], json!(["a", "b"]));
    assert_eq!(site.cast("main", &pass, &in_period(&["a1", "b1"], "3")).status, 200);
    assert_eq!(site.cast("main", &pass, &in_period(&["a2", "b2"], "7")).status, 201);
    assert_eq!(mine(site, "main", &pass, "")["period"], "1201");
}

/// Another channel's ballots neither hide the own ones nor make them seem all that there can be.
#[test]
fn a_voter_of_two_channels_is_told_of_the_own_alone() {
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
        // As many as a busy machine records before a request's deadline.
        for lines in lines.chunks(500) {
            let answer = site.send("POST", path, &headers, lines.join("\n").as_bytes());
            assert_eq!(answer.text.matches("\"recorded\"").count(), lines.len(), "{}", answer.text);
        }
    };
    cast(&unique, 1..=3);
    cast(&fan, 1..=1100);
    let seen = mine(site, "main", &unique, "");
    assert_eq!(seen["ballots"].as_array().unwrap().len(), 3, "behind two pages of the other channel");
    assert_eq!(
        (&seen["period"], &seen["left"], &seen["older"]),
        (&json!("4"), &json!(["a", "b"]), &Value::Null)
    );

    cast(&fan, 1101..=9000);
    cast(&unique, 4..=3100);
    let seen = mine(site, "main", &unique, "");
    assert!(!seen["ballots"].as_array().unwrap().is_empty());
    let unknown = ["period", "left", "ballots_left"].map(|key| &seen[key]);
    assert_eq!(unknown, [&Value::Null; 3], "more than are looked through: not known, and not none");
    assert_eq!(site.cast("main", &unique, &in_period(&["a1", "b1"], "3101")).status, 201);
}
