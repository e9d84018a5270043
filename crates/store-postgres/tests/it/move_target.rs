//! An installation that is moved from the embedded database to this one reads the same.

use std::{fmt::Debug, sync::Arc};

use acclaim_contest::{BallotId, BallotState, ContestId, Instant, VoterTag};
use acclaim_store::{
    Command, CommandOutcome, Commands as _, Contests as _, Database, Keys as _, Ledger as _,
    PassRevocations as _, RequestId, StoreError,
    command::{QueueOutcome, QueuedCommand},
    contests::{PassCountOutcome, PassCountRequest},
    hub::Rejection,
    keys::{KeyRevocationOutcome, KeyRevocationRequest},
    ledger::Turnout,
    pass_revocations::{PassRevocation, PassRevocationMode, PassRevocationOutcome},
    relocation::{MoveMark, Part},
};
use acclaim_store_postgres::{MoveTargetState, PostgresDatabase};
use acclaim_store_sqlite::{DataDirectory, SqliteDatabase};
use acclaim_test_support::conformance;
use tokio::sync::{mpsc, oneshot};

use crate::{append, ballot_at, database, database_by, end_of, server};

/// More ballots than fit into one part.
const BALLOTS: u64 = 9_000;

fn command(key: &str) -> QueuedCommand {
    QueuedCommand {
        key: key.to_owned(),
        by: "chair".to_owned(),
        command: Command::State { kind: "note".to_owned(), text: "a\u{0}b".to_owned() },
        received: "2021-03-01T00:00:00Z".parse().unwrap(),
    }
}

fn revocation(by: &str) -> PassRevocation {
    PassRevocation {
        id: RequestId::new(by, "revoke"),
        request: [5; 32],
        mode: PassRevocationMode::Replace,
        reason: "the link was forwarded".to_owned(),
        at: Instant::from_seconds(7).unwrap(),
    }
}

/// Writes the contents of the conformance suite, and a log of many ballots with every state.
async fn fill_source(source: &SqliteDatabase) -> ContestId {
    conformance::check_database(source).await.unwrap();
    let id = conformance::definition("many").id;
    source.create_draft(&conformance::definition("many"), b"wrapped").await.unwrap();
    for key in ["second", "first", "waiting"] {
        source.queue_command(&id, &command(key)).await.unwrap();
    }
    source
        .count_passes(
            &id,
            b"wrapped",
            PassCountRequest::for_unnamed_voters("pass", &RequestId::new("chair", "mint"), [3; 32], 7),
        )
        .await
        .unwrap();
    source.revoke_passes(&id, b"wrapped", &revocation("chair"), &[VoterTag([7; 16])]).await.unwrap();
    let mut many = append(None, BALLOTS, 1);
    let outcome = |index| CommandOutcome::Recorded { index, entries: 1, size: 9, root: "r".to_owned() };
    many.commands = vec![(command("second").id(), outcome(1)), (command("first").id(), outcome(2))];
    many.marks = (0..BALLOTS).step_by(7).map(|index| (ballot_at(index), BallotState::Replaced)).collect();
    let reason = "twice\u{0}, \"so\"".to_owned();
    many.marks.push((ballot_at(1), BallotState::Voided { reason, replaced: false }));
    many.rejected = vec![(BallotId([9; 16]), Rejection::AlreadyVoted(vec!["a".to_owned()]))];
    let row = |group: Option<&str>| Turnout {
        minute: -3,
        channel: None,
        group: group.map(str::to_owned),
        ballots: 4,
    };
    many.turnout = vec![row(None), row(Some("africa"))];
    source.append(&id, many).await.unwrap();
    let revoked = source.revoke_staff_key_once(&key_revocation(source).await).await.unwrap();
    assert!(matches!(revoked, KeyRevocationOutcome::Done(_)), "{revoked:?}");
    id
}

/// A request to revoke a staff key. Each call returns the same request.
async fn key_revocation(source: &SqliteDatabase) -> KeyRevocationRequest {
    let name = source.staff_keys().await.unwrap().remove(0).name;
    let at = Instant::from_seconds(7).unwrap();
    KeyRevocationRequest { id: RequestId::new("chair", "revoke"), name, within: None, at }
}

