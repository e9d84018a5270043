//! What processes hear of each other.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use acclaim_store::{
    Contests, Hub, Intake as _,
    hub::{Notice, Publication},
    intake::{DrainOutcome, Session},
};
use acclaim_store_redis::{RedisIntake, notice_bridge::start_notice_bridge};
use acclaim_store_sqlite::SqliteDatabase;
use acclaim_test_servers::{
    redis::{DURABLE, Server, start_cluster},
    switch::Switch,
};
use acclaim_test_support::conformance;
use bytes::Bytes;
use jiff::Timestamp;

use crate::{connect, id, offers, opened};

#[tokio::test(flavor = "multi_thread")]
async fn delivers_notices_and_reports_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), DURABLE);
    let (redis_a, redis_b) = (connect(&server.url()).await, connect(&server.url()).await);
    let ((hub_a, outlet_a), (hub_b, outlet_b)) = (Hub::with_outbox(), Hub::with_outbox());
    let (hub_a, hub_b) = (Arc::new(hub_a), Arc::new(hub_b));
    let (mut subscription_a, mut subscription_b) = (hub_a.subscribe(), hub_b.subscribe());
    let contests = contests(folder.path());
    let _a =
        start_notice_bridge(&redis_a, [1; 32], Arc::clone(&hub_a), outlet_a, Arc::clone(&contests)).await;
    let _b = start_notice_bridge(&redis_b, [1; 32], Arc::clone(&hub_b), outlet_b, contests).await;
    // Both listen once they were told of a gap.
    for subscription in [&mut subscription_a, &mut subscription_b] {
        heard(subscription, |notice| matches!(notice, Notice::Missed)).await;
    }
    hub_a.send(Notice::CommandQueued(id("carried")));
    heard(
        &mut subscription_b,
        |notice| matches!(notice, Notice::CommandQueued(contest) if *contest == id("carried")),
    )
    .await;
    heard(&mut subscription_a, |notice| matches!(notice, Notice::CommandQueued(_))).await;
    hub_b.send(Notice::ContestChanged(id("back")));
    // The sender's own message does not come back to it: the next that it hears is the other's.
    heard(&mut subscription_a, |notice| match notice {
        Notice::CommandQueued(_) => panic!("an echo"),
        Notice::ContestChanged(_) => true,
        _ => false,
    })
    .await;

    // What somebody else publishes is dropped and counted.
    server.run::<i64>(&["PUBLISH", "acclaim:1:notices", "forged"]);
    let (intake_a, intake_b) = (RedisIntake::new(&redis_a, [1; 32]), RedisIntake::new(&redis_b, [1; 32]));
    until("counted", || intake_a.status().forged > 0 && intake_b.status().forged > 0).await;

    // A drain that waits is woken by a submit, well before it would look by itself.
    let session = Session { contest: id("woken"), epoch: 3, shards: 1 };
    let mut cursors = opened(&intake_a, &session).await;
    let mut waits = Vec::new();
    for number in 0..9 {
        let empty = intake_a.drain(&session, &cursors, 10);
        let submit = async {
            // Once the drain has found nothing.
            while server.run::<String>(&["HGET", "acclaim:1:{woken:0}:meta", "asleep"]) != "1" {
                tokio::task::yield_now().await;
            }
            let started = Instant::now();
            intake_b.submit(&session, &offers(number..number + 1)).await.unwrap();
            started
        };
        let (drained, started) = tokio::join!(empty, submit);
        waits.push(started.elapsed());
        if let DrainOutcome::Items { through, .. } = drained.unwrap() {
            cursors = through;
        }
    }
    waits.sort();
    assert!(waits[4] < Duration::from_millis(50), "{waits:?}");

    server.kill();
    server.restart();
    for subscription in [&mut subscription_a, &mut subscription_b] {
        heard(subscription, |notice| matches!(notice, Notice::Missed)).await;
    }
}

/// Asks until it is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "not {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A database without contests.
pub(crate) fn contests(folder: &Path) -> Arc<dyn Contests> {
    Arc::new(SqliteDatabase::open(&folder.join("contests.db")).unwrap())
}

