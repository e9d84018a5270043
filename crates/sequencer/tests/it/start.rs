//! A doubtful start is refused.

use acclaim_ballot_log::Hash;
use acclaim_sequencer::LoadError;
use acclaim_store::{
    hub::{BallotOutcome, Notice},
    ledger::Append,
};
use acclaim_test_support::{Fault, Step};

use crate::support::{OPENS, TestContest, time};

#[tokio::test]
async fn continues_log_after_restart() {
    let mut world = TestContest::open().await;
    let first = world.ballot("ama", "p1");
    world.submit(vec![first.clone()]).await;
    world.outcome(first.ballot).await;
    world.restart().await.unwrap();
    let again = world.ballot("ama", "p2");
    let second = world.ballot("li", "p2");
    world.submit(vec![again, second.clone()]).await;
    assert!(matches!(world.outcome(second.ballot).await, BallotOutcome::Recorded { index: 6, .. }));
    let report = world.audit().await;
    assert!(report.clean && report.ballots.recorded == 2, "{:?}", report.findings);
    world.stop().await;
}

#[tokio::test]
async fn refuses_ledger_older_than_published_checkpoint() {
    let mut world = TestContest::open().await;
    let published = world.key().sign(6, Hash([1; 32]));
    world.stores.published_checkpoints.record_before_publish(&world.contest, &published).await.unwrap();
    match world.restart().await {
        Err(LoadError::RolledBack { size: 5, shown: 6, .. }) => {}
        other => panic!("{other:?}"),
    }
    // An ignored contest does not block the other contests.
    world.settings.without.insert(world.contest.clone());
    let other = world.definition("other", OPENS);
    world.draft(&other).await;
    world.begin().await.unwrap();
    world.until(|notice| matches!(notice, Notice::Decided(decided) if decided.contest == other.id)).await;
    assert_eq!(world.lines().await.len(), 5);
    world.stop().await;
}

#[tokio::test]
async fn publishes_committed_checkpoint_at_start() {
    let mut world = TestContest::open().await;
    let ballot = world.ballot("ama", "p1");
    world.submit(vec![ballot.clone()]).await;
    world.outcome(ballot.ballot).await;
    // This is the state after a kill between the commit and the publication of its checkpoint.
    let older = world.stores.published_checkpoints.highest(&world.contest).await.unwrap().unwrap();
    world.stores.published_checkpoints.forget(&world.contest).await.unwrap();
    // A checkpoint that may still be lost is not published.
    world.faults.plan(Step::EnsureDurable, [Fault::LostBefore]);
    assert!(matches!(world.restart().await, Err(LoadError::Store(_))));
    assert_eq!(world.stores.published_checkpoints.highest(&world.contest).await.unwrap(), None);
    world.begin().await.unwrap();
    let head = world.stores.database.head(&world.contest).await.unwrap().unwrap();
    assert_eq!(older, head.checkpoint);
    assert_eq!(
        world.stores.published_checkpoints.highest(&world.contest).await.unwrap(),
        Some(head.checkpoint)
    );
    world.stop().await;
}

#[tokio::test]
async fn starts_new_session_after_intake_loss() {
    let mut world = TestContest::open().await;
    let first = world.ballot("ama", "p1");
    world.submit(vec![first.clone()]).await;
    world.outcome(first.ballot).await;
    let session = world.stores.database.contest(&world.contest).await.unwrap().unwrap().session();
    world.stores.intake.forget(&session).await.unwrap();
    let (again, second) = (world.ballot("ama", "p2"), world.ballot("li", "p2"));
    world.submit(vec![first, again.clone(), second.clone()]).await;
    assert!(matches!(world.outcome(again.ballot).await, BallotOutcome::Rejected(_)));
    assert!(world.stores.database.ballot(&world.contest, second.ballot).await.unwrap().is_some());
    let later = world.stores.database.contest(&world.contest).await.unwrap().unwrap().session();
    assert_ne!(later.epoch, session.epoch);
    let report = world.audit().await;
    assert!(report.clean && report.ballots.recorded == 2, "{:?}", report.findings);
    world.stop().await;
}

#[tokio::test]
async fn refuses_log_that_differs_from_published_checkpoint() {
    let mut world = TestContest::open().await;
    let published = world.key().sign(4, Hash([1; 32]));
    world.stores.published_checkpoints.record_before_publish(&world.contest, &published).await.unwrap();
    assert!(matches!(world.restart().await, Err(LoadError::Damaged { .. })));
}

#[tokio::test]
async fn refuses_entries_that_do_not_match_checkpoint() {
    let mut world = TestContest::open().await;
    let head = world.stores.database.head(&world.contest).await.unwrap().unwrap();
    let statement = r#"{"type":"statement","kind":"k","text":"t","by":"b","at":"2021-03-01T00:00:00Z"}"#;
    let mut forged = head.clone();
    forged.size += 1;
    forged.checkpoint = world.key().sign(forged.size, forged.root);
    let append = Append::of_entries(Some((head.size, head.root)), forged, vec![statement.into()]);
    world.stores.database.append(&world.contest, append).await.unwrap();
    assert!(matches!(world.restart().await, Err(LoadError::Damaged { .. })));
}

#[tokio::test]
async fn restores_forgotten_checkpoint_and_result() {
    let mut world = TestContest::open().await;
    let older = world.stores.published_checkpoints.highest(&world.contest).await.unwrap().unwrap();
    world.clock.set(time("2021-03-31T22:01:00Z"));
    world.until(|notice| matches!(notice, Notice::ContestChanged(_))).await;
    let last = world.stores.published_checkpoints.highest(&world.contest).await.unwrap();
    let is_result =
        |notice: &Notice| matches!(notice, Notice::Published(published) if published.result.is_some());
    world.stores.published_checkpoints.forget(&world.contest).await.unwrap();
    world.until(is_result).await;
    assert_eq!(world.stores.published_checkpoints.highest(&world.contest).await.unwrap(), last);

    // The record falls back to an older checkpoint, as with a promoted replica.
    assert_ne!(Some(&older), last.as_ref());
    world.stores.published_checkpoints.record_before_publish(&world.contest, &older).await.unwrap();
    world.until(is_result).await;
    assert_eq!(world.stores.published_checkpoints.highest(&world.contest).await.unwrap(), last);
    world.stop().await;
}
