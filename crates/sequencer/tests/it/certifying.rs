//! Certification: when it is refused, and how a former result is published while it is corrected.

use acclaim_ballot_log::{Event, entry::opening_events};
use acclaim_contest::{
    Phase,
    definition::{Definition, Overrides},
    rules::{PublishEntries, WinnersBy},
};
use acclaim_store::{
    CommandOutcome,
    command::{Command, Reason, UndecidedCategory},
    contests::ContestState,
    intake::Cursors,
    ledger::{Append, Head},
};
use acclaim_tally::Replay;
use serde_json::{Value, json};

use crate::support::{Backends, TestContest, time};

/// A contest of two categories with these rules. It has just closed.
async fn closed_contest(rules: Value) -> TestContest {
    let entry = |id: &str| json!({"id": id, "category": id[..1], "title": id});
    let entries = ["a1", "a2", "b1", "b2"].map(entry);
    let mut definition = json!({
        "contest": {"id": "photos", "title": "T", "time_zone": "UTC", "opens": "2021-03-01T00:00:00Z", "closes": "2021-03-31T22:00:00Z"},
        "category": [{"id": "a", "title": "A"}, {"id": "b", "title": "B"}],
        "entry": entries,
    });
    definition.as_object_mut().unwrap().extend(rules.as_object().unwrap().clone());
    let definition = Definition::from_json(definition.to_string().as_bytes(), &Overrides::default()).unwrap();
    let mut world = TestContest::open_with(Backends::embedded(), &definition).await;
    world.clock.set(time("2021-03-31T22:01:00Z"));
    world.certify_request().await;
    world
}

fn reason() -> Reason {
    Reason { reason: "an objection".to_owned(), note: None }
}

#[track_caller]
fn assert_recorded(outcome: &CommandOutcome) {
    assert!(matches!(outcome, CommandOutcome::Recorded { .. }), "{outcome:?}");
}

#[track_caller]
fn undecided(outcome: CommandOutcome) -> Vec<UndecidedCategory> {
    match outcome {
        CommandOutcome::Refused { code, undecided, .. } if code == "undecided" => undecided,
        other => panic!("{other:?}"),
    }
}

fn choice(category: &str, winner: &str) -> Command {
    let (category, winners) = (category.parse().unwrap(), vec![winner.parse().unwrap()]);
    Command::Choose { category, winners, note: None }
}

#[tokio::test]
async fn certifies_undecided_winners_only_on_request() {
    let mut world = closed_contest(json!({"winners": {"count": 1, "from": "all", "by": "choice"}})).await;
    let request = world.certify_request().await;
    let categories = undecided(world.decide("all", request).await);
    let category_reasons: Vec<_> =
        categories.iter().map(|one| (one.category.as_str(), one.reason.as_str())).collect();
    assert_eq!(category_reasons, [("a", "no-choice"), ("b", "no-choice")]);
    assert_eq!(categories[0].text, "the panel has not chosen");
    assert_eq!(world.phase().await, Phase::Closed, "nothing was changed");

    // The chosen entry was withdrawn after the choice.
    assert_recorded(&world.decide("choose", choice("a", "a1")).await);
    let withdraw = Command::Withdraw { entry: "a1".parse().unwrap(), reason: reason() };
    assert_recorded(&world.decide("withdraw", withdraw).await);
    let request = world.certify_request().await;
    let categories = undecided(world.decide("some", request).await);
    assert_eq!(
        (categories[0].reason.as_str(), categories[0].entries[0].as_str()),
        ("chosen-not-eligible", "a1")
    );

    let request = world.certify_request().await;
    let Command::Certify { size, root, result, .. } = request.clone() else { panic!("{request:?}") };
    // A request for another state of the log gets `log-has-moved-on`, not the undecided categories
    // of this state.
    let (old, same) = (size - 1, (root.clone(), result.clone()));
    let stale = Command::Certify { size: old, root: same.0, result: same.1, undecided: false };
    let outcome = world.decide("stale", stale).await;
    assert!(
        matches!(&outcome, CommandOutcome::Refused { code, .. } if code == "log-has-moved-on"),
        "{outcome:?}"
    );
    assert_recorded(&world.decide("said", Command::Certify { size, root, result, undecided: true }).await);
    assert_eq!(world.phase().await, Phase::Certified);
    world.stop().await;
}

#[tokio::test]
async fn unfreezes_contest_without_draw() {
    let mut world = closed_contest(json!({"winners": {"count": 1, "from": "all", "by": "votes"}})).await;
    let assert_refused = |outcome: CommandOutcome, expected: &str| {
        assert!(matches!(&outcome, CommandOutcome::Refused { code, .. } if code == expected), "{outcome:?}");
    };
    assert_refused(world.decide("early", Command::Unfreeze(reason())).await, "not-unfrozen");
    assert_recorded(&world.decide("freeze", Command::Freeze).await);
    assert_eq!(world.phase().await, Phase::Frozen);
    let withdraw = || Command::Withdraw { entry: "a1".parse().unwrap(), reason: reason() };
    assert_refused(world.decide("frozen", withdraw()).await, "frozen");
    assert_recorded(&world.decide("unfreeze", Command::Unfreeze(reason())).await);
    assert_eq!(world.phase().await, Phase::Closed);
    assert_recorded(&world.decide("withdraw", withdraw()).await);
    assert_recorded(&world.decide("freeze-again", Command::Freeze).await);
    world.restart().await.unwrap();
    let request = world.certify_request().await;
    assert_recorded(&world.decide("certify", request).await);
    assert_refused(world.decide("late", Command::Unfreeze(reason())).await, "out-of-place");
    assert!(world.audit().await.clean);
    world.stop().await;
}

