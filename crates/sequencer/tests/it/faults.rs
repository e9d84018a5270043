//! Faults of an append: lost, done but reported failed, or of unknown outcome. Each case then
//! checks the log.

use std::time::Duration;

use acclaim_store::hub::BallotOutcome;
use acclaim_test_support::{Fault, Step};

use crate::support::TestContest;

async fn check(faults: &[Fault]) {
    let mut world = TestContest::open().await;
    let before = world.ballot("early", "p1");
    world.submit(vec![before.clone()]).await;
    assert!(matches!(world.outcome(before.ballot).await, BallotOutcome::Recorded { index: 5, .. }));

    world.faults.plan(Step::Append, faults.iter().copied());
    let items: Vec<_> = (0..20).map(|n| world.ballot(&format!("voter-{n}"), "p2")).collect();
    world.submit(items.clone()).await;
    // A reload must not let a voter's second vote through.
    let repeated = world.ballot("voter-3", "p1");
    world.submit(vec![repeated.clone()]).await;
    let all_recorded = async {
        loop {
            let mut recorded = 0;
            for item in &items {
                let found = world.stores.database.ballot(&world.contest, item.ballot).await.unwrap();
                recorded += usize::from(found.is_some());
            }
            if recorded == items.len() && world.faults.remaining() == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all_recorded).await.expect("recorded in time");
    let after = world.ballot("late", "p1");
    world.submit(vec![after.clone()]).await;
    assert!(matches!(world.outcome(after.ballot).await, BallotOutcome::Recorded { .. }));

    let report = world.audit().await;
    assert!(report.clean, "{faults:?}: {:?}", report.findings);
    assert_eq!(report.ballots.recorded, 22, "{faults:?}");
    let lines = world.lines().await;
    for item in items.iter().chain([&before, &after]) {
        let count = lines.iter().filter(|line| line.contains(&format!("\"id\":\"{}\"", item.ballot))).count();
        assert_eq!(count, 1, "{faults:?}");
    }
    assert!(!lines.iter().any(|line| line.contains(&repeated.ballot.to_string())));
    world.stop().await;
}

#[tokio::test]
async fn repeats_lost_append() {
    check(&[Fault::LostBefore]).await;
    check(&[Fault::LostBefore, Fault::LostBefore, Fault::LostBefore]).await;
}

#[tokio::test]
async fn does_not_repeat_append_reported_as_failed() {
    check(&[Fault::DoneButReportedFailed]).await;
    check(&[Fault::DoneButUnknown]).await;
}

#[tokio::test]
async fn reloads_after_unknown_outcome() {
    check(&[Fault::LostAndUnknown]).await;
    check(&[Fault::LostAndUnknown, Fault::LostBefore, Fault::DoneButUnknown]).await;
}

#[tokio::test]
async fn notifies_only_after_commit() {
    let mut world = TestContest::open().await;
    world.faults.plan(Step::Append, [Fault::LostBefore, Fault::LostAndUnknown]);
    let ballot = world.ballot("ama", "p1");
    world.submit(vec![ballot.clone()]).await;
    assert!(matches!(world.outcome(ballot.ballot).await, BallotOutcome::Recorded { .. }));
    assert_eq!(world.faults.remaining(), 0);
    world.stop().await;
}
