//! The tables beside the log agree with the log.
//!
//! The sequencer derives them from the log, and repairs them when it loads the log.

use acclaim_contest::{Amendment, BallotId, BallotState, Instant, Phase};
use acclaim_sequencer::LoadError;
use acclaim_store::{
    Command, CommandOutcome, ContestRecord, RequestId, StoreError,
    command::Reason,
    contests::ContestChange,
    hub::{BallotOutcome, Notice},
    intake::Submission,
    ledger::Append,
};
use acclaim_test_support::{Fault, Step};
use tokio::sync::watch;

use crate::support::{Backends, CLOSES, TestContest, definition_with, time};

fn reason() -> Reason {
    Reason { reason: "one household".to_owned(), note: None }
}

/// Returns an open contest with ballots in every state and a withdrawn entry, and these ballots.
async fn world() -> (TestContest, [BallotId; 4]) {
    let definition = definition_with("photos", r#""ballot":{"revision":"replace"},"#);
    let mut world = TestContest::open_with(Backends::embedded(), &definition).await;
    let first = world.ballot("ama", "p1");
    let second = world.replacing("ama", first.ballot, "p2");
    let (voided, standing) = (world.ballot("kofi", "p1"), world.ballot("esi", "p1"));
    let ballots = [first.ballot, second.ballot, voided.ballot, standing.ballot];
    for item in [first, second, voided, standing] {
        let ballot = item.ballot;
        world.submit(vec![item]).await;
        assert!(matches!(world.outcome(ballot).await, BallotOutcome::Recorded { .. }));
    }
    let void = |ballots: &[BallotId]| Command::Void { ballots: ballots.to_vec(), reason: reason() };
    world.decide("void", void(&[ballots[0], ballots[2]])).await;
    world.decide("withdraw", Command::Withdraw { entry: "p2".parse().unwrap(), reason: reason() }).await;
    let to = Amendment::Text("Uno".to_owned());
    let (what, key) = ("entry:p1".to_owned(), "title".to_owned());
    world.decide("amend", Command::Amend { what, key, to, reason: reason() }).await;
    (world, ballots)
}

async fn record(world: &TestContest) -> ContestRecord {
    world.stores.database.contest(&world.contest).await.unwrap().unwrap()
}

/// Waits until the record satisfies a condition.
async fn until_record(world: &mut TestContest, condition: impl Fn(&ContestRecord) -> bool) {
    while !condition(&record(world).await) {
        world.until(|notice| matches!(notice, Notice::ContestChanged(_))).await;
    }
}

/// The content of a record without its revision.
fn row(record: &ContestRecord) -> impl PartialEq + std::fmt::Debug {
    (record.definition.clone(), record.state.clone(), record.tag_key.clone())
}

/// Changes the database without a new log entry.
async fn write(
    world: &TestContest,
    change: impl FnOnce(&ContestRecord, &mut Append),
) -> Result<(), StoreError> {
    let record = record(world).await;
    let head = world.stores.database.head(&world.contest).await.unwrap().unwrap();
    let mut append = Append::of_entries(Some((head.size, head.root)), head, Vec::new());
    change(&record, &mut append);
    world.stores.database.append(&world.contest, append).await
}

async fn states(world: &TestContest) -> Vec<Option<BallotState>> {
    let ballots = world.stores.database.ballots(&world.contest, None, 100).await.unwrap();
    ballots.into_iter().map(|ballot| ballot.state).collect()
}

#[tokio::test]
async fn each_column_is_repaired_from_the_log() {
    let (mut world, _) = world().await;
    let before = record(&world).await;
    assert_eq!(before.state.withdrawn, ["p2".parse().unwrap()].into());
    assert_eq!(before.definition.entries[0].title, "Uno");
    let earlier = Instant::at_or_before(time("2021-03-02T00:00:00Z"));
    let later = Instant::at_or_before(time("2022-03-02T00:00:00Z"));
    type Corruption = fn(&mut ContestChange, Instant, Instant);
    let corruptions: [(&str, Corruption); 9] = [
        ("frozen", |change, _, _| change.state.phase = Phase::Frozen),
        ("certified", |change, _, _| change.state.phase = Phase::Certified),
        ("suspended", |change, _, _| change.state.phase = Phase::Suspended),
        ("a draft", |change, _, _| change.state.phase = Phase::Draft),
        ("closes earlier", |change, earlier, _| change.state.closes = earlier),
        ("closes later", |change, _, later| change.state.closes = later),
        ("nothing withdrawn", |change, _, _| change.state.withdrawn.clear()),
        ("all withdrawn", |change, _, _| change.state.withdrawn.extend(["p1".parse().unwrap()])),
        ("another title", |change, _, _| {
            change.definition.as_mut().unwrap().entries[0].title = "One".to_owned();
        }),
    ];
    for (repairs, (what, corrupt)) in corruptions.into_iter().enumerate() {
        world.kill().await;
        write(&world, |record, append| {
            let definition = Some((*record.definition).clone());
            let mut change = ContestChange { definition, ..record.change(record.state.clone()) };
            corrupt(&mut change, earlier, later);
            append.contest = Some(change);
        })
        .await
        .unwrap();
        assert_ne!(row(&record(&world).await), row(&before), "{what}: the row was not changed");
        assert_eq!(world.stores.hub.repairs(), repairs as u64);
        world.begin().await.unwrap();
        assert_eq!(row(&record(&world).await), row(&before), "{what}");
        assert_eq!(world.stores.hub.repairs(), repairs as u64 + 1, "{what}");
    }
    // A correct row is not written again.
    let revision = record(&world).await.revision;
    world.replace().await;
    assert_eq!((record(&world).await.revision, world.stores.hub.repairs()), (revision, 9));
    let ballot = world.ballot("yaa", "p1");
    world.submit(vec![ballot.clone()]).await;
    assert!(matches!(world.outcome(ballot.ballot).await, BallotOutcome::Recorded { .. }));
    assert!(world.audit().await.clean);
    world.stop().await;
}

#[tokio::test]
async fn single_ballots_are_repaired_from_the_log() {
    let (mut world, ballots) = world().await;
    let before = states(&world).await;
    let voided = |reason: &str, replaced| BallotState::Voided { reason: reason.to_owned(), replaced };
    let state_of = |ballot: usize, states: &[Option<BallotState>]| {
        let mut ids = ballots;
        ids.sort();
        states[ids.iter().position(|id| *id == ballots[ballot]).unwrap()].clone().unwrap()
    };
    assert_eq!(state_of(0, &before), voided("one household", true), "voided after its replacement");
    assert_eq!(state_of(1, &before), BallotState::Recorded);
    assert_eq!(state_of(2, &before), voided("one household", false));
    let corruptions = [
        (0, BallotState::Replaced),
        (0, BallotState::Recorded),
        (1, BallotState::Replaced),
        (2, voided("another reason", false)),
        (2, voided("one household", true)),
        (3, voided("one household", false)),
    ];
    for (ballot, state) in corruptions {
        world.kill().await;
        write(&world, |_, append| append.marks = vec![(ballots[ballot], state.clone())]).await.unwrap();
        assert_ne!(states(&world).await, before);
        world.begin().await.unwrap();
        assert_eq!(states(&world).await, before, "{state:?}");
    }
    assert_eq!(world.stores.hub.repairs(), 6);
    // The log does not have this ballot, so this installation has never confirmed it.
    world.kill().await;
    write(&world, |_, append| append.ballots = vec![(BallotId([9; 16]), 3)]).await.unwrap();
    let Err(LoadError::Damaged { problem, .. }) = world.begin().await else {
        panic!("the sequencer started")
    };
    assert!(problem.contains("at index 3"), "{problem}");
}

#[tokio::test]
async fn keeps_requested_closing_after_kill() {
    let (mut world, _) = world().await;
    let closes = record(&world).await.state.closes;
    assert_eq!(closes.to_string(), CLOSES);
    // Ballots can still be on their way to the intake until the grace is over.
    world.clock.set(time("2021-03-10T12:00:00Z"));
    world.queue("close", Command::Close).await;
    until_record(&mut world, |record| record.state.closes != closes).await;
    let requested = record(&world).await;
    assert_eq!(
        (requested.state.phase, requested.state.closes.to_string()),
        (Phase::Open, "2021-03-10T12:00:00Z".to_owned())
    );
    world.replace().await;
    assert_eq!(row(&record(&world).await), row(&requested), "the requested closing is kept");
    assert_eq!(world.stores.hub.repairs(), 0);
    // Nothing changes the closing instant meanwhile, and no other decision undoes it.
    let to = Amendment::Text("2021-03-20T00:00:00Z".to_owned());
    let later = Command::Amend { what: "closes".to_owned(), key: "closes".to_owned(), to, reason: reason() };
    assert!(matches!(world.decide("later", later).await, CommandOutcome::Refused { .. }));
    let statement = Command::State { kind: "remark".to_owned(), text: "soon".to_owned() };
    world.decide("state", statement).await;
    assert_eq!(record(&world).await.state.closes, requested.state.closes);
    world.clock.set(time("2021-03-10T12:01:00Z"));
    until_record(&mut world, |record| record.state.phase == Phase::Closed).await;
    let closed = record(&world).await;
    assert_eq!((closed.state.phase, closed.state.closes), (Phase::Closed, requested.state.closes));
    assert!(world.audit().await.clean);
    world.stop().await;
}

#[tokio::test]
async fn keeps_closing_queued_behind_another_command() {
    let (mut world, _) = world().await;
    world.kill().await;
    world.clock.set(time("2021-03-10T12:00:00Z"));
    let statement = Command::State { kind: "remark".to_owned(), text: "soon".to_owned() };
    world.queue("state", statement).await;
    world.queue("close", Command::Close).await;
    let requested = Instant::at_or_before(time("2021-03-10T11:59:00Z"));
    write(&world, |record, append| {
        let mut change = record.change(record.state.clone());
        change.state.closes = requested;
        append.contest = Some(change);
    })
    .await
    .unwrap();
    world.begin().await.unwrap();
    until_record(&mut world, |record| record.state.phase == Phase::Closed).await;
    assert_eq!((record(&world).await.state.closes, world.stores.hub.repairs()), (requested, 0));
    let state = RequestId::new("chair", "state");
    while world.stores.database.command_outcome(&world.contest, &state).await.unwrap().is_none() {
        world.until(|notice| matches!(notice, Notice::Decided(_))).await;
    }
    assert!(world.audit().await.clean);
    world.stop().await;
}

#[tokio::test]
async fn does_not_repair_log_that_grows_during_load() {
    let (mut world, _) = world().await;
    world.faults.plan(Step::Contest, [Fault::DoneButLate]);
    let stop = watch::Sender::new(false);
    let ballot = world.ballot("yaa", "p1");
    {
        let other_sequencer = std::pin::pin!(world.another(stop.subscribe()));
        let recording = async {
            world.faults.wait_for_late_answer().await;
            let session = record(&world).await.session();
            let submission = Submission { item: ballot.clone(), slots: Vec::new() };
            world.stores.intake.submit(&session, &[submission]).await.unwrap();
            while world.stores.database.ballot(&world.contest, ballot.ballot).await.unwrap().is_none() {
                tokio::task::yield_now().await;
            }
            world.faults.release();
        };
        let (started, ()) = tokio::join!(other_sequencer, recording);
        drop(started.unwrap());
    }
    assert_eq!(world.stores.hub.repairs(), 0);
    world.replace().await;
    assert!(world.audit().await.clean);
    world.stop().await;
}