fn publication(size: u64) -> Notice {
    publication_of("photos", size)
}

fn publication_of(contest: &str, size: u64) -> Notice {
    Notice::Published(Arc::new(Publication {
        contest: id(contest),
        size,
        root: acclaim_ballot_log::Hash([0; 32]),
        tally: (Bytes::new(), Bytes::new()),
        tally_csv: Bytes::new(),
        result: None,
        former: None,
        at: Timestamp::UNIX_EPOCH,
    }))
}

fn size_heard(hub: &Hub) -> u64 {
    hub.latest(&id("photos")).map_or(0, |latest| latest.size)
}

#[tokio::test(flavor = "multi_thread")]
async fn reloads_publications_after_silent_disconnect() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), DURABLE);
    let way = Switch::start(server.port()).await;
    let speaking = connect(&server.url()).await;
    let listening = connect(&format!("redis://127.0.0.1:{}", way.port())).await;
    let ((from, from_outlet), (to, to_outlet)) = (Hub::with_outbox(), Hub::with_outbox());
    let (from, to) = (Arc::new(from), Arc::new(to));
    let contests = contests(folder.path());
    contests.create_draft(&conformance::definition("photos"), b"tag key").await.unwrap();
    let _speaker =
        start_notice_bridge(&speaking, [1; 32], Arc::clone(&from), from_outlet, Arc::clone(&contests)).await;
    let _listener = start_notice_bridge(&listening, [1; 32], Arc::clone(&to), to_outlet, contests).await;
    from.send(publication(1));
    until("heard", || size_heard(&to) == 1).await;

    let mut subscription = to.subscribe();
    way.freeze();
    // A publication that Redis does not take at first.
    server.run::<String>(&["ACL", "SETUSER", "default", "-get"]);
    from.send(publication(2));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(size_heard(&to), 1);
    server.run::<String>(&["ACL", "SETUSER", "default", "+get"]);
    heard(&mut subscription, |notice| matches!(notice, Notice::Missed)).await;
    until("brought", || size_heard(&to) == 2).await;
    from.send(publication(3));
    until("heard again", || size_heard(&to) == 3).await;
}

pub(crate) async fn heard(
    subscription: &mut tokio::sync::broadcast::Receiver<Notice>,
    mut wanted: impl FnMut(&Notice) -> bool,
) {
    let wait = async { while !wanted(&subscription.recv().await.unwrap()) {} };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("heard in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_server_delays_no_notices() {
    let folder = tempfile::tempdir().unwrap();
    let mut servers = start_cluster(folder.path());
    let urls: Vec<String> = servers.iter().map(Server::url).collect();
    let (speaking, listening) = (connect(&urls.join(",")).await, connect(&urls.join(",")).await);
    let contests = contests(folder.path());
    let names: Vec<String> = (0..48).map(|number| format!("contest-{number}")).collect();
    for name in &names {
        contests.create_draft(&conformance::definition(name), b"tag key").await.unwrap();
    }
    let (hub, outlet) = Hub::with_outbox();
    let from = Arc::new(hub);
    let _speaker =
        start_notice_bridge(&speaking, [1; 32], Arc::clone(&from), outlet, Arc::clone(&contests)).await;
    // Each process listens at the first that answers.
    servers[2].kill();
    let (to, _nothing) = Hub::with_outbox();
    let to = Arc::new(to);
    let mut subscription = to.subscribe();
    let listening = tokio::spawn({
        let to = Arc::clone(&to);
        async move { start_notice_bridge(&listening, [1; 32], to, Hub::with_outbox().1, contests).await }
    });
    heard(&mut subscription, |notice| matches!(notice, Notice::Missed)).await;
    // Those whose server is away are not kept.
    names.iter().for_each(|name| from.send(publication_of(name, 1)));
    tokio::time::sleep(Duration::from_millis(500)).await;
    // One after the other they would take longer than is waited here.
    from.send(Notice::CommandQueued(id("heard")));
    heard(&mut subscription, |notice| matches!(notice, Notice::CommandQueued(_))).await;
    listening.abort();
}
