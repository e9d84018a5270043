//! Measures the intake rebuilding of a contest with a million voters after Redis has lost all data.
//!
//! It measures how long the contest takes no ballots, and how much memory its slots use in Redis.
//! Run it with `cargo test --release -p acclaim-sequencer -- --ignored --nocapture`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use acclaim_ballot_log::{LogEntry, NewBallot};
use acclaim_contest::{
    ContestId, TagKey, VoterTag,
    definition::{Definition, Overrides},
};
use acclaim_sequencer::{Sequencer, Settings};
use acclaim_store::{
    Clock, Contests as _, Hub, Keyring, Stores,
    hub::Recording,
    intake::{Item, Session, Slot, Submission, SubmitOutcome},
    keyring::Secret,
};
use acclaim_store_postgres::PostgresDatabase;
use acclaim_store_redis::{Redis, RedisIntake, RedisPublishedCheckpoints};
use acclaim_test_servers::{
    postgres::Server as Postgres,
    redis::{DURABLE, Server as RedisServer},
};
use bytes::Bytes;
use jiff::Timestamp;
use tokio::{sync::watch, task::JoinHandle};

const VOTERS: u64 = 1_000_000;
const SHARDS: u16 = 4;
const BATCH: u64 = 4_096;
/// Longest time that the rebuilding may take.
const LIMIT: Duration = Duration::from_secs(30);

struct SystemClock;

#[async_trait::async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "real servers use the system clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep_until(&self, time: Timestamp) {
        let wait = Duration::try_from(time.duration_since(self.now())).unwrap_or_default();
        // Sleeps: this clock runs in real time.
        tokio::time::sleep(wait).await;
    }
}

struct TestContest {
    redis: RedisServer,
    _postgres: Postgres,
    stores: Stores,
    keyring: Arc<Keyring>,
    contest: ContestId,
    tag_key: TagKey,
    _folder: tempfile::TempDir,
}

/// A running sequencer.
struct Running(watch::Sender<bool>, JoinHandle<()>);

