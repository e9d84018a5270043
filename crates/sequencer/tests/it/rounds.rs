//! A contest whose entries come from another contest opens only while that contest's certification
//! is unchanged.

use acclaim_contest::{ContestId, Definition, Phase, PreviousRound, Rounds};
use acclaim_store::{
    CommandOutcome,
    certification::certification,
    command::{Command, QueuedCommand, Reason},
    hub::Notice,
};
use jiff::SignedDuration;
use serde_json::Value;

use crate::support::{TestContest, time};

/// An instant after the first contest.
const OPENS: &str = "2021-05-01T00:00:00Z";

pub(crate) async fn run_command(world: &mut TestContest, key: &str, command: Command) -> CommandOutcome {
    let contest = world.contest.clone();
    run_command_in(world, &contest, key, command).await
}

/// Runs a command in a contest and returns its outcome.
pub(crate) async fn run_command_in(
    world: &mut TestContest,
    contest: &ContestId,
    key: &str,
    command: Command,
) -> CommandOutcome {
    let received = world.stores.clock.now();
    let queued = QueuedCommand { key: key.to_owned(), by: "chair".to_owned(), command, received };
    world.stores.database.queue_command(contest, &queued).await.unwrap();
    world.stores.hub.send(Notice::CommandQueued(contest.clone()));
    let mut found = None;
    world
        .until(|notice| match notice {
            Notice::Decided(decided) => {
                found =
                    decided.commands.iter().find(|(decided, _)| decided.key == key).map(|(_, o)| o.clone());
                found.is_some()
            }
            _ => false,
        })
        .await;
    found.unwrap()
}

/// Certifies the result of the first contest, which closes at its instant.
async fn certify(world: &mut TestContest, key: &str) -> PreviousRound {
    let contest = world.contest.clone();
    let command = world.certify_request().await;
    let Command::Certify { size, result, .. } = command.clone() else { panic!("{command:?}") };
    let outcome = world.decide(key, command).await;
    assert!(matches!(outcome, CommandOutcome::Recorded { .. }), "{outcome:?}");
    let found = certification(&*world.stores.database, &contest).await.unwrap().unwrap();
    assert_eq!((found.size, &found.result), (size + 1, &result));
    PreviousRound {
        origin: "test/photos".to_owned(),
        size: found.size,
        root: found.root,
        result: found.result,
    }
}

pub(crate) async fn phase(world: &TestContest, next: &Definition) -> Phase {
    world.stores.database.contest(&next.id).await.unwrap().unwrap().state.phase
}

/// Lets all pending tasks run.
pub(crate) async fn settle() {
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn opens_only_while_source_contest_is_certified() {
    let mut world = TestContest::open().await;
    world.clock.set(time("2021-03-31T22:01:00Z"));
    let previous = certify(&mut world, "certify").await;
    let mut next = world.definition("next", OPENS);
    next.rounds = Some(Rounds { from: world.contest.clone(), previous: Some(previous) });
    world.draft(&next).await;
    let reason = Reason { reason: "an objection".to_owned(), note: None };
    world.decide("reopen", Command::Reopen(reason)).await;
    assert_eq!(certification(&*world.stores.database, &world.contest).await.unwrap(), None);

    // The contest stays a draft at its instant and later, even after a new certification.
    world.clock.set(time(OPENS));
    for _ in 0..5 {
        settle().await;
        assert_eq!(phase(&world, &next).await, Phase::Draft);
        world.clock.advance(SignedDuration::from_secs(1));
    }
    let again = certify(&mut world, "again").await;
    for _ in 0..5 {
        world.clock.advance(SignedDuration::from_secs(1));
        settle().await;
        assert_eq!(phase(&world, &next).await, Phase::Draft);
    }

    // With the current certification it opens at once, dated at its opening instant.
    next.rounds = Some(Rounds { from: world.contest.clone(), previous: Some(again.clone()) });
    world.stores.database.edit_draft(&next, 1).await.unwrap();
    world.stores.hub.send(Notice::ContestChanged(next.id.clone()));
    let id = next.id.clone();
    world.until(|notice| matches!(notice, Notice::Decided(decided) if decided.contest == id)).await;
    let entries = world.stores.database.entries(&next.id, 0, 10).await.unwrap();
    let header: Value = serde_json::from_slice(&entries[0]).unwrap();
    assert_eq!(header["previous"], serde_json::to_value(&again).unwrap());
    let opened: Value = serde_json::from_slice(entries.last().unwrap()).unwrap();
    assert_eq!((&opened["type"], &opened["at"]), (&"opened".into(), &OPENS.into()));
    world.stop().await;
}
