//! API and sequencer in one process, under a clock that the tests set.
//!
//! The tests cover daily votes over the midnights of a change to daylight saving time, and a
//! process with a wrong clock.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use acclaim_api::{Api, Settings as ApiSettings};
use acclaim_ballot_log::Checkpoint;
use acclaim_sequencer::{Sequencer, Settings};
use acclaim_store::{Hub, Keyring, Stores};
use acclaim_store_sqlite::{DataDirectory, LocalIntake};
use acclaim_tally::{Audit, AuditPlan, ExpectedLog};
use acclaim_test_support::{FaultPlan, FaultyIntake, ManualClock};
use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Method, Request},
};
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tower::ServiceExt as _;

/// The operator's token.
const TOKEN: &str = "ack_test";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A running API and sequencer, with their clock and intake.
struct TestEngine {
    router: Router,
    stores: Stores,
    keyring: Arc<Keyring>,
    clock: Arc<ManualClock>,
    intake: Arc<FaultyIntake>,
    stop: watch::Sender<bool>,
    sequencer: JoinHandle<()>,
    _background: JoinSet<()>,
    _directory: (DataDirectory, tempfile::TempDir),
}

impl TestEngine {
    async fn start(at: &str) -> Self {
        Self::start_with(at, ApiSettings::default()).await
    }

    async fn start_with(at: &str, settings: ApiSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = DataDirectory::lock(folder.path()).unwrap();
        let secret = directory.secret().unwrap();
        let database = Arc::new(directory.database().unwrap());
        let keyring = Arc::new(Keyring::open(&*database, secret, Some("test")).await.unwrap());
        let clock = Arc::new(ManualClock::at(time(at)));
        let intake =
            Arc::new(FaultyIntake::new(Arc::new(LocalIntake::default()), Arc::new(FaultPlan::default())));
        let stores = Stores {
            database,
            intake: Arc::clone(&intake) as _,
            published_checkpoints: Arc::new(directory.published_checkpoints().unwrap()),
            hub: Arc::new(Hub::default()),
            clock: Arc::clone(&clock) as _,
        };
        let (stop, stopping) = watch::channel(false);
        let sequencer = Sequencer::start(stores.clone(), Arc::clone(&keyring), Settings::default(), stopping)
            .await
            .unwrap();
        let sequencer = tokio::spawn(sequencer.run());
        let token = *blake3::hash(TOKEN.as_bytes()).as_bytes();
        let api = Api::new(stores.clone(), Arc::clone(&keyring), settings, Some(token));
        let api = api.await.unwrap();
        let background = api.background(&stores.database);
        let router = acclaim_api::router(api, axum::Router::new());
        let directory = (directory, folder);
        Self {
            router,
            stores,
            keyring,
            clock,
            intake,
            stop,
            sequencer,
            _background: background,
            _directory: directory,
        }
    }

    /// Sends a request with a token.
    async fn ask(&self, method: Method, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let content = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder()
            .method(method)
            .uri(format!("/v1/contests/daily{path}"))
            .header("authorization", format!("Bearer {token}"))
            .header(
                "content-type",
                if path.ends_with("/bulk") { "application/x-ndjson" } else { "application/json" },
            )
            .header("idempotency-key", blake3::hash(format!("{path}{body}").as_bytes()).to_hex().as_str())
            .extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))))
            .body(content)
            .unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn cast(&self, pass: &str, entry: &str, period: &str) -> (u16, Value) {
        let body = json!({"selections": [{"category": "a", "entry": entry}], "period": period});
        self.ask(Method::POST, "/ballots", pass, &body).await
    }

    async fn mine(&self, pass: &str) -> Value {
        self.ask(Method::GET, "/votes/mine", pass, &Value::Null).await.1
    }

    /// Waits until the contest is in a phase.
    async fn wait_for_phase(&self, phase: &str) -> Value {
        let reached = async {
            loop {
                let (_, contest) = self.ask(Method::GET, "", TOKEN, &Value::Null).await;
                if contest["phase"] == phase {
                    return contest;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), reached).await.unwrap()
    }
}

