//! Voting is suspended and resumed.
//!
//! Waiting ballots are recorded before the suspension. Later ballots are rejected and can be cast
//! again after the resumption, even after faults.

use acclaim_contest::Phase;
use acclaim_store::{
    CommandOutcome,
    command::{Command, Reason},
    hub::{BallotOutcome, Notice, Recording, Rejection},
    intake::{Submission, SubmitOutcome},
};
use acclaim_test_servers::wait::wait_until_async;
use acclaim_test_support::{Fault, Step};

use crate::{
    cluster::Cluster,
    support::{Backends, CLOSES, TestContest, time},
};

fn reason() -> Reason {
    Reason { reason: "passes went astray".to_owned(), note: None }
}

fn is_suspension(outcome: &BallotOutcome) -> bool {
    matches!(outcome, BallotOutcome::Rejected(Rejection::Refused(code, _)) if code == "voting-suspended")
}

fn is_recorded(outcome: &CommandOutcome) -> bool {
    matches!(outcome, CommandOutcome::Recorded { .. })
}

#[track_caller]
fn assert_refused(outcome: &CommandOutcome, expected: &str) {
    assert!(matches!(outcome, CommandOutcome::Refused { code, .. } if code == expected), "{outcome:?}");
}

/// Returns the index of the only log line that contains a text.
async fn position(world: &TestContest, text: &str) -> usize {
    let lines = world.lines().await;
    let indexes: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| line.contains(text)).map(|(index, _)| index).collect();
    assert_eq!(indexes.len(), 1, "{text}: {lines:?}");
    indexes[0]
}

/// Waits until the sequencer reports that the intake does not answer. Meanwhile voting is not
/// suspended.
async fn until_failing(world: &TestContest) {
    let is_failing = || {
        let recording = world.stores.hub.recording();
        recording.iter().any(|(_, state)| matches!(state, Recording::Failing(_)))
    };
    while !is_failing() {
        assert_eq!(world.phase().await, Phase::Open);
        tokio::task::yield_now().await;
    }
    assert_eq!(world.phase().await, Phase::Open);
}

#[tokio::test]
async fn records_waiting_ballots_before_suspension() {
    let mut world = TestContest::open().await;
    world.intake.stall();
    let waiting: Vec<_> = (0..5).map(|voter| world.ballot(&format!("voter-{voter}"), "p1")).collect();
    world.submit(waiting.clone()).await;
    world.queue("suspend", Command::Suspend(reason())).await;
    until_failing(&world).await;
    world.intake.resume();
    world.until(|notice| matches!(notice, Notice::Decided(decided) if !decided.commands.is_empty())).await;
    assert_eq!(world.phase().await, Phase::Suspended);
    let suspended = position(&world, "\"type\":\"suspended\"").await;
    for ballot in &waiting {
        assert!(position(&world, &ballot.ballot.to_string()).await < suspended);
    }
    assert_refused(&world.decide("again", Command::Suspend(reason())).await, "already-suspended");

    // Two ballots reach the intake during the suspension, one of them promised. Neither the log nor
    // its published state has them.
    let late = [world.promised("li", "p2", true), world.ballot("ed", "p2")];
    for ballot in &late {
        world.submit(vec![ballot.clone()]).await;
        let outcome = world.outcome(ballot.ballot).await;
        assert!(is_suspension(&outcome), "{outcome:?}");
    }
    let stored = world.stores.database.rejection(&world.contest, late[0].ballot).await.unwrap();
    assert!(stored.is_some_and(|stored| is_suspension(&BallotOutcome::Rejected(stored))));
    world.restart().await.unwrap();
    assert_eq!(world.phase().await, Phase::Suspended);
    world.submit(vec![late[0].clone()]).await;
    let outcome = world.outcome(late[0].ballot).await;
    assert!(is_suspension(&outcome), "after the restart: {outcome:?}");

    assert!(is_recorded(&world.decide("resume", Command::Resume(reason())).await));
    assert_eq!(world.phase().await, Phase::Open);
    assert_refused(&world.decide("resume-again", Command::Resume(reason())).await, "not-suspended");
    for ballot in &late {
        world.submit(vec![ballot.clone()]).await;
        let outcome = world.outcome(ballot.ballot).await;
        assert!(matches!(outcome, BallotOutcome::Recorded { .. }), "the same ballot: {outcome:?}");
    }
    let report = world.audit().await;
    assert!(report.clean, "{:?}", report.findings);
    assert_eq!((report.ballots.recorded, report.voters), (7, 7));
    world.stop().await;
}

#[tokio::test]
async fn records_waiting_ballots_in_untrimmed_intake() {
    let mut world = TestContest::open().await;
    world.faults.plan(Step::Trim, [Fault::LostBefore]);
    let recorded = world.ballot("ama", "p1");
    world.submit(vec![recorded.clone()]).await;
    assert!(matches!(world.outcome(recorded.ballot).await, BallotOutcome::Recorded { .. }));
    world.intake.stall();
    let waiting = world.ballot("li", "p2");
    world.submit(vec![waiting.clone()]).await;
    world.queue("suspend", Command::Suspend(reason())).await;
    until_failing(&world).await;
    world.intake.resume();
    world.until(|notice| matches!(notice, Notice::Decided(decided) if !decided.commands.is_empty())).await;
    let suspended = position(&world, "\"type\":\"suspended\"").await;
    assert!(position(&world, &waiting.ballot.to_string()).await < suspended);
    assert!(world.audit().await.clean);
    world.stop().await;
}

