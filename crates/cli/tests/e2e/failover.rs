//! Redis fails over to a replica that is behind: the address leads to a server with older content.

use std::{collections::BTreeMap, time::Instant};

use acclaim_ballot_log::VerifierKey;
use acclaim_test_servers::{redis::Server as Redis, switch::Switch, wait::retry};
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, ask, ask_with_retry_after},
    kill::{Progress, WAIT_TIMEOUT, check, create, mint, note_checkpoint, vote},
};

const BALLOTS: u64 = 2_400;

/// Starts a cluster with an open contest, a replica of Redis, and a switch in front of Redis.
fn start() -> (Cluster, Switch, Redis, VerifierKey) {
    let mut switch = None;
    let cluster = Cluster::start_by(|runtime, redis| {
        let switch = switch.insert(runtime.block_on(Switch::start(redis.port())));
        format!("redis://127.0.0.1:{}", switch.port())
    });
    let replica = cluster.servers.redis.start_replica(cluster.folder.path());
    let vkey = create(&cluster.staff, "final");
    cluster.wait_until("open", "/v1/contests/kill", |contest| contest["phase"] == "open");
    (cluster, switch.expect("started"), replica, vkey)
}

#[test]
fn recorded_ballots_survive_failover_to_lagging_replica() {
    let (mut cluster, switch, replica, vkey) = start();
    let mut passes = mint(&cluster.staff, BALLOTS + 1);
    let spare = passes.pop().unwrap();
    let addresses: Vec<_> = cluster.apis.iter().map(|(address, _)| *address).collect();
    let cast = Progress::default();
    let voting = cluster.runtime.spawn(vote(addresses.clone(), passes, false, cast.clone()));
    let mut heads = BTreeMap::new();
    cast.wait_for(&cluster.runtime, BALLOTS / 3);
    replica.fall_behind();
    cast.wait_for(&cluster.runtime, 2 * BALLOTS / 3);
    note_checkpoint(&cluster.staff, &vkey, &mut heads);
    cluster.servers.redis.kill();

    // A replica takes no ballots. The answer says when to try again.
    switch.lead_to(Some(replica.port()));
    let started = Instant::now();
    let body: Value = serde_json::from_slice(&spare.body).unwrap();
    let answer = loop {
        match ask_with_retry_after(&cluster, "POST", "ballots", &spare.pass, &body) {
            (503, Some(seconds), answer) => break (seconds, answer),
            other => assert!(started.elapsed() < WAIT_TIMEOUT, "no 503 with Retry-After: {other:?}"),
        }
    };
    assert!((1..=60).contains(&answer.0), "{answer:?}");
    note_checkpoint(&cluster.staff, &vkey, &mut heads);

    replica.promote();
    let mut answered = cluster.runtime.block_on(voting).unwrap();
    answered.extend(cluster.runtime.block_on(vote(addresses, vec![spare], false, cast)));
    cluster.staff.post("/v1/contests/kill/close", "close", &json!({})).unwrap();
    cluster.wait_until("all counted", "/v1/contests/kill/tally", |tally| {
        tally["ballots"]["counted"] == BALLOTS + 1 && tally["ballots"]["recorded"] == BALLOTS + 1
    });
    let address = cluster.apis[0].0;
    check(&cluster.staff, cluster.folder.path(), address, &cluster.key, &vkey, &answered, heads);
}

#[test]
fn failover_loses_only_unreplicated_accepted_ballots() {
    let (mut cluster, switch, replica, _) = start();
    let passes: Vec<String> = mint(&cluster.staff, 30).into_iter().map(|ballot| ballot.pass).collect();
    let (recorded, rest) = passes.split_at(10);
    let (kept, lost) = rest.split_at(10);
    let body = json!({"selections": [{"category": "a", "entry": "a1"}]});
    let accept = |pass: &String| {
        let (status, accepted) = ask(&cluster, "POST", "ballots", pass, &body);
        assert_eq!(status, 202, "{accepted}");
        format!("/v1/contests/kill/ballots/{}", accepted["ballot"].as_str().unwrap())
    };
    let is_recorded = |ballot: &Value| ballot["status"] == "recorded";
    for address in recorded.iter().map(accept).collect::<Vec<_>>() {
        cluster.wait_until("recorded", &address, is_recorded);
    }
    cluster.sequencers.iter().for_each(|(_, sequencer)| sequencer.pause());
    let kept: Vec<String> = kept.iter().map(accept).collect();
    replica.wait_for_all_of(&cluster.servers.redis);
    replica.fall_behind();
    let gone: Vec<String> = lost.iter().map(accept).collect();

    cluster.servers.redis.kill();
    replica.promote();
    switch.lead_to(Some(replica.port()));
    cluster.sequencers.iter().for_each(|(_, sequencer)| sequencer.resume());
    for address in &kept {
        cluster.wait_until("recorded", address, is_recorded);
    }
    for (address, pass) in gone.iter().zip(lost) {
        let path = address.strip_prefix("/v1/contests/kill/").unwrap();
        let started = Instant::now();
        // The first request after the failover may find a broken connection.
        let (status, answer) = loop {
            match ask(&cluster, "GET", path, pass, &json!(null)) {
                (503, _) if started.elapsed() < WAIT_TIMEOUT => {}
                other => break other,
            }
        };
        assert_eq!(status, 404, "{answer}");
    }
    // The voters of the lost ballots vote again.
    for (address, pass) in gone.iter().zip(lost) {
        retry(WAIT_TIMEOUT, || match ask(&cluster, "POST", "ballots", pass, &body) {
            (503, answer) => Err(format!("no ballot is taken: {answer}")),
            _ => Ok(()),
        });
        cluster.wait_until("recorded", address, is_recorded);
    }
    cluster.wait_until("one each", "/v1/contests/kill/tally", |tally| tally["ballots"]["recorded"] == 30);
}
