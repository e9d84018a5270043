//! Tests with real servers: the promises of the intake, lost or older content of Redis, and refused
//! settings.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests may panic, as tests do"
)]

mod access;
mod failover;
mod notice_bridge;
mod resharding;

use std::{fs, path::Path, process::Command, sync::Arc};

use acclaim_contest::{BallotId, ContestId, VoterTag};
use acclaim_store::{
    Clock, Intake as _, PublishedCheckpoints as _, StoreError,
    intake::{Cursors, DrainOutcome, Item, Session, Slot, Submission, SubmitOutcome},
};
use acclaim_store_redis::{Redis, RedisConnectError, RedisIntake, RedisPublishedCheckpoints, Settings};
use acclaim_test_servers::{
    redis::{DURABLE, Server, start_cluster},
    wait::{WAIT_TIMEOUT, retry_async, wait_until_async},
};
use acclaim_test_support::conformance;
use bytes::Bytes;
use jiff::Timestamp;

struct SystemClock;

#[async_trait::async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the time is compared with that of a real server")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep_until(&self, _: Timestamp) {
        std::future::pending::<()>().await;
    }
}

async fn connect(urls: &str) -> Redis {
    Redis::connect(&Settings::new(urls), Arc::new(SystemClock)).await.unwrap()
}

fn id(text: &str) -> ContestId {
    text.parse().unwrap()
}

