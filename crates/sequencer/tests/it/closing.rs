//! Ballots that arrive in time are recorded, and late ballots never.

use acclaim_contest::Phase;
use acclaim_store::{
    CommandOutcome,
    command::{Command, QueuedCommand, Reason},
    hub::{BallotOutcome, Notice, Recording, Rejection},
    intake::{Submission, SubmitOutcome},
};
use acclaim_test_support::{Fault, Step};
use jiff::SignedDuration;

use crate::support::{TestContest, time};

#[tokio::test]
async fn records_last_millisecond_before_closing() {
    let mut world = TestContest::open().await;
    world.intake.stall();
    world.clock.set(time("2021-03-31T21:59:59.999Z"));
    let in_time = world.ballot("ama", "p1");
    world.clock.set(time("2021-03-31T22:00:00Z"));
    let late = world.ballot("li", "p2");
    world.submit(vec![in_time.clone(), late.clone()]).await;

    // The grace is over, but the intake still does not respond. The contest stays open.
    world.clock.set(time("2021-03-31T22:01:00Z"));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!world.lines().await.iter().any(|line| line.contains("\"closed\"")));

    world.intake.resume();
    assert!(matches!(world.outcome(in_time.ballot).await, BallotOutcome::Recorded { .. }));
    world.until(|notice| matches!(notice, Notice::ContestChanged(_))).await;
    let lines = world.lines().await;
    let position = |text: &str| lines.iter().position(|line| line.contains(text));
    assert!(position(&in_time.ballot.to_string()) < position("\"type\":\"closed\""));
    assert!(position("\"type\":\"closed\",\"at\":\"2021-03-31T22:00:00Z\"").is_some());
    assert_eq!(position(&late.ballot.to_string()), None);
    let session = world.stores.database.contest(&world.contest).await.unwrap().unwrap().session();
    let submission = Submission { item: late, slots: Vec::new() };
    let late_outcomes = world.stores.intake.submit(&session, &[submission]).await.unwrap();
    assert!(
        matches!(late_outcomes[..], [SubmitOutcome::Sealed | SubmitOutcome::Rebuilding]),
        "{late_outcomes:?}"
    );
    assert!(world.audit().await.clean);
    world.stop().await;
}

#[tokio::test]
async fn rejects_late_ballot_that_the_api_accepted() {
    let mut world = TestContest::open().await;
    world.clock.set(time("2021-03-31T22:00:00.001Z"));
    let late = world.ballot("li", "p2");
    world.submit(vec![late.clone()]).await;
    assert_eq!(world.outcome(late.ballot).await, BallotOutcome::Rejected(Rejection::OutsideWindow));
    world.stop().await;
}

#[tokio::test]
async fn stores_rejection_of_promised_ballot() {
    let mut world = TestContest::open().await;
    let first = world.promised("ama", "p1", true);
    let promised = world.promised("ama", "p2", true);
    world.submit(vec![first.clone(), promised.clone()]).await;
    let expected = Rejection::AlreadyVoted(vec!["a".to_owned()]);
    assert_eq!(world.outcome(promised.ballot).await, BallotOutcome::Rejected(expected.clone()));
    let database = &world.stores.database;
    assert_eq!(database.rejection(&world.contest, promised.ballot).await.unwrap(), Some(expected));
    assert_eq!(database.rejection(&world.contest, first.ballot).await.unwrap(), None);
    let turnout = database.turnout(&world.contest).await.unwrap();
    assert_eq!(turnout.iter().map(|row| row.ballots).sum::<u64>(), 1);
    world.stop().await;
}

#[tokio::test]
async fn rulings_racing_with_ballots_leave_a_clean_log() {
    let mut world = TestContest::open().await;
    let first = world.ballot("voter-0", "p1");
    world.submit(vec![first.clone()]).await;
    assert!(matches!(world.outcome(first.ballot).await, BallotOutcome::Recorded { .. }));
    let reason = || Reason { reason: "scripted".to_owned(), note: None };
    let ballots: Vec<_> =
        (1..400).map(|n| world.ballot(&format!("voter-{n}"), if n % 2 == 0 { "p1" } else { "p2" })).collect();
    let commands = [
        Command::Void { ballots: vec![first.ballot], reason: reason() },
        Command::Withdraw { entry: "p2".parse().unwrap(), reason: reason() },
        Command::ReinstateBallots { ballots: vec![first.ballot], reason: reason() },
        Command::Void { ballots: vec![first.ballot], reason: reason() },
    ];
    for (number, chunk) in ballots.chunks(50).enumerate() {
        world.submit(chunk.to_vec()).await;
        if let Some(command) = commands.get(number) {
            let command = QueuedCommand {
                key: format!("key-{number}"),
                by: "jury-office".to_owned(),
                command: command.clone(),
                received: acclaim_store::Clock::now(&*world.clock),
            };
            world.stores.database.queue_command(&world.contest, &command).await.unwrap();
            world.stores.hub.send(Notice::CommandQueued(world.contest.clone()));
        }
    }
    let mut decided_ballots = 0;
    let mut outcomes = Vec::new();
    world
        .until(|notice| {
            if let Notice::Decided(step) = notice {
                decided_ballots += step.ballots.len();
                outcomes.extend(step.commands.iter().map(|(request, _)| request.key.clone()));
            }
            decided_ballots == 399 && outcomes.len() == commands.len()
        })
        .await;
    let report = world.audit().await;
    assert!(report.clean, "{:?}", report.findings);
    assert_eq!((report.ballots.recorded, report.ballots.voided), (400, 1));
    assert_eq!(world.faults.remaining(), 0);
    world.stop().await;
}

