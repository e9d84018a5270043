//! Notices between processes over Redis.

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
    wait::wait_until_async,
};
use acclaim_test_support::conformance;
use bytes::Bytes;
use jiff::Timestamp;

use crate::{connect, id, open_session, submissions};

#[tokio::test(flavor = "multi_thread")]
async fn delivers_notices_and_reports_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), DURABLE);
    let (redis_a, redis_b) = (connect(&server.url()).await, connect(&server.url()).await);
    let ((hub_a, outbox_a), (hub_b, outbox_b)) = (Hub::with_outbox(), Hub::with_outbox());
    let (hub_a, hub_b) = (Arc::new(hub_a), Arc::new(hub_b));
    let (mut subscription_a, mut subscription_b) = (hub_a.subscribe(), hub_b.subscribe());
    let contests = contests(folder.path());
    let _a =
        start_notice_bridge(&redis_a, [1; 32], Arc::clone(&hub_a), outbox_a, Arc::clone(&contests)).await;
    let _b = start_notice_bridge(&redis_b, [1; 32], Arc::clone(&hub_b), outbox_b, contests).await;
    // Both are subscribed as soon as they are notified of a gap.
    for subscription in [&mut subscription_a, &mut subscription_b] {
        wait_for_notice(subscription, |notice| matches!(notice, Notice::Missed)).await;
    }
    hub_a.send(Notice::CommandQueued(id("carried")));
    wait_for_notice(
        &mut subscription_b,
        |notice| matches!(notice, Notice::CommandQueued(contest) if *contest == id("carried")),
    )
    .await;
    wait_for_notice(&mut subscription_a, |notice| matches!(notice, Notice::CommandQueued(_))).await;
    hub_b.send(Notice::ContestChanged(id("back")));
    // The sender's own message does not come back to it. The next notice that it gets is the other
    // process's.
    wait_for_notice(&mut subscription_a, |notice| match notice {
        Notice::CommandQueued(_) => panic!("the sender got its own notice"),
        Notice::ContestChanged(_) => true,
        _ => false,
    })
    .await;

    // A message of another program is dropped and counted.
    server.run::<i64>(&["PUBLISH", "acclaim:1:notices", "forged"]);
    let (intake_a, intake_b) = (RedisIntake::new(&redis_a, [1; 32]), RedisIntake::new(&redis_b, [1; 32]));
    wait_until_async("counted", async || intake_a.status().forged > 0 && intake_b.status().forged > 0).await;

    // A submit wakes a waiting drain, well before it would poll again.
    let session = Session { contest: id("woken"), epoch: 3, shards: 1 };
    let mut cursors = open_session(&intake_a, &session).await;
    let mut waits = Vec::new();
    for number in 0..9 {
        let empty = intake_a.drain(&session, &cursors, 10);
        let submit = async {
            // The submit starts after the drain has found no ballots.
            while server.run::<String>(&["HGET", "acclaim:1:{woken:0}:meta", "asleep"]) != "1" {
                tokio::task::yield_now().await;
            }
            let started = Instant::now();
            intake_b.submit(&session, &submissions(number..number + 1)).await.unwrap();
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
        wait_for_notice(subscription, |notice| matches!(notice, Notice::Missed)).await;
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

fn received_size(hub: &Hub) -> u64 {
    hub.latest(&id("photos")).map_or(0, |latest| latest.size)
}

#[tokio::test(flavor = "multi_thread")]
async fn reloads_publications_after_silent_disconnect() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), DURABLE);
    let switch = Switch::start(server.port()).await;
    let sending = connect(&server.url()).await;
    let receiving = connect(&format!("redis://127.0.0.1:{}", switch.port())).await;
    let ((from, from_outbox), (to, to_outbox)) = (Hub::with_outbox(), Hub::with_outbox());
    let (from, to) = (Arc::new(from), Arc::new(to));
    let contests = contests(folder.path());
    contests.create_draft(&conformance::definition("photos"), b"tag key").await.unwrap();
    let _sending =
        start_notice_bridge(&sending, [1; 32], Arc::clone(&from), from_outbox, Arc::clone(&contests)).await;
    let _receiving = start_notice_bridge(&receiving, [1; 32], Arc::clone(&to), to_outbox, contests).await;
    from.send(publication(1));
    wait_until_async("received", async || received_size(&to) == 1).await;

    let mut subscription = to.subscribe();
    switch.freeze();
    // Redis refuses to store this publication at first.
    server.run::<String>(&["ACL", "SETUSER", "default", "-get"]);
    from.send(publication(2));
    // Sleeps: a publication that is delivered by mistake would arrive during this time.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(received_size(&to), 1);
    server.run::<String>(&["ACL", "SETUSER", "default", "+get"]);
    wait_for_notice(&mut subscription, |notice| matches!(notice, Notice::Missed)).await;
    wait_until_async("loaded", async || received_size(&to) == 2).await;
    from.send(publication(3));
    wait_until_async("received again", async || received_size(&to) == 3).await;
}

pub(crate) async fn wait_for_notice(
    subscription: &mut tokio::sync::broadcast::Receiver<Notice>,
    mut is_expected: impl FnMut(&Notice) -> bool,
) {
    let wait = async { while !is_expected(&subscription.recv().await.unwrap()) {} };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the notice must come in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_server_delays_no_notices() {
    let folder = tempfile::tempdir().unwrap();
    let mut servers = start_cluster(folder.path());
    let urls: Vec<String> = servers.iter().map(Server::url).collect();
    let (sending, receiving) = (connect(&urls.join(",")).await, connect(&urls.join(",")).await);
    let contests = contests(folder.path());
    let names: Vec<String> = (0..48).map(|number| format!("contest-{number}")).collect();
    for name in &names {
        contests.create_draft(&conformance::definition(name), b"tag key").await.unwrap();
    }
    let (hub, outbox) = Hub::with_outbox();
    let from = Arc::new(hub);
    let _sending =
        start_notice_bridge(&sending, [1; 32], Arc::clone(&from), outbox, Arc::clone(&contests)).await;
    // Each process subscribes at the first server that answers.
    servers[2].kill();
    let (to, _outbox) = Hub::with_outbox();
    let to = Arc::new(to);
    let mut subscription = to.subscribe();
    let starting = tokio::spawn({
        let to = Arc::clone(&to);
        async move { start_notice_bridge(&receiving, [1; 32], to, Hub::with_outbox().1, contests).await }
    });
    wait_for_notice(&mut subscription, |notice| matches!(notice, Notice::Missed)).await;
    // Publications whose server is unreachable are not stored.
    names.iter().for_each(|name| from.send(publication_of(name, 1)));
    // Sleeps: the bridge begins to store the publications before the next notice is sent.
    tokio::time::sleep(Duration::from_millis(500)).await;
    // One after another, their time-outs would take longer than this test waits.
    from.send(Notice::CommandQueued(id("heard")));
    wait_for_notice(&mut subscription, |notice| matches!(notice, Notice::CommandQueued(_))).await;
    starting.abort();
}
