//! Stored texts with characters that are refused since a later version.

use acclaim_contest::{Amendment, Phase};
use acclaim_store::{
    CommandOutcome,
    command::{Command, Reason},
    hub::Notice,
};
use jiff::SignedDuration;

use crate::{
    rounds::{phase, run_command, run_command_in, settle},
    support::{TestContest, time},
};

const OPENS: &str = "2021-05-01T00:00:00Z";

fn amend(what: &str, key: &str, to: &str) -> Command {
    let reason = Reason { reason: "asked for".to_owned(), note: None };
    Command::Amend { what: what.to_owned(), key: key.to_owned(), to: Amendment::Text(to.to_owned()), reason }
}

#[tokio::test]
async fn a_draft_with_a_refused_text_does_not_open() {
    let mut world = TestContest::open().await;
    let mut draft = world.definition("draft", OPENS);
    draft.entries[0].title = "O\u{202e}ne".to_owned();
    world.draft(&draft).await;
    let CommandOutcome::Refused { code, detail, .. } =
        run_command_in(&mut world, &draft.id, "open", Command::Open).await
    else {
        panic!("the draft opened")
    };
    assert_eq!(code, "invalid-definition");
    // The mistake names no line, because the organiser has no file with the stored definition.
    assert!(
        detail.starts_with("entry[0].title: must not contain U+202E (right-to-left override) at character 2"),
        "{detail}"
    );

    // The draft does not open at its instant either.
    world.clock.set(time(OPENS));
    for _ in 0..3 {
        settle().await;
        assert_eq!(phase(&world, &draft).await, Phase::Draft);
        world.clock.advance(SignedDuration::from_secs(1));
    }
    draft.entries[0].title = "One".to_owned();
    world.stores.database.edit_draft(&draft, 1).await.unwrap();
    world.stores.hub.send(Notice::ContestChanged(draft.id.clone()));
    let id = draft.id.clone();
    world.until(|notice| matches!(notice, Notice::Decided(decided) if decided.contest == id)).await;
    assert_eq!(phase(&world, &draft).await, Phase::Open);
    world.stop().await;
}

#[tokio::test]
async fn records_and_audits_log_with_refused_text() {
    let mut world = TestContest::open().await;
    // An older program accepted this text. The check applies to incoming texts, not to the log.
    let outcome = run_command(&mut world, "title", amend("entry:p1", "title", "O\u{202e}ne")).await;
    assert!(matches!(outcome, CommandOutcome::Recorded { .. }), "{outcome:?}");
    let ballot = world.ballot("ama", "p1");
    world.submit(vec![ballot.clone()]).await;
    world.outcome(ballot.ballot).await;
    world.restart().await.unwrap();
    let outcome = run_command(&mut world, "closes", amend("closes", "closes", "2021-04-02T00:00:00Z")).await;
    assert!(
        matches!(outcome, CommandOutcome::Recorded { .. }),
        "the old text does not block another amendment: {outcome:?}"
    );
    let report = world.audit().await;
    assert!(report.clean && report.ballots.recorded == 1, "{:?}", report.findings);
    world.stop().await;
}