#[tokio::test]
async fn dates_command_not_before_it_was_given() {
    let mut world = TestContest::open().await;
    world.faults.plan(Step::Revision, [Fault::DoneButLate]);
    world.stores.hub.send(Notice::ContestChanged(world.contest.clone()));
    world.faults.wait_for_late_answer().await;
    world.clock.set(time("2021-03-10T12:00:00Z"));
    world.queue("close", Command::Close).await;
    world.faults.release();
    let closes = loop {
        let record = world.stores.database.contest(&world.contest).await.unwrap().unwrap();
        if record.state.closes.timestamp() < time("2021-03-31T22:00:00Z") {
            break record.state.closes;
        }
        world.until(|notice| matches!(notice, Notice::ContestChanged(_))).await;
    };
    assert_eq!(closes.to_string(), "2021-03-10T12:00:00Z");
    world.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_ahead_closes_nothing_too_early() {
    let mut world = TestContest::open().await;
    world.intake.set_skew(jiff::SignedDuration::from_mins(-2));
    world.clock.set(time("2021-03-31T22:01:00Z"));
    let ballot = world.ballot("late by this clock", "p1");
    world.submit(vec![ballot.clone()]).await;
    // The rejection comes after this clock's sealing time. So the intake was not sealed at that
    // time.
    assert_eq!(world.outcome(ballot.ballot).await, BallotOutcome::Rejected(Rejection::OutsideWindow));
    assert!(!world.lines().await.iter().any(|line| line.contains("\"closed\"")));
    world.intake.set_skew(jiff::SignedDuration::ZERO);
    world.until(|notice| matches!(notice, Notice::ContestChanged(_))).await;
    assert!(world.lines().await.iter().any(|line| line.contains("\"closed\"")));
    world.stop().await;
}

/// The reason why recording fails; `None` if it does not.
fn failure(world: &TestContest) -> Option<String> {
    world.stores.hub.recording().into_iter().find_map(|(_, state)| match state {
        Recording::Failing(why) => Some(why),
        _ => None,
    })
}

/// Lets the contest's task finish its pending work.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn does_not_close_by_clock_jump() {
    let mut world = TestContest::open().await;
    let jump = SignedDuration::from_hours(24 * 60);
    world.clock.jump_by(jump);
    while failure(&world).is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.phase().await, Phase::Open);
    assert!(
        failure(&world)
            .is_some_and(|why| why.contains("5184000 s") && why.contains("start the process again"))
    );
    // The clock is checked repeatedly, and the contest stays open.
    world.clock.advance(SignedDuration::from_secs(5));
    settle().await;
    assert_eq!(world.phase().await, Phase::Open);

    world.clock.jump_by(-jump);
    let ballot = world.ballot("ama", "p1");
    world.submit(vec![ballot.clone()]).await;
    assert!(matches!(world.outcome(ballot.ballot).await, BallotOutcome::Recorded { .. }));
    while failure(&world).is_some() {
        tokio::task::yield_now().await;
    }
    // A jump that was measured before the closing instant delays nothing.
    world.clock.jump_by(SignedDuration::from_hours(1));
    settle().await;
    let second = world.ballot("li", "p1");
    world.submit(vec![second.clone()]).await;
    assert!(matches!(world.outcome(second.ballot).await, BallotOutcome::Recorded { .. }));
    world.clock.set(time("2021-03-31T22:01:00Z"));
    while world.phase().await != Phase::Closed {
        tokio::task::yield_now().await;
    }
    assert!(world.audit().await.clean);
    world.stop().await;
}

#[tokio::test]
async fn closes_on_command_despite_clock_jump() {
    let mut world = TestContest::open().await;
    world.clock.jump_by(SignedDuration::from_hours(24 * 60));
    while failure(&world).is_none() {
        tokio::task::yield_now().await;
    }
    let outcome = world.decide("close", Command::Close).await;
    assert!(matches!(outcome, CommandOutcome::Recorded { .. }), "{outcome:?}");
    assert_eq!((world.phase().await, failure(&world)), (Phase::Closed, None));
    world.stop().await;
}