/// Moves the installation, and commits.
async fn move_to_target(source: &Arc<SqliteDatabase>, destination: &PostgresDatabase, id: &str) {
    let mut move_target = destination.move_target().await.unwrap();
    assert_eq!(*move_target.state(), MoveTargetState::Empty);
    let (sender, mut parts) = mpsc::channel(1);
    let (mark_sender, mark_receiver) = oneshot::channel();
    let moving = tokio::spawn({
        let source = Arc::clone(source);
        async move { source.move_out(sender, mark_receiver).await }
    });
    while let Some(part) = parts.recv().await {
        if matches!(part, Part::End) {
            break;
        }
        move_target.take(part).await.unwrap();
    }
    mark_sender.send(MoveMark { id: id.to_owned(), to: "there".to_owned(), complete: false }).unwrap();
    moving.await.unwrap().unwrap();
    move_target.commit(id).await.unwrap();
}

fn assert_same<T: Debug>(here: T, there: T) {
    assert_eq!(format!("{here:?}"), format!("{there:?}"));
}

async fn assert_reads_same(here: &dyn Database, there: &dyn Database) {
    assert_same(here.contests().await.unwrap(), there.contests().await.unwrap());
    assert_same(here.staff_keys().await.unwrap(), there.staff_keys().await.unwrap());
    let (mut ours, mut theirs) =
        (here.revoked_voters(0).await.unwrap(), there.revoked_voters(0).await.unwrap());
    assert!(!ours.is_empty());
    for voters in [&mut ours, &mut theirs] {
        voters.sort_by_key(|revoked| (revoked.generation, revoked.voter.0));
    }
    assert_same(ours, theirs);
    for record in here.contests().await.unwrap() {
        let id = record.id();
        let head = here.head(id).await.unwrap();
        assert_same(&head, &there.head(id).await.unwrap());
        assert_same(here.passes(id).await.unwrap(), there.passes(id).await.unwrap());
        assert_same(here.count_revoked(id).await.unwrap(), there.count_revoked(id).await.unwrap());
        assert_same(here.subject_rules(id).await.unwrap(), there.subject_rules(id).await.unwrap());
        assert_same(here.turnout(id).await.unwrap(), there.turnout(id).await.unwrap());
        assert_same(
            here.pending_commands(id, 100).await.unwrap(),
            there.pending_commands(id, 100).await.unwrap(),
        );
        let mut at = 0;
        while at < head.as_ref().map_or(0, |head| head.size) {
            let entries = here.entries(id, at, 1_000).await.unwrap();
            assert_same(&entries, &there.entries(id, at, 1_000).await.unwrap());
            at += entries.len() as u64;
        }
        for first in 0..=255 {
            // The ids of the tests begin with some of these prefixes.
            let prefix = [first; 4];
            let (ours, theirs) = (
                here.ballots_with_prefix(id, prefix, u64::MAX, usize::MAX),
                there.ballots_with_prefix(id, prefix, u64::MAX, usize::MAX),
            );
            assert_same(ours.await.unwrap(), theirs.await.unwrap());
        }
    }
}

