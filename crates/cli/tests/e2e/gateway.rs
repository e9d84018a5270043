//! Ballots in bulk, the turnout, and full queues.

use std::{io::Write as _, net::TcpStream, thread};

use serde_json::{Value, json};

use crate::{
    backends::on_both_backends,
    site::{Site, ballot, poll},
};

const PATH: &str = "/v1/contests/main/ballots/bulk";

on_both_backends!(each_line_of_a_bulk_request_is_a_ballot_of_its_own);

fn line(pass: &str, category: &str, entry: &str) -> String {
    json!({"pass": pass, "selections": [{"category": category, "entry": entry}]}).to_string()
}

fn each_line_of_a_bulk_request_is_a_ballot_of_its_own(site: &Site) {
    site.create("main", "2021-01-01T00:00:00Z", &json!({}));
    let mint = |key: &str, body: Value| {
        let minted = site.staff.post("/v1/contests/main/passes", key, &body).unwrap();
        let passes = minted["passes"].as_array().unwrap().iter();
        passes.map(|pass| pass["pass"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let grouped = mint("grouped", json!({"count": 2, "group": "africa"}));
    let plain = mint("plain", json!({"count": 1}));
    let key = site.staff_key("gateway", "main");
    let bearer = format!("Bearer {key}");
    let send = |kind: &str, body: &str| {
        let headers = [("authorization", &*bearer), ("content-type", kind)];
        let answer = site.send("POST", PATH, &headers, body.as_bytes());
        (answer.status, answer.text)
    };
    let body = [
        line(&grouped[0], "a", "a1"),
        line(&grouped[1], "a", "a2"),
        line(&grouped[1], "a", "a1"),
        line(&plain[0], "a", "nobody"),
        "{".to_owned(),
        line(&plain[0], "b", "b1"),
        line("x", "b", "b1"),
    ]
    .join("\n");
    let kinds = |answers: &str| {
        let kind = |line: &str| {
            let answer: Value = serde_json::from_str(line).unwrap();
            let problem = answer["problem"]["type"].as_str().map(str::to_owned);
            problem.unwrap_or_else(|| answer["status"].as_str().unwrap().to_owned())
        };
        answers.lines().map(kind).collect::<Vec<_>>()
    };
    let expected = [
        "recorded",
        "recorded",
        "/problems/already-voted",
        "/problems/invalid-selection",
        "/problems/malformed",
        "recorded",
        "/problems/pass-invalid",
    ];
    let (status, first) = send("application/x-ndjson", &body);
    assert_eq!((status, kinds(&first)), (200, expected.map(str::to_owned).to_vec()), "{first}");
    let (status, again) = send("application/x-ndjson", &body);
    assert_eq!(
        (status, kinds(&again)),
        (200, expected.map(str::to_owned).to_vec()),
        "a repeated request must get the same answers"
    );
    assert_eq!(site.log("main").iter().filter(|line| line.contains("\"type\":\"ballot\"")).count(), 3);

    let turnout = site.staff.get("/v1/contests/main/turnout").unwrap().json::<Value>().unwrap();
    assert_eq!((&turnout["ballots"], &turnout["groups"]), (&json!(3), &json!({"africa": 2, "-": 1})));
    let hours: u64 = turnout["hours"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(hours, 3);

    // Requests have a largest size and a fixed type, and only gateways may send them.
    assert_eq!(send("application/json", &body).0, 415);
    assert_eq!(send("application/x-ndjson", "").0, 422);
    assert_eq!(send("application/x-ndjson", &"{}\n".repeat(10_001)).0, 422);
    assert_eq!(send("application/x-ndjson", &" ".repeat((16 << 20) + 1)).0, 413);
    let auditor = format!("Bearer {}", site.staff_key("auditor", "main"));
    let headers = [("authorization", &*auditor), ("content-type", "application/x-ndjson")];
    assert_eq!(site.send("POST", PATH, &headers, body.as_bytes()).status, 403);
    assert_eq!(site.send("GET", "/v1/contests/main/turnout", &[], b"").status, 401);
}

/// Waits until this number of requests waits for ballots.
fn wait_until(site: &Site, waiting: u32) {
    wait_for_metric(site, &format!("acclaim_waiting_requests {waiting}"));
}

/// Waits until the metrics have this line.
fn wait_for_metric(site: &Site, line: &str) {
    poll(line, || {
        let key = format!("Bearer {}", site.key);
        let metrics = site.send("GET", "/metrics", &[("authorization", &*key)], b"");
        metrics.text.lines().any(|text| text == line).then_some(())
    });
}

/// Without a sequencer no ballot is recorded. With one, all ballots that were not refused are
/// recorded.
#[test]
fn full_queue_refuses_voter_and_delays_bulk_lines() {
    let mut site = Site::start_clustered();
    site.create("main", "2021-01-01T00:00:00Z", &json!({}));
    let minted = site.staff.post("/v1/contests/main/passes", "mint", &json!({"count": 42})).unwrap();
    let passes: Vec<&str> =
        minted["passes"].as_array().unwrap().iter().map(|pass| pass["pass"].as_str().unwrap()).collect();
    let bearer = format!("Bearer {}", site.staff_key("gateway", "main"));
    let (first, passes) = passes.split_first().unwrap();
    // From now on the intake takes ballots, also without a sequencer.
    assert_eq!(site.cast("main", first, &ballot(&["a1"])).status, 201);
    site.kill();
    site.environment = [("WAITING", "2"), ("DEADLINE_MS", "30000")]
        .map(|(name, value)| (format!("ACCLAIM_BALLOTS_{name}"), value.to_owned()))
        .to_vec();
    site.restart();
    site.stop_sequencing();
    let (refused, lines) = passes[3..].split_first().unwrap();
    let cast = |pass: &str| site.cast("main", pass, &ballot(&["a1"]));
    thread::scope(|scope| {
        let gateway = scope.spawn(|| {
            let body = lines.iter().map(|pass| line(pass, "a", "a1")).collect::<Vec<_>>().join("\n");
            let headers = [("authorization", &*bearer), ("content-type", "application/x-ndjson")];
            site.send("POST", PATH, &headers, body.as_bytes())
        });
        wait_until(&site, 2);
        // A client that disconnects frees its place, but its ballot is still recorded.
        let mut disconnecting = TcpStream::connect(site.address).unwrap();
        let body = ballot(&["a1"]).to_string();
        let head = format!(
            "POST /v1/contests/main/ballots HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n\
             authorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
            passes[2],
            body.len()
        );
        disconnecting.write_all((head + &body).as_bytes()).unwrap();
        wait_until(&site, 3);
        // A request waits already before its ballot is in the intake.
        wait_for_metric(&site, "acclaim_backlog_ballots{contest=\"main\"} 3");
        drop(disconnecting);
        wait_until(&site, 2);
        let voters = [passes[0], passes[1]].map(|pass| scope.spawn(move || cast(pass)));
        wait_until(&site, 4);
        let answer = cast(refused);
        answer.problem(503, "queue-full");
        assert_eq!(answer.header("retry-after"), "1");
        let _sequencer = site.another_sequencer();
        for voter in voters {
            // The status is 201, or 200 if the notice was missed and the ledger was read.
            let answer = voter.join().unwrap();
            assert!(answer.status <= 201 && answer.body["status"] == "recorded", "{answer:?}");
        }
        let answers = gateway.join().unwrap().text;
        assert_eq!(answers.matches(r#""status":"recorded""#).count(), lines.len(), "{answers}");
        assert_eq!(
            cast(refused).status,
            201,
            "the refused ballot was not kept, and the queue has a free place"
        );
    });
    assert_eq!(site.log("main").iter().filter(|line| line.contains("\"type\":\"ballot\"")).count(), 42);
}

#[test]
fn stalled_contest_leaves_capacity_for_others() {
    let mut site = Site::start_clustered();
    site.kill();
    site.environment = [("WAITING", "2"), ("DEADLINE_MS", "30000")]
        .map(|(name, value)| (format!("ACCLAIM_BALLOTS_{name}"), value.to_owned()))
        .to_vec();
    site.restart();
    let cast = |contest: &str, pass: &str| site.cast(contest, pass, &ballot(&["a1"]));
    let passes = ["stuck", "main"].map(|contest| {
        site.create(contest, "2021-01-01T00:00:00Z", &json!({}));
        let passes = ["ama", "bo", "efua", "kofi"].map(|who| site.pass(contest, who));
        assert_eq!(cast(contest, &passes[0]).status, 201);
        passes
    });
    let [stuck, main] = &passes;
    thread::scope(|scope| {
        // The lock blocks appends to this contest's log.
        let lock = "BEGIN; SELECT id FROM contests WHERE id = 'stuck' FOR UPDATE; SELECT pg_sleep(8); COMMIT";
        scope.spawn(|| site.execute(lock));
        let is_locked =
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%stuck%'";
        poll("the lock", || (site.number(is_locked) == Some(1)).then_some(()));
        let waiting = [&stuck[1], &stuck[2]].map(|pass| scope.spawn(|| cast("stuck", pass)));
        wait_until(&site, 2);
        cast("stuck", &stuck[3]).problem(503, "queue-full");
        assert_eq!(cast("main", &main[1]).status, 201);
        assert!(
            waiting.iter().all(|voter| !voter.is_finished()),
            "the ballots of the other contest must still wait"
        );
        for voter in waiting {
            assert_eq!(voter.join().unwrap().status, 201);
        }
    });
}