#[tokio::test]
async fn a_suspended_contest_closes_at_its_instant() {
    let mut world = TestContest::open().await;
    assert!(is_recorded(&world.decide("suspend", Command::Suspend(reason())).await));
    world.clock.set(time("2021-03-31T21:59:59Z"));
    let in_time = world.ballot("ama", "p1");
    world.submit(vec![in_time.clone()]).await;
    assert!(is_suspension(&world.outcome(in_time.ballot).await));
    // After the closing instant the contest waits for ballots on their way. It is too late to
    // resume.
    world.clock.set(time("2021-03-31T22:00:00Z"));
    assert_refused(&world.decide("resume", Command::Resume(reason())).await, "closing");
    world.clock.set(time("2021-03-31T22:01:00Z"));
    world.until(|notice| matches!(notice, Notice::ContestChanged(_))).await;
    assert_eq!(world.phase().await, Phase::Closed);
    position(&world, "\"type\":\"closed\",\"at\":\"2021-03-31T22:00:00Z\"").await;
    let tally = world.stores.hub.latest(&world.contest).unwrap().tally.1.clone();
    let before = world.stores.hub.latest(&world.contest).unwrap().tally.0.clone();
    let tally = [before, tally].map(|half| String::from_utf8(half.to_vec()).unwrap()).concat();
    assert!(tally.contains("\"closed\"") && !tally.contains("suspended"), "{tally}");
    assert_refused(&world.decide("late", Command::Suspend(reason())).await, "out-of-place");
    assert!(world.audit().await.clean);
    world.stop().await;
}

#[tokio::test]
async fn an_organiser_closes_a_suspended_contest() {
    let mut world = TestContest::open().await;
    assert!(is_recorded(&world.decide("suspend", Command::Suspend(reason())).await));
    world.clock.advance(jiff::SignedDuration::from_mins(5));
    world.queue("close", Command::Close).await;
    let closes = async |world: &TestContest| {
        world.stores.database.contest(&world.contest).await.unwrap().unwrap().state.closes.timestamp()
    };
    while closes(&world).await == time(CLOSES) {
        world.until(|_| true).await;
    }
    world.clock.advance(jiff::SignedDuration::from_mins(1));
    world.until(|notice| matches!(notice, Notice::Decided(decided) if !decided.commands.is_empty())).await;
    assert_eq!(world.phase().await, Phase::Closed);
    assert!(world.audit().await.clean);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_rejected_ballot_after_suspension() {
    let cluster = Cluster::start().await;
    let mut world = TestContest::open_on(cluster.backends().await, "photos").await;
    assert!(is_recorded(&world.decide("suspend", Command::Suspend(reason())).await));
    let item = world.promised("ama", "p1", true);
    let submission = |slots| Submission { item: item.clone(), slots };
    let slot = || vec![world.slot("ama", None, None)];
    assert_eq!(world.submit_when_ready(&[submission(slot())]).await, [SubmitOutcome::Buffered]);
    let (with_slot, without_slot) = (submission(slot()), submission(Vec::new()));
    assert!(is_suspension(&world.outcome(item.ballot).await));
    assert!(is_recorded(&world.decide("resume", Command::Resume(reason())).await));
    // The intake remembers the slot, but the ledger has no such ballot. So the ballot is submitted
    // without slots, as the API does.
    assert_eq!(world.submit_when_ready(&[with_slot]).await, [SubmitOutcome::SlotTaken]);
    assert_eq!(world.submit_when_ready(&[without_slot]).await, [SubmitOutcome::Buffered]);
    assert!(matches!(world.outcome(item.ballot).await, BallotOutcome::Recorded { .. }));
    assert!(world.audit().await.clean);
    world.stop().await;
}

#[tokio::test]
async fn suspends_once_after_waiting_ballots_under_faults() {
    // A killed process loses the embedded intake.
    let in_process = |fault: &Fault| !matches!(fault, Fault::KilledBefore | Fault::KilledAfter | Fault::Cut);
    for step in [Step::Drain, Step::Append, Step::RecordBeforePublish, Step::Trim] {
        for fault in Fault::ALL.into_iter().filter(in_process) {
            let mut world = TestContest::open_on(Backends::embedded(), "photos").await;
            world.intake.stall();
            let waiting = world.ballot("ama", "p1");
            world.submit(vec![waiting.clone()]).await;
            world.faults.plan(step, [fault]);
            world.queue("suspend", Command::Suspend(reason())).await;
            world.intake.resume();
            let name = format!("{step:?} {fault:?}");
            let suspended = async || world.phase().await == Phase::Suspended;
            wait_until_async(&format!("{name}: suspended"), suspended).await;
            let suspended_at = position(&world, "\"type\":\"suspended\"").await;
            assert!(position(&world, &waiting.ballot.to_string()).await < suspended_at, "{name}");
            assert!(world.audit().await.clean, "{name}");
            world.restart().await.unwrap();
            assert!(is_recorded(&world.decide("resume", Command::Resume(reason())).await), "{name}");
            assert!(world.audit().await.clean, "{name}");
            world.stop().await;
        }
    }
}
