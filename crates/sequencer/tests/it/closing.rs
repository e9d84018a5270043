//! What arrives in time is recorded, what arrives late never.

use acclaim_store::{
    command::{Command, QueuedCommand, Reason},
    hub::{BallotOutcome, Notice, Rejection},
    intake::{Offer, Submitted},
};

use crate::support::{World, time};

#[tokio::test]
async fn the_last_millisecond_is_recorded_before_closed_and_one_later_is_refused() {
    let mut world = World::open().await;
    world.intake.stall();
    world.clock.set(time("2021-03-31T21:59:59.999Z"));
    let in_time = world.ballot("ama", "p1");
    world.clock.set(time("2021-03-31T22:00:00Z"));
    let late = world.ballot("li", "p2");
    world.submit(vec![in_time.clone(), late.clone()]).await;

    // The grace is over, the intake still stalls: nothing is closed over its head.
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
    let offer = Offer { item: late, slots: Vec::new() };
    let after = world.stores.intake.submit(&session, &[offer]).await.unwrap();
    assert!(matches!(after[..], [Submitted::Sealed | Submitted::Rebuilding]), "{after:?}");
    assert!(world.audit().await.clean);
    world.stop().await;
}

#[tokio::test]
async fn a_late_ballot_is_rejected_also_when_the_api_let_it_through() {
    let mut world = World::open().await;
    world.clock.set(time("2021-03-31T22:00:00.001Z"));
    let late = world.ballot("li", "p2");
    world.submit(vec![late.clone()]).await;
    assert_eq!(world.outcome(late.ballot).await, BallotOutcome::Rejected(Rejection::OutsideWindow));
    world.stop().await;
}

#[tokio::test]
async fn what_was_promised_and_is_rejected_can_be_asked_for() {
    let mut world = World::open().await;
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
    let mut world = World::open().await;
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
    for (number, piece) in ballots.chunks(50).enumerate() {
        world.submit(piece.to_vec()).await;
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
    let mut decided = 0;
    let mut outcomes = Vec::new();
    world
        .until(|notice| {
            if let Notice::Decided(step) = notice {
                decided += step.ballots.len();
                outcomes.extend(step.commands.iter().map(|(request, _)| request.key.clone()));
            }
            decided == 399 && outcomes.len() == commands.len()
        })
        .await;
    let report = world.audit().await;
    assert!(report.clean, "{:?}", report.findings);
    assert_eq!((report.ballots.recorded, report.ballots.voided), (400, 1));
    assert_eq!(world.faults.left(), 0);
    world.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_ahead_closes_nothing_too_early() {
    let mut world = World::open().await;
    world.intake.set_skew(jiff::SignedDuration::from_mins(-2));
    world.clock.set(time("2021-03-31T22:01:00Z"));
    let ballot = world.ballot("late by this clock", "p1");
    world.submit(vec![ballot.clone()]).await;
    // Decided after the sealing time of this clock, so before any seal.
    assert_eq!(world.outcome(ballot.ballot).await, BallotOutcome::Rejected(Rejection::OutsideWindow));
    assert!(!world.lines().await.iter().any(|line| line.contains("\"closed\"")));
    world.intake.set_skew(jiff::SignedDuration::ZERO);
    world.until(|notice| matches!(notice, Notice::ContestChanged(_))).await;
    assert!(world.lines().await.iter().any(|line| line.contains("\"closed\"")));
    world.stop().await;
}
