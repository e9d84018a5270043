//! A cluster: several processes of each role on real Redis and Postgres. Servers are killed, Redis
//! is flushed, and requests race.

use std::{
    net::SocketAddr,
    sync::{Arc, Barrier},
    thread,
    time::Instant,
};

use acclaim_cli::{
    client::Client,
    voting_client::{Ballot, VotingClient},
};
use acclaim_test_servers::{postgres::Server as Postgres, redis::Server as Redis, wait::retry};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    backends::Servers,
    kill::{Progress, WAIT_TIMEOUT, check, create, mint, note_checkpoint, vote},
    server::{Server, client, free_address},
};

pub(crate) struct Cluster {
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) servers: Servers,
    postgres: Postgres,
    pub(crate) folder: TempDir,
    pub(crate) key: String,
    /// API processes with their addresses.
    pub(crate) apis: Vec<(SocketAddr, Server)>,
    pub(crate) sequencers: Vec<(SocketAddr, Server)>,
    pub(crate) staff: Client,
}

impl Cluster {
    /// Starts two processes of each role, on their own servers.
    fn start() -> Self {
        Self::start_by(|_, redis| redis.url())
    }

    /// As [`Cluster::start`]. The processes reach Redis over the address that `address` returns.
    pub(crate) fn start_by(address: impl FnOnce(&tokio::runtime::Runtime, &Redis) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let postgres = runtime.block_on(Postgres::start(&[]));
        let database = runtime.block_on(postgres.empty_database());
        let mut servers = Servers::start_on(folder.path(), postgres.url_by(postgres.port(), &database));
        servers.redis_url = address(&runtime, &servers.redis);
        let key = servers.operator_key();
        let start = |role: &str| {
            let address = free_address();
            (address, servers.serve(role, address))
        };
        let apis = vec![start("api"), start("api")];
        let sequencers = vec![start("sequencer"), start("sequencer")];
        let staff = client(apis[0].0, &key);
        Self { runtime, servers, postgres, folder, key, apis, sequencers, staff }
    }

    /// Kills a process, and starts another one in its place.
    fn replace(&mut self, role: &str, number: usize) {
        let processes = if role == "api" { &mut self.apis } else { &mut self.sequencers };
        let (address, process) = processes.remove(number);
        process.kill();
        processes.push((address, self.servers.serve(role, address)));
    }

    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, path: &str, reached: impl Fn(&Value) -> bool) {
        retry(WAIT_TIMEOUT, || match self.staff.get(path).and_then(|answer| answer.json::<Value>()) {
            Ok(value) if reached(&value) => Ok(()),
            other => Err(format!("{what}: {other:?}")),
        });
    }
}

#[test]
fn one_voter_at_two_hundred_clients_has_one_vote() {
    let cluster = Cluster::start();
    create(&cluster.staff, "final");
    cluster.wait_until("open", "/v1/contests/kill", |contest| contest["phase"] == "open");
    let pass = mint(&cluster.staff, 1).remove(0).pass;
    let barrier = Arc::new(Barrier::new(200));
    let clients: Vec<_> = (0..200)
        .map(|number: usize| {
            let (barrier, pass) = (Arc::clone(&barrier), pass.clone());
            let address = cluster.apis[number % 2].0;
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let selections = [json!({"category": "a", "entry": format!("a{}", number % 4 + 1)})];
                let ballot = Ballot { pass, body: json!({"selections": selections}).to_string().into() };
                barrier.wait();
                runtime.block_on(VotingClient::new(address, "kill").cast(&ballot)).unwrap().0.as_u16()
            })
        })
        .collect();
    let answers: Vec<u16> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    let count = |status| answers.iter().filter(|answer| **answer == status).count();
    // One of the four different ballots is recorded. The fifty clients that sent it get
    // that answer.
    assert_eq!((count(200) + count(201), count(409)), (50, 150), "{answers:?}");
    cluster.wait_until("one vote", "/v1/contests/kill/tally", |tally| {
        tally["ballots"]["recorded"] == 1 && tally["votes"] == 1
    });
}