#[tokio::test]
async fn refuses_to_unfreeze_contest_with_draw() {
    let mut world = closed_contest(json!({
        "winners": {"count": 1, "from": "all", "by": "votes", "ties": "draw"},
        "draw": {"source": "a beacon"},
    }))
    .await;
    assert_recorded(&world.decide("freeze", Command::Freeze).await);
    let outcome = world.decide("unfreeze", Command::Unfreeze(reason())).await;
    let CommandOutcome::Refused { code, detail, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(code, "not-unfrozen");
    assert!(detail.contains("certify, then reopen"), "{detail}");
    assert_eq!(world.phase().await, Phase::Frozen);
    world.stop().await;
}

#[tokio::test]
async fn publishes_former_result_until_next_certification() {
    let mut world = closed_contest(json!({"winners": {"count": 1, "from": "all", "by": "votes"}})).await;
    let former = |world: &TestContest| world.stores.hub.latest(&world.contest).unwrap().former.clone();
    let request = world.certify_request().await;
    assert_recorded(&world.decide("certify", request).await);
    let certified = world.stores.hub.latest(&world.contest).unwrap().result.clone().unwrap();
    assert!(former(&world).is_none(), "it is the result itself");
    assert_recorded(&world.decide("reopen", Command::Reopen(reason())).await);
    assert_eq!(former(&world), Some(certified.clone()));
    let withdraw = Command::Withdraw { entry: "a1".parse().unwrap(), reason: reason() };
    assert_recorded(&world.decide("withdraw", withdraw).await);
    world.restart().await.unwrap();
    let request = world.certify_request().await;
    assert_eq!(former(&world), Some(certified), "after rulings and a restart too");
    assert_recorded(&world.decide("again", request).await);
    assert!(former(&world).is_none());
    world.stop().await;
}

/// Stores another contest with a log of version 1 that has just been opened. The test then works on
/// that contest.
async fn open_version_1_log(world: &mut TestContest) {
    let mut definition = world.definition("before", "2021-03-01T00:00:00Z");
    definition.rules.winners.by = WinnersBy::Choice;
    world.contest = definition.id.clone();
    world.store_draft(&definition).await;
    let mut replay = Replay::new("test/before");
    let mut entries = Vec::new();
    for mut event in opening_events(&definition) {
        if let Event::Contest(header) = &mut event {
            header.v = 1;
            header.rules.admission = None;
            header.rules.publication.entries = PublishEntries::AfterClose;
        }
        let line = event.encode(None).unwrap();
        replay.push(&line).unwrap();
        entries.push(line.into());
    }
    let record = world.stores.database.contest(&definition.id).await.unwrap().unwrap();
    let state = ContestState { phase: Phase::Open, epoch: 9, shards: 1, ..record.state.clone() };
    let (size, root) = (replay.size(), replay.root());
    let checkpoint = world.key().sign(size, root);
    let cursors = Cursors { epoch: 9, shards: Vec::new() };
    let append = Append {
        expected: None,
        head: Head { size, root, checkpoint, cursors },
        entries,
        ballots: Vec::new(),
        marks: Vec::new(),
        rejected: Vec::new(),
        turnout: Vec::new(),
        tiles: replay.changed_tiles(),
        contest: Some(record.change(state)),
        commands: Vec::new(),
    };
    world.stores.database.append(&definition.id, append).await.unwrap();
}

/// The detail is for organisers, so it names the program and not the log version.
#[track_caller]
fn assert_refused_for_older_program(outcome: CommandOutcome) {
    let CommandOutcome::Refused { code, detail, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(code, "later-version");
    assert!(detail.starts_with("this contest was opened by an older program"), "{detail}");
}

#[tokio::test]
async fn refuses_later_events_in_version_1_log() {
    let mut world = TestContest::open().await;
    world.kill().await;
    open_version_1_log(&mut world).await;
    world.begin().await.unwrap();
    let recuse = Command::Recusal {
        panel: "experts".parse().unwrap(),
        juror: "Ama".to_owned(),
        entry: "p1".parse().unwrap(),
        rejoins: false,
        reason: "a friend's".to_owned(),
    };
    for (key, command) in
        [("suspend", Command::Suspend(reason())), ("resume", Command::Resume(reason())), ("recuse", recuse)]
    {
        let outcome = world.decide(key, command).await;
        assert_refused_for_older_program(outcome);
    }
    assert_eq!(world.phase().await, Phase::Open);
    world.clock.set(time("2021-12-31T00:01:00Z"));
    world.certify_request().await;
    assert_recorded(&world.decide("freeze", Command::Freeze).await);
    assert_refused_for_older_program(world.decide("unfreeze", Command::Unfreeze(reason())).await);
    let request = world.certify_request().await;
    assert_eq!(undecided(world.decide("certify", request.clone()).await)[0].reason, "no-choice");
    let Command::Certify { size, root, result, .. } = request else { panic!("{request:?}") };
    assert_recorded(&world.decide("said", Command::Certify { size, root, result, undecided: true }).await);
    assert!(world.lines().await.iter().all(|line| !line.contains("salt")));
    assert!(world.audit().await.clean);
    world.stop().await;
}