fn definition() -> Value {
    json!({
        "contest": {"id": "daily", "title": "T", "time_zone": "Europe/Zurich", "opens": "2021-03-27T08:00:00Z", "closes": "2021-03-29T10:00:00Z"},
        "ballot": {"period": "day", "cast_time": "hour"},
        "category": [{"id": "a", "title": "A"}],
        "entry": [{"id": "p1", "category": "a", "title": "One"}, {"id": "p2", "category": "a", "title": "Two"}],
    })
}

/// The day of the change has 23 hours: its midnights are at 23:00 and at 22:00 UTC.
#[tokio::test]
async fn daily_votes_cross_daylight_saving_change() {
    let engine = TestEngine::start("2021-03-27T07:00:00Z").await;
    assert_eq!(engine.ask(Method::PUT, "", TOKEN, &definition()).await.0, 201);
    let (_, minted) =
        engine.ask(Method::POST, "/passes", TOKEN, &json!({"subjects": ["ama@example.org"]})).await;
    let pass = minted["passes"][0]["pass"].as_str().unwrap().to_owned();
    let cast = async |entry: &str, day: &str| engine.cast(&pass, entry, day).await;
    let wrong = async |day: &str, today: &str| {
        let (status, problem) = cast("p2", day).await;
        assert_eq!(
            (status, &problem["reason"], &problem["today"]),
            (422, &json!("wrong-period"), &json!(today)),
            "{problem}"
        );
        assert!(problem["detail"].as_str().unwrap().contains(today), "{problem}");
    };

    // The day has begun, and the voting has not.
    assert_eq!(cast("p1", "2021-03-27").await.1["type"], "/problems/voting-not-open");
    let mine = engine.mine(&pass).await;
    assert_eq!((&mine["period"], &mine["left"]), (&Value::Null, &json!([])));
    engine.clock.set(time("2021-03-27T08:00:00Z"));
    engine.wait_for_phase("open").await;

    engine.clock.set(time("2021-03-27T22:59:59.999Z"));
    assert_eq!(cast("p1", "2021-03-27").await.0, 201);
    wrong("2021-03-28", "2021-03-27").await;
    assert_eq!(engine.mine(&pass).await["left"], json!([]));

    engine.clock.set(time("2021-03-27T23:00:00Z"));
    assert_eq!(cast("p1", "2021-03-27").await.0, 200, "recorded yesterday and sent again");
    wrong("2021-03-27", "2021-03-28").await;
    let mine = engine.mine(&pass).await;
    assert_eq!((&mine["period"], &mine["left"]), (&json!("2021-03-28"), &json!(["a"])));
    assert_eq!(cast("p1", "2021-03-28").await.0, 201);

    // This is 23 hours later, and not 24.
    engine.clock.set(time("2021-03-28T21:59:59Z"));
    wrong("2021-03-29", "2021-03-28").await;
    engine.clock.set(time("2021-03-28T22:00:00Z"));
    wrong("2021-03-28", "2021-03-29").await;
    assert_eq!(cast("p2", "2021-03-29").await.0, 201);
    let mine = engine.mine(&pass).await;
    let days: Vec<_> = mine["ballots"].as_array().unwrap().iter().map(|ballot| &ballot["period"]).collect();
    assert_eq!(days, ["2021-03-27", "2021-03-28", "2021-03-29"]);
    assert_eq!(mine["left"], json!([]));

    engine.clock.set(time("2021-03-29T10:00:00Z"));
    assert_eq!(cast("p1", "2021-03-29").await.1["type"], "/problems/voting-closed");
    // The sequencer waits for ballots that are still on their way.
    engine.clock.set(time("2021-03-29T10:05:00Z"));
    engine.wait_for_phase("closed").await;
    assert_eq!(cast("p2", "2021-03-29").await.0, 200, "recorded and sent again");
    audit(&engine).await;
    engine.stop.send_replace(true);
    engine.sequencer.await.unwrap();
}