impl TestContest {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let redis = RedisServer::start(folder.path(), DURABLE);
        let postgres = Postgres::start(&[]).await;
        let name = postgres.empty_database().await;
        let url = postgres.url_by(postgres.port(), &name);
        PostgresDatabase::migrate(&url).await.unwrap();
        let database = PostgresDatabase::connect(&acclaim_store_postgres::Settings::new(url)).await.unwrap();
        let keyring = Arc::new(Keyring::open(&database, Secret([7; 32]), Some("test")).await.unwrap());
        let definition = Definition::from_json(
            br#"{"contest":{"id":"million","title":"M","time_zone":"UTC","opens":"2021-01-01T00:00:00Z","closes":"2099-01-01T00:00:00Z"},
                 "winners":{"count":1,"from":"all","by":"votes"},
                 "category":[{"id":"best-photo","title":"A"}],
                 "entry":[{"id":"a-photo","category":"best-photo","title":"One"}]}"#,
            &Overrides::default(),
        )
        .unwrap();
        let contest = definition.id.clone();
        let wrapped = keyring.new_tag_key(&contest).unwrap();
        database.create_draft(&definition, &wrapped).await.unwrap();
        let tag_key = keyring.tag_key(&contest, &wrapped).unwrap();
        let servers = acclaim_store_redis::Settings::new(redis.url());
        let connected = Redis::connect(&servers, Arc::new(SystemClock)).await.unwrap();
        let stores = Stores {
            database: Arc::new(database),
            intake: Arc::new(RedisIntake::new(&connected, keyring.intake_key())),
            published_checkpoints: Arc::new(RedisPublishedCheckpoints::new(&connected, keyring.notice_key())),
            hub: Arc::new(Hub::default()),
            clock: Arc::new(SystemClock),
        };
        Self { redis, _postgres: postgres, stores, keyring, contest, tag_key, _folder: folder }
    }

    async fn start(&self) -> Running {
        let (stop, stopping) = watch::channel(false);
        let settings = Settings { shards: SHARDS, ..Settings::default() };
        let sequencer =
            Sequencer::start(self.stores.clone(), Arc::clone(&self.keyring), settings, stopping).await;
        Running(stop, tokio::spawn(sequencer.unwrap().run()))
    }

    async fn session(&self) -> Session {
        self.stores.database.contest(&self.contest).await.unwrap().unwrap().session()
    }

    async fn size(&self) -> u64 {
        self.stores.database.head(&self.contest).await.unwrap().map_or(0, |head| head.size)
    }

    fn submission(&self, voter: u64) -> Submission {
        let voter: VoterTag = self.tag_key.tag(&voter.to_string());
        let ballot = NewBallot {
            voter,
            channel: None,
            period: None,
            replaces: None,
            at: "2021-03-14T12:05Z",
            selections: [("best-photo", "a-photo")].into_iter(),
        };
        let mut line = Vec::new();
        let id = ballot.write(&self.contest, &mut line).unwrap();
        let arrived = self.stores.clock.now();
        let item = Item { ballot: id, arrived, promised: false, group: None, entry: Bytes::from(line) };
        Submission { slots: vec![Slot::new(voter, None, None, "best-photo")], item }
    }

    /// Submits again until the intake takes all submissions.
    async fn submit(&self, mut submissions: Vec<Submission>) {
        while !submissions.is_empty() {
            let session = self.session().await;
            let submitted = self.stores.intake.submit(&session, &submissions).await.unwrap();
            let wait =
                |answer: &SubmitOutcome| matches!(answer, SubmitOutcome::Full | SubmitOutcome::Rebuilding);
            let mut answers = submitted.iter();
            submissions.retain(|_| answers.next().is_some_and(wait));
            if !submissions.is_empty() {
                // Sleeps: a full intake is tried again at a fixed interval, which the measurement
                // needs.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// Waits until the log has at least `size` entries.
    async fn wait_for(&self, size: u64) {
        while self.size().await < size {
            // Sleeps: the log grows for minutes, so this wait has a fixed interval and no time-out.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn memory(&self) -> u64 {
        let info: String = self.redis.run(&["INFO", "memory"]);
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
        used.unwrap().trim().parse().unwrap()
    }

    /// Returns three times from now: until the rebuilding of slots is reported, until a new voter's
    /// ballot is taken, and until it is recorded.
    async fn measure_loss(&self, voter: u64) -> (Duration, Duration, Duration) {
        let started = Instant::now();
        let before = self.size().await;
        let reported = async {
            loop {
                let recording = self.stores.hub.recording();
                if recording.iter().any(|(_, state)| matches!(state, Recording::Rebuilding { .. })) {
                    return started.elapsed();
                }
                // Sleeps: no notification says that the rebuilding began.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let taken = async {
            self.submit(vec![self.submission(voter)]).await;
            started.elapsed()
        };
        let (reported, taken) = tokio::join!(reported, taken);
        self.wait_for(before + 1).await;
        (reported, taken, started.elapsed())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement that takes minutes"]
async fn a_million_slots_are_rebuilt_within_seconds() {
    let world = TestContest::new().await;
    let empty = world.memory();
    let running = world.start().await;
    let started = Instant::now();
    for from in (0..VOTERS).step_by(usize::try_from(BATCH).unwrap()) {
        let to = (from + BATCH).min(VOTERS);
        world.submit((from..to).map(|voter| world.submission(voter)).collect()).await;
    }
    world.wait_for(VOTERS).await;
    println!("{VOTERS} voters recorded in {:.1} s", started.elapsed().as_secs_f64());
    let added = world.memory().saturating_sub(empty);
    println!(
        "Redis: {added} bytes more than empty, {:.1} per voter, {SHARDS} shards",
        added as f64 / VOTERS as f64
    );
    for shard in 0..SHARDS {
        let key = format!("acclaim:1:{{million:{shard}}}:slots");
        println!("{key}: {} bytes", world.redis.run::<u64>(&["MEMORY", "USAGE", &key]));
    }
    assert!(added < 64 * VOTERS);

    measure_parts(&world).await;
    world.redis.run::<String>(&["FLUSHALL"]);
    let (reported, taken, recorded) = world.measure_loss(VOTERS).await;
    println!(
        "flushed: first slots back after {reported:.2?}, ballots taken after {taken:.2?}, recorded {recorded:.2?}"
    );
    assert!(taken < LIMIT, "{taken:?}");

    // The worst case: the sequencer restarts too, and first replays the log.
    let Running(stop, task) = running;
    stop.send_replace(true);
    task.await.unwrap();
    world.redis.run::<String>(&["FLUSHALL"]);
    let started = Instant::now();
    let Running(stop, task) = world.start().await;
    println!("a start after a loss: replayed in {:.2?}", started.elapsed());
    let (_, taken, _) = world.measure_loss(VOTERS + 1).await;
    println!("a start after a loss: ballots taken after {taken:.2?} more");
    assert!(started.elapsed() < LIMIT);
    stop.send_replace(true);
    task.await.unwrap();
}

/// Measures the parts of a rebuilding one after the other.
async fn measure_parts(world: &TestContest) {
    let size = world.size().await;
    let (mut reading, mut decoding, mut marking) = <(Duration, Duration, Duration)>::default();
    // The session belongs to a contest that does not exist.
    let session = Session { contest: "parts".parse().unwrap(), epoch: 1, shards: SHARDS };
    let mut at = 0;
    while at < size {
        let started = Instant::now();
        let entries = world.stores.database.entries(&world.contest, at, 8_192).await.unwrap();
        reading += started.elapsed();
        let started = Instant::now();
        let slots: Vec<Slot> = entries.iter().flat_map(|entry| slots(entry)).collect();
        decoding += started.elapsed();
        let started = Instant::now();
        world.stores.intake.mark_slots_taken(&session, &slots).await.unwrap();
        marking += started.elapsed();
        at += entries.len() as u64;
    }
    world.stores.intake.forget(&session).await.unwrap();
    println!("parts: reading {reading:.2?}, decoding {decoding:.2?}, marking {marking:.2?}");
}

fn slots(entry: &[u8]) -> Vec<Slot> {
    match LogEntry::decode(entry) {
        Ok(LogEntry::Ballot(ballot)) => ballot
            .selections
            .iter()
            .map(|(category, _)| Slot::new(ballot.voter, ballot.channel, ballot.period, category))
            .collect(),
        _ => Vec::new(),
    }
}
