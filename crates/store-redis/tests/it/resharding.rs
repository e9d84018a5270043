//! A Redis Cluster that moves data from node to node.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use acclaim_store::{
    Intake as _, StoreError,
    intake::{Cursors, DrainOutcome, Session, SubmitOutcome},
};
use acclaim_store_redis::RedisIntake;
use acclaim_test_servers::{
    redis::{Server, move_slot, start_cluster},
    wait::wait_until_async,
};

use crate::{connect, id, open_session, submissions};

const MOVES: usize = 6;
const BLOCK: u64 = 20;

/// Submits blocks until `stop` is set. Each block is accepted sooner or later. Returns the number
/// of ballots.
async fn keep_submitting(intake: Arc<RedisIntake>, session: Session, stop: Arc<AtomicBool>) -> u64 {
    let mut from = 0;
    while !stop.load(Ordering::Relaxed) {
        let block = submissions(from..from + BLOCK);
        let started = Instant::now();
        let mut is_unknown = false;
        loop {
            match intake.submit(&session, &block).await {
                Ok(answers) if answers.iter().all(|answer| *answer == SubmitOutcome::Buffered) => break,
                // An earlier attempt with an unknown outcome had succeeded.
                Ok(answers)
                    if is_unknown && answers.iter().all(|answer| *answer == SubmitOutcome::SlotTaken) =>
                {
                    break;
                }
                Ok(answers) => panic!("{answers:?}"),
                Err(StoreError::Unavailable(_)) => {}
                Err(StoreError::Unknown(_)) => is_unknown = true,
                Err(other) => panic!("{other}"),
            }
            assert!(started.elapsed() < Duration::from_secs(20), "no block is accepted");
            // Sleeps: no notification says when a moved shard takes ballots again.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        from += BLOCK;
    }
    from
}

/// Returns all entries in the buffer, in order.
async fn drain_all(intake: &RedisIntake, session: &Session, mut after: Cursors, count: u64) -> Vec<String> {
    let mut entries = Vec::new();
    while (entries.len() as u64) < count {
        match intake.drain(session, &after, 1_000).await.unwrap() {
            DrainOutcome::Items { items, through, .. } => {
                entries.extend(items.iter().map(|item| String::from_utf8(item.entry.to_vec()).unwrap()));
                after = through;
            }
            lost @ DrainOutcome::Lost(_) => panic!("{lost:?}"),
        }
    }
    entries
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_moves_between_nodes_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let servers = start_cluster(folder.path());
    let urls: Vec<String> = servers.iter().map(Server::url).collect();
    let intake = Arc::new(RedisIntake::new(&connect(&urls.join(",")).await, [1; 32]));
    let session = Session { contest: id("moved"), epoch: 3, shards: 1 };
    let start = open_session(&intake, &session).await;
    let stop = Arc::new(AtomicBool::new(false));
    let submitting = tokio::spawn(keep_submitting(Arc::clone(&intake), session.clone(), Arc::clone(&stop)));

    let meta = "acclaim:1:{moved:0}:meta";
    let holds = |server: &Server| server.try_run::<bool>(&["EXISTS", meta]).unwrap_or_default();
    for _ in 0..MOVES {
        let from = servers.iter().position(holds).unwrap();
        let before = intake.backlog(&session).await.unwrap().items;
        tokio::task::block_in_place(|| move_slot(&servers, meta, from, (from + 1) % servers.len()));
        // The shard is found on its new node, and takes ballots there.
        wait_until_async("ballots after the move", async || {
            intake.backlog(&session).await.is_ok_and(|backlog| backlog.items >= before + BLOCK)
        })
        .await;
    }
    stop.store(true, Ordering::Relaxed);
    let count = submitting.await.unwrap();
    let expected: Vec<String> = (0..count).map(|number| format!("entry {number}")).collect();
    let entries =
        tokio::time::timeout(Duration::from_secs(20), drain_all(&intake, &session, start, count)).await;
    assert_eq!(entries.expect("all ballots must be drained in time"), expected);
}
