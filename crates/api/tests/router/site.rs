//! An installation within the test: its router, its sequencer, and a clock that the test sets.
//!
//! The clock moves only while the test waits.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use acclaim_api::{Api, Limits, Settings};
use acclaim_contest::Instant as WholeSecond;
use acclaim_sequencer::Sequencer;
use acclaim_store::{
    Clock as _, Hub, Keyring, Keys as _, Stores,
    keys::{Role, StaffKey},
    staff_keys,
};
use acclaim_store_sqlite::{DataDirectory, LocalIntake};
use acclaim_test_support::ManualClock;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::ConnectInfo,
    http::Request,
};
use http_body_util::BodyExt as _;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    runtime::Runtime,
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tower::ServiceExt as _;

use crate::described::{self, Exchange};
pub(crate) use crate::{
    answer::Answer,
    samples::{address, ballot, definition},
};

/// Longest wait for any event.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);
/// Time without an answer after which the clock moves, by [`CLOCK_STEP`].
const IDLE_DELAY: Duration = Duration::from_millis(10);
/// Step of the clock.
const CLOCK_STEP: SignedDuration = SignedDuration::from_millis(500);
/// The instant at which every test begins.
const BEGIN: &str = "2021-03-01T00:00:00Z";

/// See the [module](self).
pub(crate) struct Site {
    router: Router,
    pub(crate) clock: Arc<ManualClock>,
    hub: Arc<Hub>,
    /// The key of an operator.
    pub(crate) key: String,
    stop: watch::Sender<bool>,
    sequencer: Option<JoinHandle<()>>,
    _background: JoinSet<()>,
    runtime: Runtime,
    _directory: DataDirectory,
    _folder: TempDir,
}

