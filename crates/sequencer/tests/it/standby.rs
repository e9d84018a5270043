//! A process that stands by follows the log, and takes over soon and without reading it again.

use std::time::{Duration, Instant};

use acclaim_store::hub::BallotOutcome;
use tokio::sync::watch;

use crate::{cluster::Cluster, support::TestContest};

const VOTERS: usize = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_without_reading_the_log_again() {
    let cluster = Cluster::start().await;
    let mut world = TestContest::open_on(cluster.ground().await, "followed").await;
    let stop = watch::Sender::new(false);
    let standby = tokio::spawn(world.another(stop.subscribe()).await.unwrap().run());
    let ballots: Vec<_> = (0..VOTERS).map(|voter| world.ballot(&format!("voter-{voter}"), "p1")).collect();
    let last = ballots[VOTERS - 1].ballot;
    world.submit(ballots).await;
    assert!(matches!(world.outcome(last).await, BallotOutcome::Recorded { .. }));
    let begun = Instant::now();
    while world.database.entries_read() < VOTERS {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not follow");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    world.kill().await;
    let (killed, read) = (Instant::now(), world.database.entries_read());
    let next = world.ballot("after", "p2");
    world.submit(vec![next.clone()]).await;
    assert!(matches!(world.outcome(next.ballot).await, BallotOutcome::Recorded { .. }));
    // The lease of 0.4 s, a quarter of it between two looks, and the rest for a busy machine.
    assert!(killed.elapsed() < Duration::from_secs(3), "{:?}", killed.elapsed());
    let again = world.database.entries_read() - read;
    assert!(again < VOTERS / 4, "{again} entries were read to take over");
    assert!(world.audit().await.clean);
    stop.send_replace(true);
    standby.await.unwrap();
}