fn item(number: u64) -> Item {
    let mut ballot = [0; 16];
    ballot[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Item {
        ballot: BallotId(ballot),
        arrived: Timestamp::UNIX_EPOCH,
        promised: false,
        group: None,
        entry: Bytes::from(format!("entry {number}")),
    }
}

fn submission(number: u64) -> Submission {
    let item = item(number);
    let mut voter = [0; 16];
    voter.copy_from_slice(&item.ballot.0);
    Submission { slots: vec![Slot::new(VoterTag(voter), None, None, "a")], item }
}

fn submissions(range: std::ops::Range<u64>) -> Vec<Submission> {
    range.map(submission).collect()
}

async fn open_session(intake: &RedisIntake, session: &Session) -> Cursors {
    let start = intake.begin(session).await.unwrap();
    intake.open(session).await.unwrap();
    start
}

async fn drain_count(intake: &RedisIntake, session: &Session, after: &Cursors, count: usize) -> Cursors {
    let (mut count_so_far, mut through) = (0, after.clone());
    while count_so_far < count {
        match intake.drain(session, &through, 10_000).await.unwrap() {
            DrainOutcome::Items { items, through: next, .. } => {
                count_so_far += items.len();
                through = next;
            }
            other => panic!("{other:?}"),
        }
    }
    through
}

async fn is_lost(intake: &RedisIntake, session: &Session, after: &Cursors) -> bool {
    matches!(intake.drain(session, after, 10).await, Ok(DrainOutcome::Lost(_)))
}

#[tokio::test(flavor = "multi_thread")]
async fn single_server_passes_conformance() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), DURABLE);
    let intake = RedisIntake::new(&connect(&server.url()).await, [1; 32]);
    conformance::check_intake(&intake, id("one-shard"), 1).await.unwrap();
    conformance::check_intake(&intake, id("five-shards"), 5).await.unwrap();
    let keys: Vec<String> = server.run(&["KEYS", "*"]);
    assert!(keys.is_empty(), "a forgotten contest must leave no keys: {keys:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_passes_conformance() {
    let folder = tempfile::tempdir().unwrap();
    let servers = start_cluster(folder.path());
    let urls: Vec<String> = servers.iter().map(Server::url).collect();
    let intake = RedisIntake::new(&connect(&urls.join(",")).await, [1; 32]);
    conformance::check_intake(&intake, id("spread"), 7).await.unwrap();
    let session = Session { contest: id("spread-out"), epoch: 3, shards: 16 };
    let start = open_session(&intake, &session).await;
    let outcomes = intake.submit(&session, &submissions(0..3_000)).await.unwrap();
    assert!(outcomes.iter().all(|outcome| *outcome == SubmitOutcome::Buffered));
    drain_count(&intake, &session, &start, 3_000).await;
    let key_counts: Vec<u64> = servers.iter().map(|server| server.run(&["DBSIZE"])).collect();
    assert!(key_counts.iter().all(|count| *count > 0), "{key_counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_slots_are_noticed_within_a_batch_and_after() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), DURABLE);
    let intake = RedisIntake::new(&connect(&server.url()).await, [1; 32]);
    let session = Session { contest: id("slots"), epoch: 3, shards: 1 };
    open_session(&intake, &session).await;
    let same = Submission { item: item(2), ..submission(1) };
    let outcomes = intake.submit(&session, &[submission(1), same.clone(), submission(3)]).await.unwrap();
    assert_eq!(outcomes, [SubmitOutcome::Buffered, SubmitOutcome::SlotTaken, SubmitOutcome::Buffered]);
    assert_eq!(intake.submit(&session, &[same]).await.unwrap(), [SubmitOutcome::SlotTaken]);
    assert_eq!(intake.backlog(&session).await.unwrap().items, 2);
    // These are more slots than one BITFIELD takes. Each ballot gets an outcome.
    let outcomes = intake.submit(&session, &submissions(0..5_000)).await.unwrap();
    let taken: Vec<usize> = (0..5_000).filter(|n| outcomes[*n] == SubmitOutcome::SlotTaken).collect();
    assert_eq!(taken, [1, 3]);
}

/// A ballot with this number of slots and bytes. `slot` is the category of its first slot.
fn large(number: u64, slot: &str, slots: usize, bytes: usize) -> Submission {
    let digit = u8::try_from(number).unwrap();
    let entry = Bytes::from(vec![digit; bytes]);
    let item = Item { entry, promised: number.is_multiple_of(2), ..item(number) };
    let mut voter = [0; 16];
    voter.copy_from_slice(&item.ballot.0);
    let more = (1..slots).map(|n| format!("{slot}-{n}"));
    let categories = std::iter::once(slot.to_owned()).chain(more).take(slots);
    let slots = categories.map(|category| Slot::new(VoterTag(voter), None, None, &category)).collect();
    Submission { item, slots }
}

#[tokio::test(flavor = "multi_thread")]
async fn rejects_taken_ballot_and_keeps_others_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), DURABLE);
    let intake = RedisIntake::new(&connect(&server.url()).await, [1; 32]);
    let session = Session { contest: id("neighbours"), epoch: 3, shards: 1 };
    let start = open_session(&intake, &session).await;
    let taken = [1, 4, 7].map(|number| Submission { item: item(100 + number), ..large(number, "a", 1, 10) });
    assert_eq!(intake.submit(&session, &taken).await.unwrap(), [SubmitOutcome::Buffered; 3]);
    let through = drain_count(&intake, &session, &start, 3).await;
    // Taken ballots are first, in the middle and last. Some counts of slots need two bytes, and
    // some lengths three.
    let batch = [
        large(1, "a", 1, 300),
        large(2, "a", 0, 70_000),
        large(3, "a", 300, 10),
        large(4, "a", 18, 65_530),
        large(5, "a", 2, 300),
        large(6, "a", 18, 256),
        large(7, "a", 300, 255),
    ];
    let outcomes = intake.submit(&session, &batch).await.unwrap();
    let is_taken = |index: usize| outcomes[index] == SubmitOutcome::SlotTaken;
    assert_eq!((0..7).filter(|index| is_taken(*index)).collect::<Vec<_>>(), [0, 3, 6]);
    let DrainOutcome::Items { items, .. } = intake.drain(&session, &through, 100).await.unwrap() else {
        panic!("no items, or a lost buffer")
    };
    let kept = batch.iter().enumerate().filter(|(index, _)| !is_taken(*index));
    assert_eq!(items, kept.map(|(_, submission)| submission.item.clone()).collect::<Vec<_>>());
    for (index, submission) in batch.iter().enumerate() {
        let is_held = intake.has_promised_ballot(&session, submission.item.ballot).await.unwrap();
        assert_eq!(is_held, submission.item.promised && !is_taken(index), "{index}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn detects_lost_or_older_buffer() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), DURABLE);
    let intake = RedisIntake::new(&connect(&server.url()).await, [1; 32]);
    let session = Session { contest: id("loss"), epoch: 3, shards: 1 };
    let start = open_session(&intake, &session).await;
    intake.submit(&session, &submissions(0..10)).await.unwrap();
    let ten = drain_count(&intake, &session, &start, 10).await;

    // A kill loses nothing.
    server.kill();
    let saved = folder.path().join("saved");
    copy(&server.aof(), &saved);
    server.restart();
    wait_for_answer(&intake, &session).await;
    assert_eq!(drain_count(&intake, &session, &start, 10).await, ten);

    // The server is restored to the state before the next ballots. First its buffer ends before the
    // cursor. Later it is refilled beyond the cursor.
    intake.submit(&session, &submissions(10..20)).await.unwrap();
    let twenty = drain_count(&intake, &session, &ten, 10).await;
    server.kill();
    fs::remove_dir_all(server.aof()).unwrap();
    copy(&saved, &server.aof());
    server.restart();
    wait_for_answer(&intake, &session).await;
    assert!(is_lost(&intake, &session, &twenty).await, "a buffer that ends before the cursor");
    for number in 30..40 {
        intake.submit(&session, &[submission(number)]).await.unwrap();
    }
    assert!(is_lost(&intake, &session, &twenty).await, "a buffer that was refilled with other ballots");
    // The ballots before the eleventh block were not drained. A trim with the old cursor must drop
    // none of them.
    let before = intake.backlog(&session).await.unwrap().items;
    intake.trim(&session, &twenty, &[]).await.unwrap();
    assert_eq!(intake.backlog(&session).await.unwrap().items, before);
    assert_eq!(
        drain_count(&intake, &session, &start, 20).await.shards[0].position,
        11,
        "the refilled buffer itself is consistent"
    );

    // A replica can have the begin of a session without its opening.
    let meta = "acclaim:1:{loss:0}:meta";
    server.run::<i64>(&["HSET", meta, "state", "fenced"]);
    assert!(
        is_lost(&intake, &session, &start).await,
        "a fenced shard must count as lost, because nothing would open it"
    );
    server.run::<i64>(&["HSET", meta, "state", "open"]);
    drain_count(&intake, &session, &start, 20).await;
    for part in ["index", "buffer"] {
        server.run::<i64>(&["COPY", &format!("acclaim:1:{{loss:0}}:{part}"), "kept:{loss:0}"]);
        server.run::<i64>(&["DEL", &format!("acclaim:1:{{loss:0}}:{part}")]);
        assert!(is_lost(&intake, &session, &start).await, "a buffer without its {part}");
        intake.submit(&session, &[submission(50)]).await.unwrap();
        assert!(is_lost(&intake, &session, &start).await, "a buffer with only a part of its {part}");
        server.run::<i64>(&["COPY", "kept:{loss:0}", &format!("acclaim:1:{{loss:0}}:{part}"), "REPLACE"]);
        server.run::<i64>(&["DEL", "kept:{loss:0}"]);
        let other = if part == "index" { "buffer" } else { "index" };
        server.run::<Vec<u8>>(&["RPOP", &format!("acclaim:1:{{loss:0}}:{other}")]);
        server.run::<i64>(&["HINCRBY", meta, "end", "-1"]);
    }

    server.run::<String>(&["FLUSHALL"]);
    assert!(is_lost(&intake, &session, &ten).await);
    assert_eq!(intake.submit(&session, &submissions(50..51)).await.unwrap(), [SubmitOutcome::Rebuilding]);
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

async fn wait_for_answer(intake: &RedisIntake, session: &Session) {
    retry_async(WAIT_TIMEOUT, async || {
        let backlog = intake.backlog(session).await;
        let status = intake.status();
        if backlog.is_ok() && status.refuses.is_none() {
            Ok(())
        } else {
            Err(format!("no answer: {backlog:?}, {status:?}"))
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drops_ballots_with_wrong_mac() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), DURABLE);
    let redis = connect(&server.url()).await;
    let (intake, forger) = (RedisIntake::new(&redis, [1; 32]), RedisIntake::new(&redis, [2; 32]));
    let session = Session { contest: id("forged"), epoch: 3, shards: 1 };
    let start = open_session(&intake, &session).await;
    forger.submit(&session, &submissions(0..3)).await.unwrap();
    intake.submit(&session, &submissions(3..5)).await.unwrap();
    match intake.drain(&session, &start, 100).await.unwrap() {
        DrainOutcome::Items { items, .. } => assert_eq!(items.len(), 2),
        other => panic!("{other:?}"),
    }
    assert_eq!(intake.status().forged, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_shard_takes_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), DURABLE);
    let settings = Settings { capacity: 10, ..Settings::new(server.url()) };
    let redis = Redis::connect(&settings, Arc::new(SystemClock)).await.unwrap();
    let intake = RedisIntake::new(&redis, [1; 32]);
    let session = Session { contest: id("full"), epoch: 3, shards: 1 };
    let start = open_session(&intake, &session).await;
    assert_eq!(
        intake.submit(&session, &submissions(0..10)).await.unwrap(),
        vec![SubmitOutcome::Buffered; 10]
    );
    assert_eq!(intake.submit(&session, &submissions(10..11)).await.unwrap(), [SubmitOutcome::Full]);
    let through = drain_count(&intake, &session, &start, 10).await;
    intake.trim(&session, &through, &[]).await.unwrap();
    assert_eq!(intake.submit(&session, &submissions(20..21)).await.unwrap(), [SubmitOutcome::Buffered]);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_can_lose_ballots_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let primary = Server::start(folder.path(), DURABLE);
    let replica_of = format!("127.0.0.1 {}", primary.port());
    let durable = |more: &[&'static str]| [DURABLE, more].concat();
    let cases: Vec<(Vec<&str>, &str)> = vec![
        (vec!["--appendfsync", "always"], "appendonly is no"),
        (vec!["--appendonly", "yes"], "appendfsync is everysec, not always"),
        (
            durable(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]),
            "maxmemory-policy is allkeys-lru, not noeviction",
        ),
        ([DURABLE, &["--replicaof", &replica_of]].concat(), "role is slave, not master"),
        (durable(&["--rename-command", "CONFIG", ""]), "appendfsync cannot be read"),
    ];
    for (options, weakness) in cases {
        let server = Server::start(folder.path(), &options);
        match Redis::connect(&Settings::new(server.url()), Arc::new(SystemClock)).await {
            Err(RedisConnectError::Weak(weaknesses)) => assert_eq!(weaknesses, [weakness]),
            Err(other) => panic!("{weakness}: {other}"),
            Ok(_) => panic!("{weakness}: accepted"),
        }
        let settings = Settings { allow_weak: true, ..Settings::new(server.url()) };
        let redis = Redis::connect(&settings, Arc::new(SystemClock)).await.unwrap();
        let status = RedisIntake::new(&redis, [1; 32]).status();
        assert_eq!((status.refuses, status.weak), (None, vec![weakness.to_owned()]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_becomes_weak_ends_the_taking_of_ballots() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), DURABLE);
    let intake = RedisIntake::new(&connect(&server.url()).await, [1; 32]);
    let session = Session { contest: id("weakened"), epoch: 3, shards: 1 };
    open_session(&intake, &session).await;
    intake.submit(&session, &submissions(0..1)).await.unwrap();
    server.run::<String>(&["CONFIG", "SET", "appendfsync", "no"]);
    wait_until_async("ballots are refused", async || {
        intake.submit(&session, &submissions(1..2)).await.is_err()
    })
    .await;
    server.run::<String>(&["CONFIG", "SET", "appendfsync", "always"]);
    wait_for_answer(&intake, &session).await;
    assert!(intake.status().skew.abs() < jiff::SignedDuration::from_millis(250));
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_highest_published_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), DURABLE);
    let checkpoints = RedisPublishedCheckpoints::new(&connect(&server.url()).await, [1; 32]);
    let contest = id("shown");
    assert_eq!(checkpoints.highest(&contest).await.unwrap(), None);
    checkpoints.record_before_publish(&contest, &checkpoint(7, "seven")).await.unwrap();
    server.kill();
    server.restart();
    let redis = connect(&server.url()).await;
    let checkpoints = RedisPublishedCheckpoints::new(&redis, [1; 32]);
    // A sequencer that was suspended writes late, after its successor.
    checkpoints.record_before_publish(&contest, &checkpoint(6, "six")).await.unwrap();
    assert_eq!(checkpoints.highest(&contest).await.unwrap(), Some(checkpoint(7, "seven")));
    checkpoints.record_before_publish(&contest, &checkpoint(10, "ten")).await.unwrap();
    assert_eq!(checkpoints.highest(&contest).await.unwrap(), Some(checkpoint(10, "ten")));
    conformance::check_cosigned(&checkpoints, &contest).await.unwrap();

    // A value that another program writes counts as absent, also if it claims a large size.
    let (key, other) = ("acclaim:1:{shown}:shown", RedisPublishedCheckpoints::new(&redis, [2; 32]));
    other.record_before_publish(&contest, &checkpoint(9_999, "evil")).await.unwrap();
    for _ in 0..2 {
        assert_eq!(checkpoints.highest(&contest).await.unwrap(), None);
        checkpoints.record_before_publish(&contest, &checkpoint(10, "ten")).await.unwrap();
        assert_eq!(checkpoints.highest(&contest).await.unwrap(), Some(checkpoint(10, "ten")));
        server.run::<String>(&["SET", key, "evil\n9999\nx\n"]);
    }
    assert!(RedisIntake::new(&redis, [1; 32]).status().forged >= 3);
    checkpoints.forget(&contest).await.unwrap();
    assert_eq!(checkpoints.highest(&contest).await.unwrap(), None);
}

fn checkpoint(size: u64, root: &str) -> String {
    format!("localhost/shown\n{size}\n{root}\n\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn server_without_memory_rejects_ballots_but_drains() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), DURABLE);
    let redis = connect(&server.url()).await;
    let (intake, checkpoints) =
        (RedisIntake::new(&redis, [1; 32]), RedisPublishedCheckpoints::new(&redis, [1; 32]));
    let session = Session { contest: id("full-up"), epoch: 3, shards: 1 };
    let start = open_session(&intake, &session).await;
    intake.submit(&session, &submissions(0..500)).await.unwrap();
    server.run::<String>(&["CONFIG", "SET", "maxmemory", "1mb"]);
    let refused = intake.submit(&session, &submissions(500..501)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "the ballot must be refused: {refused:?}");

    // All steps that free memory, or that the log needs, still work.
    let through = drain_count(&intake, &session, &start, 500).await;
    intake.trim(&session, &through, &[]).await.unwrap();
    assert_eq!(intake.backlog(&session).await.unwrap().items, 0);
    checkpoints.record_before_publish(&id("full-up"), &checkpoint(500, "root")).await.unwrap();
    assert_eq!(intake.seal(&session).await.unwrap(), Some(through));
    let next = Session { epoch: 4, ..session };
    intake.begin(&next).await.unwrap();
    intake.open(&next).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_whose_server_is_away_hold_up_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut servers = start_cluster(folder.path());
    let urls: Vec<String> = servers.iter().map(Server::url).collect();
    let intake = RedisIntake::new(&connect(&urls.join(",")).await, [1; 32]);
    let session = Session { contest: id("spread"), epoch: 3, shards: 8 };
    let start = open_session(&intake, &session).await;
    servers[1].kill();
    let by_shard = |shard| {
        let in_shard = move |submission: &Submission| session_shard(submission) == shard;
        submissions(0..400).into_iter().filter(in_shard).collect::<Vec<_>>()
    };
    let (mut accepted, mut refused) = (0, Vec::new());
    for shard in 0..8 {
        match intake.submit(&session, &by_shard(shard)).await {
            Ok(outcomes) => accepted += outcomes.len(),
            Err(_) => refused.push(shard),
        }
    }
    assert!((1..8).contains(&refused.len()), "{refused:?}");
    let through = drain_count(&intake, &session, &start, accepted).await;
    assert!(
        intake.trim(&session, &through, &[]).await.is_err(),
        "the trim must report the shards that it left"
    );

    servers[1].restart();
    for shard in refused {
        // The ballots are sent again, as voters do.
        wait_until_async(&format!("shard {shard} takes ballots"), async || {
            intake.submit(&session, &by_shard(shard)).await.is_ok()
        })
        .await;
    }
    let through = drain_count(&intake, &session, &through, 400 - accepted).await;
    intake.trim(&session, &through, &[]).await.unwrap();
    assert_eq!(intake.backlog(&session).await.unwrap().items, 0);
}

fn session_shard(submission: &Submission) -> u16 {
    acclaim_store::intake::shard_of(submission.item.ballot.prefix(), 8)
}