/// Sends a request with a pass to the second API process. Returns the status and the body.
pub(crate) fn ask(cluster: &Cluster, method: &str, path: &str, pass: &str, body: &Value) -> (u16, Value) {
    let (status, _, value) = ask_with_retry_after(cluster, method, path, pass, body);
    (status, value)
}

/// As [`ask`]. Also returns the seconds of `Retry-After`.
pub(crate) fn ask_with_retry_after(
    cluster: &Cluster,
    method: &str,
    path: &str,
    pass: &str,
    body: &Value,
) -> (u16, Option<u64>, Value) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("http://{}/v1/contests/kill/{path}", cluster.apis[1].0))
        .header("authorization", format!("Bearer {pass}"))
        .header("content-type", "application/json")
        .header("prefer", "respond-async");
    let answer = match method {
        "GET" => agent.run(request.body(()).unwrap()),
        _ => agent.run(request.body(body.to_string()).unwrap()),
    };
    let mut answer = answer.unwrap();
    let status = answer.status().as_u16();
    let retry_after =
        answer.headers().get("retry-after").and_then(|seconds| seconds.to_str().ok()?.parse().ok());
    (
        status,
        retry_after,
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap_or_default(),
    )
}

/// Sends a recorded ballot again until it is answered as such.
///
/// The answer is 201 until this process has received the notice. Until then the first ballot is
/// still on its way here.
fn is_known(cluster: &Cluster, pass: &str, ballot: &Value) {
    let started = Instant::now();
    loop {
        match ask(cluster, "POST", "ballots", pass, ballot).0 {
            200 => return,
            status => {
                assert!(status == 201 && started.elapsed() < WAIT_TIMEOUT, "the repeated ballot: {status}");
            }
        }
    }
}

#[test]
fn accepted_ballot_is_recorded_or_rejected_with_reason() {
    let cluster = Cluster::start();
    create(&cluster.staff, "final");
    cluster.wait_until("open", "/v1/contests/kill", |contest| contest["phase"] == "open");
    let pass = mint(&cluster.staff, 1).remove(0).pass;
    let ballot = |entry: &str| json!({"selections": [{"category": "a", "entry": entry}]});
    let (status, accepted) = ask(&cluster, "POST", "ballots", &pass, &ballot("a1"));
    assert_eq!((status, &accepted["status"]), (202, &json!("accepted")), "{accepted}");
    let id = accepted["ballot"].as_str().unwrap();
    let address = format!("/v1/contests/kill/ballots/{id}");
    cluster.wait_until("recorded", &address, |ballot| ballot["status"] == "recorded");
    is_known(&cluster, &pass, &ballot("a1"));

    // After the recording, the ledger refuses another ballot at once. When Redis has lost its
    // slots, the sequencer refuses it later.
    assert_eq!(ask(&cluster, "POST", "ballots", &pass, &ballot("a2")).0, 409);
    cluster.servers.redis.run::<i64>(&["UNLINK", "acclaim:1:{kill:0}:slots"]);
    cluster.servers.redis.run::<i64>(&["UNLINK", "acclaim:1:{kill:1}:slots"]);
    cluster.servers.redis.run::<i64>(&["UNLINK", "acclaim:1:{kill:2}:slots"]);
    let (status, accepted) = ask(&cluster, "POST", "ballots", &pass, &ballot("a3"));
    assert_eq!(status, 202, "{accepted}");
    let address = format!("/v1/contests/kill/ballots/{}", accepted["ballot"].as_str().unwrap());
    cluster.wait_until("rejected", &address, |ballot| {
        ballot["status"] == "rejected" && ballot["reason"] == "already-voted"
    });
}

