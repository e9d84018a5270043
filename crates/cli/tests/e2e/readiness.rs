//! `/readyz`, the metrics and the answers to ballots while something that ballots need is missing.

use std::sync::Barrier;

use acclaim_contest::BallotId;
use serde_json::json;

use crate::site::{Site, ballot, poll};

/// Waits until `/readyz` has this status, and returns its reasons.
fn wait_for(site: &Site, status: u16) -> String {
    poll("the readiness", || {
        let ready = site.send("GET", "/readyz", &[], b"");
        (ready.status == status).then_some(ready.body["reasons"].to_string())
    })
}

#[test]
fn a_process_that_answers_is_ready_only_while_one_sequences() {
    let mut site = Site::start_clustered();
    site.create_open("main", "2021-01-01T00:00:00Z", &json!({}));
    wait_for(&site, 200);
    site.stop_sequencing();
    let reasons = wait_for(&site, 503);
    assert!(reasons.contains("no process records a contest: main"), "{reasons}");
    site.go_on_sequencing();
    wait_for(&site, 200);
}

#[test]
fn redis_without_memory_is_reported() {
    let site = Site::start_clustered();
    site.create_open("main", "2021-01-01T00:00:00Z", &json!({}));
    let pass = site.pass("main", "ama");
    wait_for(&site, 200);
    let limit = |bytes: &str| -> String { site.redis().run(&["CONFIG", "SET", "maxmemory", bytes]) };
    limit("1000000");
    let reasons = wait_for(&site, 503);
    assert!(reasons.contains("the intake has no memory left") && reasons.contains("maxmemory"), "{reasons}");
    let metrics = site.send("GET", "/metrics", &[], b"").text;
    assert!(metrics.contains("acclaim_intake_full_servers 1"), "{metrics}");
    assert_eq!(site.cast("main", &pass, &ballot(&["a1"])).status, 503);
    limit("0");
    wait_for(&site, 200);
    assert_eq!(site.cast("main", &pass, &ballot(&["a1"])).status, 201);
}

#[test]
fn rejections_of_one_pass_are_kept_up_to_a_bound() {
    let site = Site::start_clustered();
    site.create_open("main", "2021-01-01T00:00:00Z", &json!({"ballot": {"revision": "replace"}}));
    let pass = site.pass("main", "ama");
    let bearer = format!("Bearer {pass}");
    let headers =
        [("authorization", &*bearer), ("content-type", "application/json"), ("prefer", "respond-async")];
    let cast = |number: u32| {
        let mut ballot = ballot(&["a1"]);
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        ballot["replaces"] = json!(BallotId(id).to_string());
        let answer = site.send("POST", "/v1/contests/main/ballots", &headers, ballot.to_string().as_bytes());
        if answer.status == 202 {
            // Each ballot is rejected before the next one is cast.
            let path = format!("/v1/contests/main/ballots/{}", answer.body["ballot"].as_str().unwrap());
            poll("the rejection", || {
                (site.send("GET", &path, &[], b"").body["status"] == "rejected").then_some(())
            });
        }
        answer.status
    };
    let statuses: Vec<u16> = (0..120).map(cast).collect();
    assert_eq!((statuses[0], statuses[99], statuses[100], statuses[119]), (202, 202, 409, 409));
    assert_eq!(site.number("SELECT count(*) FROM rejections"), Some(100));
}

#[test]
fn a_ballot_that_several_requests_wait_for_is_counted_once() {
    let site = Site::start();
    site.create_open("main", "2021-01-01T00:00:00Z", &json!({}));
    let pass = site.pass("main", "ama");
    let all_at_once = Barrier::new(20);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let cast = || {
            all_at_once.wait();
            site.cast("main", &pass, &ballot(&["a1"])).status
        };
        let casts: Vec<_> = (0..20).map(|_| scope.spawn(cast)).collect();
        casts.into_iter().map(|cast| cast.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| matches!(status, 200 | 201)), "{statuses:?}");
    let metrics = site.send("GET", "/metrics", &[], b"").text;
    for line in
        ["acclaim_ballots_total{answer=\"recorded\"} 1\n", "acclaim_ballots_total{answer=\"again\"} 19\n"]
    {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[test]
fn checkpoint_returns_after_redis_flush() {
    let site = Site::start_clustered();
    site.create_open("main", "2021-01-01T00:00:00Z", &json!({}));
    let read = || site.send("GET", "/v1/contests/main/log/checkpoint", &[], b"");
    poll("the checkpoint", || (read().status == 200).then_some(()));
    let _: String = site.redis().run(&["FLUSHALL"]);
    poll("the checkpoint again", || match read().status {
        200 => Some(()),
        status => {
            assert_eq!(status, 503);
            None
        }
    });
}