async fn audit(engine: &TestEngine) {
    let contest = "daily".parse().unwrap();
    let head = engine.stores.database.head(&contest).await.unwrap().unwrap();
    let origin = engine.keyring.origin(&contest);
    let key = acclaim_ballot_log::SigningKey::from_seed(&origin, &engine.keyring.log_seed).unwrap();
    let checkpoint = Checkpoint::open(&head.checkpoint, key.verifier()).unwrap();
    let mut audit =
        Audit::new(ExpectedLog { checkpoint, result: None }, &|_| None, AuditPlan::single_round());
    for line in engine.stores.database.entries(&contest, 0, usize::MAX).await.unwrap() {
        audit.push(&line);
    }
    let report = audit.finish();
    assert!(report.clean, "{report:?}");
    let (_, result) = engine.ask(Method::GET, "/result", TOKEN, &Value::Null).await;
    let standings = result["categories"][0]["standings"].as_array().unwrap();
    let votes: Vec<_> = standings.iter().map(|entry| (&entry["entry"], &entry["votes"])).collect();
    assert_eq!(votes, [(&json!("p1"), &json!(2)), (&json!("p2"), &json!(1))], "{result}");
    assert_eq!(result["counts"]["voters"], 1);
}

/// An opening long before the planned time gives more days than a log can list.
///
/// The opening is refused with a reason, and the contest stays usable.
#[tokio::test]
async fn refuses_opening_that_makes_window_too_long() {
    let engine = TestEngine::start("2021-03-27T07:00:00Z").await;
    let mut definition = definition();
    definition["contest"]["opens"] = json!("2023-01-01T00:00:00Z");
    definition["contest"]["closes"] = json!("2025-01-01T00:00:00Z");
    assert_eq!(engine.ask(Method::PUT, "", TOKEN, &definition).await.0, 201);
    let (status, problem) = engine.ask(Method::POST, "/open", TOKEN, &json!({})).await;
    assert_eq!((status, &problem["code"]), (409, &json!("invalid-window")), "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("contest.closes") && detail.contains("at most 1000"), "{problem}");
    engine.wait_for_phase("draft").await;
    // With fewer days the contest opens.
    engine.clock.set(time("2022-12-01T00:00:00Z"));
    let (status, opened) = engine.ask(Method::POST, "/open?", TOKEN, &json!({})).await;
    assert_eq!(status, 200, "{opened}");
    let contest = engine.wait_for_phase("open").await;
    assert_eq!(contest["days"][0][0], "2022-12-01");
    engine.stop.send_replace(true);
    engine.sequencer.await.unwrap();
}

/// In a cluster the intake's clock decides.
#[tokio::test]
async fn process_with_wrong_clock_refuses_ballots() {
    let settings = ApiSettings { may_accept: true, ..ApiSettings::default() };
    let engine = TestEngine::start_with("2021-03-27T09:00:00Z", settings).await;
    assert_eq!(engine.ask(Method::PUT, "", TOKEN, &definition()).await.0, 201);
    let subjects = json!({"subjects": ["ama@example.org"]});
    let (_, minted) = engine.ask(Method::POST, "/passes", TOKEN, &subjects).await;
    let pass = minted["passes"][0]["pass"].as_str().unwrap().to_owned();
    engine.wait_for_phase("open").await;
    let line =
        json!({"pass": pass, "selections": [{"category": "a", "entry": "p1"}], "period": "2021-03-27"});
    for skew in [-300, 300] {
        engine.intake.set_skew(SignedDuration::from_millis(skew));
        let (status, problem) = engine.cast(&pass, "p1", "2021-03-27").await;
        assert_eq!((status, &problem["type"]), (503, &json!("/problems/unavailable")), "{problem}");
        let (status, problem) = engine.ask(Method::POST, "/ballots/bulk", TOKEN, &line).await;
        assert_eq!((status, &problem["type"]), (503, &json!("/problems/unavailable")), "{problem}");
    }
    engine.intake.set_skew(SignedDuration::ZERO);
    assert_eq!(engine.cast(&pass, "p1", "2021-03-27").await.0, 201);
}