/// This also holds while Redis has lost the size of the published log.
#[test]
fn reports_recorded_ballots_after_redis_flush() {
    let cluster = Cluster::start();
    create(&cluster.staff, "final");
    cluster.wait_until("open", "/v1/contests/kill", |contest| contest["phase"] == "open");
    let pass = mint(&cluster.staff, 1).remove(0).pass;
    let ballot = json!({"selections": [{"category": "a", "entry": "a1"}]});
    let (status, accepted) = ask(&cluster, "POST", "ballots", &pass, &ballot);
    assert_eq!(status, 202, "{accepted}");
    let path = format!("ballots/{}", accepted["ballot"].as_str().unwrap());
    cluster.wait_until("recorded", &format!("/v1/contests/kill/{path}"), |ballot| {
        ballot["status"] == "recorded"
    });
    let listed = || ask(&cluster, "GET", "votes/mine", &pass, &Value::Null);
    let started = Instant::now();
    while ask(&cluster, "GET", "tally", &cluster.key, &Value::Null).1["ballots"]["recorded"] != 1 {
        assert!(started.elapsed() < WAIT_TIMEOUT);
    }
    for _ in 0..20 {
        cluster.servers.redis.run::<String>(&["FLUSHALL"]);
        let (status, mine) = listed();
        assert_eq!((status, mine["ballots"].as_array().map(Vec::len)), (200, Some(1)), "{mine}");
        let (status, body) = ask(&cluster, "GET", &path, &pass, &Value::Null);
        assert_eq!((status, &body["status"]), (200, &json!("recorded")), "{body}");
    }
}

#[test]
fn a_ballot_that_waited_for_the_intake_fills_its_slots_there() {
    let cluster = Cluster::start();
    create(&cluster.staff, "final");
    cluster.wait_until("open", "/v1/contests/kill", |contest| contest["phase"] == "open");
    let pass = mint(&cluster.staff, 1).remove(0).pass;
    let ballot = |entry: &str| json!({"selections": [{"category": "a", "entry": entry}]});
    cluster.servers.redis.run::<String>(&["FLUSHALL"]);
    let started = Instant::now();
    let accepted = loop {
        match ask(&cluster, "POST", "ballots", &pass, &ballot("a1")) {
            (202, accepted) => break accepted,
            (503, _) if started.elapsed() < WAIT_TIMEOUT => {}
            other => panic!("{other:?}"),
        }
    };
    let address = format!("/v1/contests/kill/ballots/{}", accepted["ballot"].as_str().unwrap());
    cluster.wait_until("recorded", &address, |ballot| ballot["status"] == "recorded");
    is_known(&cluster, &pass, &ballot("a1"));
    assert_eq!(
        ask(&cluster, "POST", "ballots", &pass, &ballot("a2")).0,
        409,
        "the ledger must refuse it at once"
    );
}

#[test]
fn recorded_ballots_survive_kills_and_flushes() {
    let rounds: u64 =
        std::env::var("ACCLAIM_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    // One request mints passes for at most so many voters.
    let ballots = (rounds * 400).min(10_000);
    let mut cluster = Cluster::start();
    let vkey = create(&cluster.staff, "final");
    cluster.wait_until("open", "/v1/contests/kill", |contest| contest["phase"] == "open");
    let passes = mint(&cluster.staff, ballots);
    let addresses: Vec<SocketAddr> = cluster.apis.iter().map(|(address, _)| *address).collect();
    let cast = Progress::default();
    let voting = cluster.runtime.spawn(vote(addresses, passes, false, cast.clone()));
    let mut heads = std::collections::BTreeMap::new();
    for round in 0..rounds {
        cast.wait_for(&cluster.runtime, round * ballots / (rounds + 1));
        match round % 5 {
            0 => cluster.replace("sequencer", 0),
            1 => drop(cluster.servers.redis.run::<String>(&["FLUSHALL"])),
            2 => cluster.replace("api", 0),
            3 => {
                cluster.servers.redis.kill();
                cluster.servers.redis.restart();
            }
            _ => {
                cluster.postgres.kill();
                cluster.runtime.block_on(cluster.postgres.restart());
            }
        }
        if round % 5 == 4 {
            note_checkpoint(&cluster.staff, &vkey, &mut heads);
        }
    }
    let answered = cluster.runtime.block_on(voting).unwrap();
    assert_eq!(answered.len() as u64, ballots);
    cluster.staff.post("/v1/contests/kill/close", "close", &json!({})).unwrap();
    let expected =
        json!({"recorded": ballots, "counted": ballots, "replaced": 0, "voided": 0, "incomplete": 0});
    cluster.wait_until("all counted", "/v1/contests/kill/tally", |tally| tally["ballots"] == expected);
    let address = cluster.apis[0].0;
    check(&cluster.staff, cluster.folder.path(), address, &cluster.key, &vkey, &answered, heads);
}