#[expect(clippy::too_many_lines, reason = "compares each kind of stored data")]
#[tokio::test(flavor = "multi_thread")]
async fn moved_installation_reads_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let directory = DataDirectory::lock(folder.path()).unwrap();
    let source = Arc::new(directory.database_to_move().unwrap());
    let id = fill_source(&source).await;
    let values = source.installation_values().await.unwrap();
    let destination = database().await;
    move_to_target(&source, &destination, "by-this").await;
    assert_reads_same(&*source, &destination).await;
    let mut arrived = destination.installation_values().await.unwrap();
    arrived.retain(|(name, _)| name != "moved-from");
    assert_eq!(arrived, values);
    let again = key_revocation(&source).await;
    let [here, there] =
        [source.revoke_staff_key_once(&again).await, destination.revoke_staff_key_once(&again).await];
    assert_same(here.ok(), there.ok());

    for index in 0..BALLOTS {
        let (here, there) = (source.ballot(&id, ballot_at(index)), destination.ballot(&id, ballot_at(index)));
        assert_same(here.await.unwrap(), there.await.unwrap());
    }
    let rejected = BallotId([9; 16]);
    assert_same(
        source.rejection(&id, rejected).await.unwrap(),
        destination.rejection(&id, rejected).await.unwrap(),
    );
    // Earlier requests are recognised: commands by key, staff key and content, and requests for
    // passes by id and content. Deleted ids stay retired.
    assert!(matches!(
        destination.queue_command(&id, &command("first")).await.unwrap(),
        QueueOutcome::Known(Some(_))
    ));
    assert!(matches!(
        destination.queue_command(&id, &command("waiting")).await.unwrap(),
        QueueOutcome::Known(None)
    ));
    assert_eq!(
        destination
            .count_passes(
                &id,
                b"wrapped",
                PassCountRequest::for_unnamed_voters("pass", &RequestId::new("chair", "mint"), [3; 32], 7)
            )
            .await
            .unwrap(),
        conformance::expected_repeated_count()
    );
    assert_eq!(
        destination
            .count_passes(
                &id,
                b"wrapped",
                PassCountRequest::for_unnamed_voters("pass", &RequestId::new("chair", "mint"), [4; 32], 7)
            )
            .await
            .unwrap(),
        PassCountOutcome::IdempotencyKeyUsed
    );
    let voters = [VoterTag([7; 16])];
    let newest = destination.revoked_voters(0).await.unwrap().last().unwrap().generation;
    let known = destination.revoke_passes(&id, b"wrapped", &revocation("chair"), &voters).await.unwrap();
    assert!(
        matches!(known, PassRevocationOutcome::Done { generation, .. } if generation <= newest),
        "{known:?}"
    );
    let new = destination.revoke_passes(&id, b"wrapped", &revocation("deputy"), &voters).await.unwrap();
    assert!(matches!(new, PassRevocationOutcome::Done { generation, .. } if generation > newest), "{new:?}");
    let retired = destination.create_draft(&conformance::definition("never-used"), b"w").await;
    assert!(matches!(retired, Err(StoreError::Conflict(_))), "{retired:?}");
    // The log continues.
    let head = destination.head(&id).await.unwrap().unwrap();
    destination.append(&id, append(end_of(&head), 3, 2)).await.unwrap();
    assert_eq!(destination.head(&id).await.unwrap().map(|head| head.size), Some(BALLOTS + 3));

    let mark = MoveMark { id: "by-this".to_owned(), to: "there".to_owned(), complete: false };
    assert_eq!(source.move_mark().await.unwrap(), Some(mark));
    assert_eq!(
        *destination.move_target().await.unwrap().state(),
        MoveTargetState::MovedHere("by-this".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_start_finds_moved_installation() {
    let folder = tempfile::tempdir().unwrap();
    let directory = DataDirectory::lock(folder.path()).unwrap();
    let source = Arc::new(directory.database_to_move().unwrap());
    source.add_installation_value("name", b"ours").await.unwrap();
    let server = server().await;
    let (destination, name) = database_by(&server, server.port()).await;
    let destination = Arc::new(destination);
    let mut move_target = destination.move_target().await.unwrap();
    let starting = tokio::spawn({
        let destination = Arc::clone(&destination);
        async move { destination.add_installation_value("name", b"theirs").await }
    });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while server.number(&name, waiting).await == 0 {
        assert!(!starting.is_finished(), "the start must wait for the move");
    }
    move_target.take(Part::Values(source.installation_values().await.unwrap())).await.unwrap();
    move_target.commit("by-this").await.unwrap();
    let started = starting.await.unwrap();
    assert!(matches!(started, Err(StoreError::Conflict(_))), "{started:?}");
    let values = destination.installation_values().await.unwrap();
    assert!(values.contains(&("name".to_owned(), b"ours".to_vec())), "{values:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_move_leaves_nothing() {
    let destination = database().await;
    let mut move_target = destination.move_target().await.unwrap();
    move_target.take(Part::Values(vec![("name".to_owned(), b"ours".to_vec())])).await.unwrap();
    drop(move_target);
    assert_eq!(*destination.move_target().await.unwrap().state(), MoveTargetState::Empty);
    destination.create_draft(&conformance::definition("other"), b"w").await.unwrap();
    match destination.move_target().await.unwrap().state() {
        MoveTargetState::Occupied(held) => assert_eq!(held, "contests (other): 1"),
        other => panic!("{other:?}"),
    }
}