impl Site {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let directory = DataDirectory::lock(folder.path()).unwrap();
        // The secret must exist before the database: a database without its secret is refused.
        let secret = directory.secret().unwrap();
        let database = Arc::new(directory.database().unwrap());
        let clock = Arc::new(ManualClock::at(BEGIN.parse().unwrap()));
        let hub = Arc::new(Hub::default());
        let stores = Stores {
            database: Arc::clone(&database) as _,
            intake: Arc::new(LocalIntake::default()),
            published_checkpoints: Arc::new(directory.published_checkpoints().unwrap()),
            hub: Arc::clone(&hub),
            clock: Arc::clone(&clock) as _,
        };
        let key = staff_keys::random_token().unwrap();
        let (stop, stopping) = watch::channel(false);
        let (router, background, sequencer) = runtime.block_on(async {
            let first = StaffKey {
                name: "first-operator".to_owned(),
                role: Role::Operator,
                contests: None,
                panel: None,
                created: BEGIN.parse::<WholeSecond>().unwrap(),
                expires: None,
                revoked: None,
            };
            database.add_staff_key(staff_keys::hash(&key), &first).await.unwrap();
            let keyring = Arc::new(Keyring::open(&*database, secret, Some("test")).await.unwrap());
            // No test waits for a rate limit.
            let limits = Limits { per_pass: NonZeroU32::MAX, ..Limits::default() };
            let settings = Settings { limits, ..Settings::default() };
            let api = Api::new(stores.clone(), Arc::clone(&keyring), settings, None).await.unwrap();
            let background = api.background(&stores.database);
            let settings = acclaim_sequencer::Settings::default();
            let sequencer = Sequencer::start(stores, keyring, settings, stopping).await.unwrap();
            (acclaim_api::router(api, Router::new()), background, tokio::spawn(sequencer.run()))
        });
        Self {
            router,
            clock,
            hub,
            key,
            stop,
            sequencer: Some(sequencer),
            _background: background,
            runtime,
            _directory: directory,
            _folder: folder,
        }
    }

    /// Returns the instant in this number of seconds, as a request names it.
    ///
    /// An instant has no fraction of a second, and the clock may have one.
    pub(crate) fn instant_in(&self, seconds: i64) -> String {
        let now = WholeSecond::at_or_before(self.clock.now()).seconds();
        WholeSecond::from_seconds(now + seconds).unwrap().to_string()
    }

    /// Waits for `work`, and moves the clock while nothing happens.
    fn wait<T>(&self, what: &str, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(async {
            let (mut work, started) = (std::pin::pin!(work), Instant::now());
            loop {
                if let Ok(done) = tokio::time::timeout(IDLE_DELAY, &mut work).await {
                    return done;
                }
                assert!(started.elapsed() < WAIT_TIMEOUT, "{what}: not within {WAIT_TIMEOUT:?}");
                self.clock.advance(CLOCK_STEP);
            }
        })
    }

    /// Calls `ask` after every notice until it returns an answer.
    pub(crate) fn poll<T>(&self, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            let mut notices = self.hub.subscribe();
            if let Some(answer) = ask() {
                return answer;
            }
            assert!(started.elapsed() < WAIT_TIMEOUT, "{what}: not within {WAIT_TIMEOUT:?}");
            self.runtime.block_on(async {
                // Nothing happens: the clock moves.
                if tokio::time::timeout(IDLE_DELAY, notices.recv()).await.is_err() {
                    self.clock.advance(CLOCK_STEP);
                }
            });
        }
    }

    /// Sends a request once.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.exchange(method, path, headers, body).0
    }

    /// Sends a request once, and also returns the answer's body byte for byte.
    pub(crate) fn exchange(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (Answer, Bytes) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            // On the wire, outer white space is not part of a value.
            request = request.header(*name, value.trim());
        }
        request = request.extension(ConnectInfo(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))));
        let request = request.body(Body::from(Bytes::copy_from_slice(body))).unwrap();
        let (parts, bytes) = self.wait(&format!("{method} {path}"), async {
            let Ok(response) = self.router.clone().oneshot(request).await;
            let (parts, body) = response.into_parts();
            (parts, body.collect().await.unwrap().to_bytes())
        });
        let answer = Answer::new(parts.status.as_u16(), parts.headers, &bytes);
        described::check(&Exchange {
            method,
            path,
            request: body,
            status: answer.status,
            content_type: &answer.content_type,
            answer: &bytes,
        });
        (answer, bytes)
    }

    /// Posts JSON with a bearer token.
    pub(crate) fn post(&self, path: &str, token: &str, body: &[u8]) -> Answer {
        let bearer = format!("Bearer {token}");
        self.send("POST", path, &[("authorization", &bearer), ("content-type", "application/json")], body)
    }

    /// Sends JSON as staff, with an idempotency key, and checks that it succeeds.
    #[track_caller]
    pub(crate) fn staff(&self, method: &str, path: &str, key: &str, body: &Value) -> Value {
        let answer = self.try_staff(&self.key, method, path, key, body);
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        answer.body
    }

    /// Sends JSON with this staff key, and returns any answer.
    pub(crate) fn try_staff(&self, token: &str, method: &str, path: &str, key: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers =
            [("authorization", &*bearer), ("content-type", "application/json"), ("idempotency-key", key)];
        self.send(method, path, &headers, body.to_string().as_bytes())
    }

    /// Puts a definition as staff: a new one, or an edit of the draft at this revision.
    pub(crate) fn put(&self, definition: &Value, revision: Option<&str>) -> Answer {
        let bearer = format!("Bearer {}", self.key);
        let mut headers = vec![
            ("authorization", &*bearer),
            ("content-type", "application/json"),
            ("idempotency-key", "put"),
        ];
        headers.extend(revision.map(|revision| ("if-match", revision)));
        let path = format!("/v1/contests/{}", definition["contest"]["id"].as_str().unwrap());
        self.send("PUT", &path, &headers, definition.to_string().as_bytes())
    }

    /// Reads a path as staff, and checks that it succeeds.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> Answer {
        let bearer = format!("Bearer {}", self.key);
        let answer = self.send("GET", path, &[("authorization", &bearer)], b"");
        assert_eq!(answer.status, 200, "GET {path}: {answer:?}");
        answer
    }

    /// Makes a contest of two categories that opens at `opens`. `more` adds tables to its
    /// definition.
    pub(crate) fn create(&self, id: &str, opens: &str, more: &Value) {
        let mut definition = definition(id, opens);
        for (key, value) in more.as_object().unwrap() {
            definition[key] = value.clone();
        }
        self.staff("PUT", &format!("/v1/contests/{id}"), &format!("create-{id}"), &definition);
    }

    /// Makes a contest whose opening is in the past, and waits until it is open.
    pub(crate) fn create_open(&self, id: &str, opens: &str, more: &Value) {
        self.create(id, opens, more);
        self.poll("the opening", || {
            (self.read(&format!("/v1/contests/{id}")).body["phase"] == "open").then_some(())
        });
    }

    /// Mints a pass for a subject. A plain word becomes the name of a mailbox.
    pub(crate) fn pass(&self, contest: &str, subject: &str) -> String {
        let path = format!("/v1/contests/{contest}/passes");
        let minted =
            self.staff("POST", &path, &format!("mint-{subject}"), &json!({"subjects": [address(subject)]}));
        minted["passes"][0]["pass"].as_str().unwrap().to_owned()
    }

    /// Makes a staff key for one contest.
    pub(crate) fn staff_key(&self, role: &str, contest: &str) -> String {
        self.make_key(&json!({"role": role, "contests": [contest], "name": format!("{role}-{contest}")}))
    }

    /// Makes a staff key.
    pub(crate) fn make_key(&self, key: &Value) -> String {
        // A name that had a key before needs a new idempotency key.
        let number = self.read("/v1/keys").body["keys"].as_array().unwrap().len();
        self.staff("POST", "/v1/keys", &format!("make-{number}"), key)["key"].as_str().unwrap().to_owned()
    }

    /// Casts a ballot.
    pub(crate) fn cast(&self, contest: &str, pass: &str, ballot: &Value) -> Answer {
        self.post(&format!("/v1/contests/{contest}/ballots"), pass, ballot.to_string().as_bytes())
    }

    /// Returns the log's lines as staff reads them.
    pub(crate) fn log(&self, contest: &str) -> Vec<String> {
        let text = self.read(&format!("/v1/contests/{contest}/log/entries")).text;
        text.lines().map(str::to_owned).collect()
    }

    /// Waits for the tally at this size of the log or beyond.
    pub(crate) fn tally(&self, contest: &str, size: u64) -> Value {
        self.poll("the tally", || {
            let tally = self.read(&format!("/v1/contests/{contest}/tally")).body;
            (tally["log"]["size"].as_u64() >= Some(size)).then_some(tally)
        })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ended_before = self.stop.send(true);
        if let Some(sequencer) = self.sequencer.take() {
            let _panicked = self.runtime.block_on(sequencer);
        }
    }
}
