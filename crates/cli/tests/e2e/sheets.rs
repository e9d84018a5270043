//! Contests in which a voter has several sheets: channels, numbered ballots, and a vote each day.

use serde_json::{Value, json};

use crate::{
    backends::{on_both_backends, succeeded},
    booth::OPENED,
    contests::in_period,
    forgery::PublishedLog,
    server::acclaim,
    site::{Answer, Site, address, ballot, poll},
    verifiers::{Verdict, python},
};

on_both_backends!(channels_and_numbered_ballots_audit_clean, a_vote_each_day_names_the_day,);

/// Returns a pass of a subject in a channel.
fn pass(site: &Site, contest: &str, subject: &str, channel: &str) -> String {
    let body = json!({"subjects": [address(subject)], "channel": channel});
    let key = format!("{subject}-{channel}");
    let minted = site.staff.post(&format!("/v1/contests/{contest}/passes"), &key, &body);
    minted.unwrap()["passes"][0]["pass"].as_str().unwrap().to_owned()
}

fn mine(site: &Site, contest: &str, pass: &str, query: &str) -> Value {
    let bearer = format!("Bearer {pass}");
    let path = format!("/v1/contests/{contest}/votes/mine{query}");
    let answer = site.send("GET", &path, &[("authorization", &bearer)], b"");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

#[track_caller]
fn wrong_period(answer: &Answer, expected: &str) {
    let problem = answer.problem(422, "invalid-selection");
    assert_eq!(problem["reason"], "wrong-period");
    answer.names(expected);
}

/// Audits an export with both verifiers, after `change`. Returns their verdicts.
fn audit(site: &Site, contest: &str, name: &str, change: impl FnOnce(&mut PublishedLog)) -> [Verdict; 2] {
    let folder = site.export(contest, name);
    let mut published = PublishedLog::of_export(&folder);
    change(&mut published);
    published.sign();
    published.write(&folder);
    let vkey = published.key().verifier().to_string();
    let own = acclaim().arg("audit").arg(&folder).args(["--vkey", &vkey]).output().unwrap();
    [own.into(), python().arg("log").arg(&folder).args(["--vkey", &vkey]).output().unwrap().into()]
}

fn channels_and_numbered_ballots_audit_clean(site: &Site) {
    let rules = json!({
        "ballot": {"period": "counted", "ballots_per_voter": 3, "revision": "replace", "completion": "all"},
        "channel": [{"id": "unique", "weight": 70}, {"id": "fan", "weight": 30}],
    });
    site.create("main", OPENED, &rules);
    passes_have_a_channel(site);
    let [unique, fan] = ["unique", "fan"].map(|channel| pass(site, "main", "ama", channel));
    let cast = |pass: &str, ballot: &Value| site.cast("main", pass, ballot);

    // One subject with two channels has two sheets for each number.
    let first = cast(&unique, &in_period(&["a1", "b1"], "1"));
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(cast(&unique, &in_period(&["a1", "b1"], "1")).status, 200, "a repeated ballot");
    assert_eq!(cast(&fan, &in_period(&["a1"], "1")).status, 201);
    let taken = cast(&fan, &in_period(&["a2", "b2"], "1"));
    assert_eq!(taken.problem(409, "already-voted")["categories"], json!(["a"]));
    assert_eq!(cast(&fan, &in_period(&["a1", "b3"], "3")).status, 201, "numbers can be used in any order");

    let state = mine(site, "main", &fan, "");
    assert_eq!(
        (&state["channel"], &state["period"], &state["left"]),
        (&json!("fan"), &json!("1"), &json!(["b"]))
    );
    assert_eq!((&state["ballots_left"], &state["older"]), (&json!(2), &Value::Null));
    let listed: Vec<_> =
        state["ballots"].as_array().unwrap().iter().map(|b| (&b["channel"], &b["period"])).collect();
    assert_eq!(
        listed,
        [(&json!("fan"), &json!("1")), (&json!("fan"), &json!("3"))],
        "the ballots of the other pass must not be listed"
    );

    // A replacement stays on its sheet.
    let mut again = in_period(&["a3", "b3"], "1");
    again["replaces"] = first.body["ballot"].clone();
    assert_eq!(
        cast(&fan, &again).problem(409, "replaced-is-not-standing")["type"],
        "/problems/replaced-is-not-standing"
    );
    assert_eq!(cast(&unique, &again).status, 201);
    for (entry, number) in [("b2", "1"), ("a2", "2"), ("b2", "2")] {
        assert_eq!(cast(&fan, &in_period(&[entry], number)).status, 201);
    }
    let state = mine(site, "main", &fan, "");
    assert_eq!(
        (&state["ballots_left"], &state["period"], &state["left"]),
        (&json!(0), &Value::Null, &json!([]))
    );

    let turnout = site.staff.get("/v1/contests/main/turnout").unwrap().json::<Value>().unwrap();
    assert_eq!(turnout["channels"], json!({"unique": 2, "fan": 6}));
    close_and_audit(site);
}

/// The command line names the contest's channels.
fn passes_have_a_channel(site: &Site) {
    let url = format!("http://{}", site.address);
    let mint = |more: &[&str]| {
        let mut command = acclaim();
        command.args(["pass", "mint", "main", "--subject", "cli@example.org", "--url", &url]).args(more);
        command.env("ACCLAIM_KEY", &site.key).output().unwrap()
    };
    let refused = mint(&[]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(String::from_utf8(refused.stderr).unwrap().contains("the contest's channels are unique, fan"));
    let csv = succeeded(&mint(&["--channel", "fan"]));
    let minted = csv.lines().nth(1).unwrap().split(',').nth(1).unwrap();
    assert_eq!(mine(site, "main", minted, "")["channel"], "fan");
    assert_eq!(site.cast("main", minted, &in_period(&["a2", "b2"], "1")).status, 201);
}

fn close_and_audit(site: &Site) {
    site.staff.post("/v1/contests/main/close", "close", &json!({})).unwrap();
    let result = poll("the result", || site.staff.get("/v1/contests/main/result").ok()?.json::<Value>().ok());
    site.staff.post("/v1/contests/main/certify", "certify", &result["certify"]).unwrap();
    // One sheet of `unique` is complete, and four of `fan`: three of ama's and one of the command
    // line's.
    assert_eq!(result["counts"]["ballots"]["recorded"], 8, "{result}");
    assert_eq!(result["counts"]["ballots"]["incomplete"], 0, "{result}");
    for verdict in audit(site, "main", "clean", |_| {}) {
        assert_eq!(verdict.status, 0, "{verdict:?}");
    }
    for (name, from, to) in [
        ("channel", r#""channel":"fan""#, r#""channel":"fax""#),
        ("channel-gone", r#""channel":"fan","#, ""),
        ("period", r#""period":"3""#, r#""period":"4""#),
        ("period-gone", r#""period":"3","#, ""),
        ("taken", r#""period":"3""#, r#""period":"1""#),
    ] {
        let mut changed = 0;
        let verdicts = audit(site, "main", name, |published| {
            changed = published.find(0, r#""channel":"fan","period":"3""#);
            published.replace(changed, from, to);
        });
        for verdict in verdicts {
            assert_eq!(verdict.status, 1, "{name}: {verdict:?}");
            assert!(format!("{verdict:?}").contains(&format!("index {changed}")), "{name}: {verdict:?}");
        }
    }
}

/// Returns a zone in which it is about noon, so that no test runs at midnight.
fn noon_zone() -> String {
    let hour = acclaim_cli::clock::now().as_second().rem_euclid(24 * 3600) / 3600;
    // POSIX counts westward: Etc/GMT-3 is three hours ahead.
    match 12 - hour {
        0 => "UTC".to_owned(),
        ahead => format!("Etc/GMT{:+}", -ahead),
    }
}

#[expect(clippy::too_many_lines, reason = "one contest from its opening to its result")]
fn a_vote_each_day_names_the_day(site: &Site) {
    let zone = noon_zone();
    let now = acclaim_cli::clock::now();
    let at = |days: i64| {
        (now + jiff::SignedDuration::from_hours(24 * days)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    };
    let day = |days: i64| {
        let zone = jiff::tz::TimeZone::get(&zone).unwrap();
        zone.to_datetime(now + jiff::SignedDuration::from_hours(24 * days)).date().to_string()
    };
    let contest =
        json!({"id": "main", "title": "Daily", "time_zone": zone, "opens": at(-3), "closes": at(30)});
    let created = site.create("main", &at(-3), &json!({"contest": contest, "ballot": {"period": "day"}}));
    assert_eq!(created["days"][0][0], day(-3).as_str(), "{created}");
    assert_eq!(created["days"].as_array().unwrap().len(), 3 + 1 + 30 + 31);
    let opened = || site.staff.get("/v1/contests/main").unwrap().json::<Value>().unwrap();
    poll("open", || (opened()["phase"] == "open").then_some(()));
    assert_eq!(opened()["days"], created["days"]);

    let pass = site.pass("main", "ama");
    let (today, yesterday) = (day(0), day(-1));
    let state = mine(site, "main", &pass, "");
    assert_eq!((&state["period"], &state["left"]), (&json!(today), &json!(["a", "b"])));
    for (wrong, expected) in [
        (yesterday.as_str(), "not the day of"),
        (day(1).as_str(), "not the day of"),
        ("1", "the day of"),
        ("2021-02-30", "the day of"),
    ] {
        let answer = site.cast("main", &pass, &in_period(&["a1"], wrong));
        wrong_period(&answer, expected);
        assert_eq!(answer.body["today"], today.as_str());
        answer.names(&today);
    }
    wrong_period(&site.cast("main", &pass, &ballot(&["a1"])), "the day of");
    assert_eq!(site.cast("main", &pass, &in_period(&["a1"], &today)).status, 201);
    assert_eq!(site.cast("main", &pass, &in_period(&["a1"], &today)).status, 200);
    assert_eq!(site.cast("main", &pass, &in_period(&["a2"], &today)).status, 409);
    assert_eq!(mine(site, "main", &pass, "")["left"], json!(["b"]));

    // The days were listed at the opening. The closing can move only within them.
    let amend = |to: &str| {
        let body = json!({"what": "closes", "key": "closes", "to": to, "reason": "scripted"}).to_string();
        let bearer = format!("Bearer {}", site.key);
        let headers =
            [("authorization", &*bearer), ("content-type", "application/json"), ("idempotency-key", to)];
        site.send("POST", "/v1/contests/main/amendments", &headers, body.as_bytes())
    };
    let last = created["days"].as_array().unwrap().last().unwrap()[1].as_str().unwrap().to_owned();
    let beyond = amend(&last.replace(":00Z", ":01Z"));
    assert_eq!(beyond.problem(409, "refused")["code"], "closes-beyond-days");
    beyond.names(&last);
    assert_eq!(amend(&last).status, 200);
    assert_eq!(
        site.cast("main", &site.pass("main", "li"), &in_period(&["a1"], &today)).status,
        201,
        "the contest is still open"
    );

    site.staff.post("/v1/contests/main/close", "close", &json!({})).unwrap();
    for verdict in audit(site, "main", "daily", |_| {}) {
        assert_eq!(verdict.status, 0, "{verdict:?}");
    }
    let mut changed = 0;
    let [own, python] = audit(site, "main", "another-day", |published| {
        changed = published.ballot(0);
        published.replace(changed, &today, &yesterday);
    });
    let at = format!("index {changed}:");
    assert!(own.output.contains(&at), "{own:?}");
    // `verify.py` knows neither BLAKE3 nor the time of casting. For it this is a valid day, and
    // only the result's root differs.
    assert!(python.status == 1 && !python.output.contains(&at), "{python:?}");
    let verdicts = audit(site, "main", "no-day", |published| {
        published.replace(published.ballot(0), &today, "2021-03-14");
    });
    for verdict in verdicts {
        assert!(verdict.output.contains(&at), "{verdict:?}");
    }
}
