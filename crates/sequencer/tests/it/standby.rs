//! A standby process follows the log, so that it takes over quickly and does not read the log
//! again.

use std::time::{Duration, Instant};

use acclaim_store::hub::BallotOutcome;
use acclaim_test_servers::wait::wait_until_async;
use tokio::sync::watch;

use crate::{cluster::Cluster, support::TestContest};

const VOTERS: usize = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_without_reading_the_log_again() {
    let cluster = Cluster::start().await;
    let mut world = TestContest::open_on(cluster.backends().await, "followed").await;
    let stop = watch::Sender::new(false);
    let standby = tokio::spawn(world.another(stop.subscribe()).await.unwrap().run());
    let ballots: Vec<_> = (0..VOTERS).map(|voter| world.ballot(&format!("voter-{voter}"), "p1")).collect();
    let last = ballots[VOTERS - 1].ballot;
    world.submit(ballots).await;
    assert!(matches!(world.outcome(last).await, BallotOutcome::Recorded { .. }));
    wait_until_async("the standby has read the log", async || world.database.entries_read() >= VOTERS).await;

    world.kill().await;
    let (killed_at, read_before) = (Instant::now(), world.database.entries_read());
    let next = world.ballot("after", "p2");
    world.submit(vec![next.clone()]).await;
    assert!(matches!(world.outcome(next.ballot).await, BallotOutcome::Recorded { .. }));
    // The lease of 0.4 s, a quarter of it between two attempts, and a margin for a busy machine.
    assert!(killed_at.elapsed() < Duration::from_secs(3), "{:?}", killed_at.elapsed());
    let reread = world.database.entries_read() - read_before;
    assert!(reread < VOTERS / 4, "{reread} entries were read to take over");
    assert!(world.audit().await.clean);
    stop.send_replace(true);
    standby.await.unwrap();
}
