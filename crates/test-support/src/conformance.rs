//! What every intake and every ledger must do, whatever it is made of. Each function is one promise of the traits in `acclaim-store`.

mod intake;
mod pass_revocations;
mod subjects;

use std::collections::HashSet;

use acclaim_ballot_log::{Hash, TileId};
use acclaim_contest::{
    BallotId, BallotState, CategoryId, ContestId, PanelId, Phase,
    definition::{Definition, Overrides},
};
use acclaim_store::{
    Command, CommandOutcome, Database, PublishedCheckpoints, RequestId, StoreError,
    command::{CommandFilter, QueueOutcome, QueuedCommand},
    contests::{ContestChange, ContestState, MintParameters, PassCountOutcome, PassCountRequest},
    hub::Rejection,
    intake::{Cursor, Cursors},
    keys::{KeyRevocationOutcome, KeyRevocationRequest, Role, StaffKey},
    ledger::{Append, Head, StoredBallot, Turnout},
};
use bytes::Bytes;
pub use intake::check_intake;
use jiff::Timestamp;

/// A small definition of this id.
///
/// # Panics
/// Never: the definition is sound.
#[must_use]
#[expect(clippy::panic, reason = "a test's own definition")]
pub fn definition(id: &str) -> Definition {
    let json = format!(
        r#"{{"contest":{{"id":"{id}","title":"T","time_zone":"UTC","opens":"2021-03-01T00:00:00Z","closes":"2021-04-01T00:00:00Z"}},
            "winners":{{"count":1,"from":"all","by":"votes"}},
            "category":[{{"id":"a","title":"A"}}],"entry":[{{"id":"p1","category":"a","title":"One"}}]}}"#
    );
    match Definition::from_json(json.as_bytes(), &Overrides::default()) {
        Ok(definition) => definition,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

/// Cosigned checkpoints only grow, and one of the same size with more cosignatures takes its place; the keeper forgets them with the contest.
///
/// # Errors
/// When the keeper fails.
///
/// # Panics
/// When it breaks the promise.
pub async fn check_cosigned(shown: &dyn PublishedCheckpoints, contest: &ContestId) -> Result<(), StoreError> {
    let note = |size: u64, lines: &str| format!("origin\n{size}\nroot\n\n{lines}");
    assert_eq!(shown.cosigned(contest).await?, None);
    let highest = shown.highest(contest).await?;
    for (kept, expected) in [
        (note(9, "one\n"), note(9, "one\n")),
        (note(10, "one\n"), note(10, "one\n")),
        (note(10, "one\ntwo\n"), note(10, "one\ntwo\n")),
        (note(9, "one\ntwo\n"), note(10, "one\ntwo\n")),
    ] {
        shown.save_cosigned(contest, &kept).await?;
        assert_eq!(shown.cosigned(contest).await?, Some(expected));
    }
    assert_eq!(shown.highest(contest).await?, highest, "they are kept apart");
    assert!(shown.save_cosigned(contest, "nonsense").await.is_err());
    shown.forget(contest).await?;
    assert_eq!(shown.cosigned(contest).await?, None);
    Ok(())
}

/// An append of `entries` onto a log of `from` entries.
fn append(from: Option<(u64, Hash)>, entries: &[&str], root: u8) -> Append {
    let size = from.map_or(0, |head| head.0) + entries.len() as u64;
    Append {
        expected: from,
        head: Head {
            size,
            root: Hash([root; 32]),
            checkpoint: format!("note {size}"),
            cursors: Cursors { epoch: u64::MAX, shards: vec![Cursor { position: size, digest: [root; 20] }] },
        },
        entries: entries.iter().map(|entry| Bytes::from((*entry).to_owned())).collect(),
        ballots: Vec::new(),
        marks: Vec::new(),
        rejected: Vec::new(),
        turnout: Vec::new(),
        tiles: vec![(TileId { level: 0, number: 0 }, vec![root; 32])],
        contest: None,
        commands: Vec::new(),
    }
}

/// Everything that a database promises.
///
/// # Errors
/// Whatever the database fails with; broken promises panic.
pub async fn check_database(database: &dyn Database) -> Result<(), StoreError> {
    drafts(database).await?;
    log(database).await?;
    everything_at_once(database).await?;
    tag_keys(database).await?;
    commands(database).await?;
    passes(database).await?;
    subjects::subjects(database).await?;
    pass_revocations::pass_revocations(database).await?;
    keys(database).await
}

async fn drafts(database: &dyn Database) -> Result<(), StoreError> {
    let mut draft = definition("drafts");
    database.create_draft(&draft, b"wrapped").await?;
    assert!(matches!(database.create_draft(&draft, b"other").await, Err(StoreError::Conflict(_))));
    // Of a program that did not refuse the character: what has been stored is read.
    draft.title = "Oth\u{202e}er".to_owned();
    assert!(matches!(database.edit_draft(&draft, 7).await, Err(StoreError::Conflict(_))));
    database.edit_draft(&draft, 1).await?;
    let found = database
        .contest(&draft.id)
        .await?
        .map(|record| (record.revision, record.definition.title.clone(), record.tag_key));
    assert_eq!(found, Some((2, "Oth\u{202e}er".to_owned(), Some(b"wrapped".to_vec()))));

    let mut opened = append(None, &["first"], 1);
    let state =
        ContestState { phase: Phase::Open, epoch: u64::MAX, shards: 3, ..ContestState::of_draft(&draft) };
    opened.contest = Some(change(1, b"wrapped", &state));
    let stale = database.append(&draft.id, opened.clone()).await;
    assert!(matches!(stale, Err(StoreError::Conflict(_))), "it was edited meanwhile");
    opened.contest = Some(change(2, b"other", &state));
    let other = database.append(&draft.id, opened.clone()).await;
    assert!(matches!(other, Err(StoreError::Conflict(_))), "it is another draft");
    assert_eq!(database.head(&draft.id).await?, None);
    opened.contest = Some(change(2, b"wrapped", &state));
    database.append(&draft.id, opened).await?;
    let found = database.contest(&draft.id).await?.map(|record| (record.revision, record.state));
    assert_eq!(found, Some((3, state)));
    let version = database.contest(&draft.id).await?.map(|record| record.version());
    assert_eq!(database.revision(&draft.id).await?, version);
    assert_eq!(database.revision(&definition("nobody").id).await?, None);
    assert!(
        matches!(database.edit_draft(&draft, 3).await, Err(StoreError::Conflict(_))),
        "open contests stand"
    );
    assert!(matches!(database.delete_contest(&draft.id).await, Err(StoreError::Conflict(_))));

    let mut test = definition("a-test");
    test.test = true;
    database.create_draft(&test, b"w").await?;
    database.append(&test.id, append(None, &["x"], 1)).await?;
    database.delete_contest(&test.id).await?;
    assert!(database.contest(&test.id).await?.is_none());
    let again = database.create_draft(&test, b"w").await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "one origin has one history");

    let plain = definition("never-used");
    database.create_draft(&plain, b"w").await?;
    database.delete_contest(&plain.id).await?;
    database.create_draft(&plain, b"w").await?;
    database
        .count_passes(
            &plain.id,
            b"w",
            PassCountRequest::for_unnamed_voters("pass", &RequestId::new("chair", "k"), [1; 32], 1),
        )
        .await?;
    database.delete_contest(&plain.id).await?;
    let again = database.create_draft(&plain, b"w").await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "its passes would vote again");
    Ok(())
}

async fn log(database: &dyn Database) -> Result<(), StoreError> {
    let contest = definition("log");
    let id = &contest.id;
    database.create_draft(&contest, b"w").await?;
    let first = append(None, &["e0", "e1"], 1);
    database.append(id, first.clone()).await?;
    assert_eq!(database.head(id).await?, Some(first.head.clone()));
    let head = |head: &Head| Some((head.size, head.root));

    // Whoever does not know the newest head changes nothing.
    for stale in [
        append(None, &["x"], 9),
        append(Some((2, Hash([8; 32]))), &["x"], 9),
        append(Some((1, Hash([1; 32]))), &["x"], 9),
    ] {
        assert!(matches!(database.append(id, stale).await, Err(StoreError::Conflict(_))));
    }
    assert_eq!(database.entries(id, 0, 10).await?, ["e0", "e1"]);

    let ballot = BallotId([5; 16]);
    let neighbour = BallotId([5, 5, 5, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut second = append(head(&first.head), &["e2", "e3"], 2);
    second.ballots = vec![(ballot, 2), (neighbour, 3)];
    second.marks = vec![(ballot, BallotState::Voided { reason: "scripted".to_owned(), replaced: false })];
    database.append(id, second.clone()).await?;
    let found = database.ballot(id, ballot).await?.map(|found| (found.index, found.state));
    assert_eq!(found, Some((2, BallotState::Voided { reason: "scripted".to_owned(), replaced: false })));
    ballots_of_a_voter(database, id).await?;
    assert_eq!(database.tile(id, TileId { level: 0, number: 0 }).await?, Some(vec![2; 32]), "the grown tile");
    assert_eq!(database.entries(id, 1, 2).await?, ["e1", "e2"]);
    assert!(database.entries(id, 4, 2).await?.is_empty());

    turnout_and_rejections(database, id, &second.head).await?;

    // All or nothing: a ballot recorded before spoils the whole append.
    let second = Head { root: Hash([2; 32]), ..second.head };
    let mut third = append(head(&second), &["e4", "e5"], 3);
    third.ballots = vec![(BallotId([7; 16]), 4), (ballot, 5)];
    assert!(database.append(id, third).await.is_err());
    assert_eq!(database.head(id).await?.as_ref(), Some(&second));
    assert_eq!(database.ballot(id, BallotId([7; 16])).await?, None);
    assert_eq!(database.entries(id, 0, 10).await?.len(), 4);
    entries_from_anywhere(database, id, &second).await
}

/// However entries were appended, reading may begin and end at any.
async fn entries_from_anywhere(
    database: &dyn Database,
    id: &ContestId,
    head: &Head,
) -> Result<(), StoreError> {
    let text = |index: u64| format!("{index:0>200}");
    let byte = |index: u64| 100 + u8::try_from(index).unwrap_or(u8::MAX);
    let mut head = head.clone();
    for (root, count) in [(10, 1), (11, 40), (12, 2), (13, 1)] {
        let new: Vec<String> = (head.size..head.size + count).map(text).collect();
        let new: Vec<&str> = new.iter().map(String::as_str).collect();
        let mut next = append(Some((head.size, head.root)), &new, root);
        next.ballots =
            (head.size..next.head.size).map(|index| (BallotId([byte(index); 16]), index)).collect();
        database.append(id, next.clone()).await?;
        head = next.head;
    }
    for from in 4..=head.size + 1 {
        for most in [0, 1, 9, 100] {
            let wanted: Vec<String> = (from..head.size.min(from + most as u64)).map(text).collect();
            assert_eq!(database.entries(id, from, most).await?, wanted, "from {from}, at most {most}");
        }
        let found = database.ballots_with_prefix(id, [byte(from); 4], u64::MAX, 9).await?;
        let found: Vec<_> = found.iter().map(|(ballot, entry)| (ballot.index, entry.as_ref())).collect();
        let text = text(from);
        assert_eq!(found, if from < head.size { vec![(from, text.as_bytes())] } else { Vec::new() });
    }
    ballots_by_page(database, id).await
}

/// All ballots by their ids, each once, however many are read at once.
async fn ballots_by_page(database: &dyn Database, id: &ContestId) -> Result<(), StoreError> {
    let all = database.ballots(id, None, 1_000).await?;
    assert!(all.len() > 40 && all.is_sorted_by(|a, b| a.id < b.id), "{all:?}");
    for most in [1, 7, all.len()] {
        let mut read = Vec::new();
        loop {
            let page = database.ballots(id, read.last().map(|ballot: &StoredBallot| ballot.id), most).await?;
            assert!(page.len() <= most);
            if page.is_empty() {
                break;
            }
            read.extend(page);
        }
        assert_eq!(read, all, "{most} at once");
    }
    Ok(())
}

/// Ballots 2 (voided) and 3 begin with fives.
async fn ballots_of_a_voter(database: &dyn Database, id: &ContestId) -> Result<(), StoreError> {
    for (before, most, expected) in [
        (u64::MAX, 10, vec![(3, "e3"), (2, "e2")]),
        (u64::MAX, 1, vec![(3, "e3")]),
        (3, 10, vec![(2, "e2")]),
        (2, 10, vec![]),
        (u64::MAX, 0, vec![]),
    ] {
        let found = database.ballots_with_prefix(id, [5; 4], before, most).await?;
        let found: Vec<_> = found.iter().map(|(ballot, entry)| (ballot.index, entry.as_ref())).collect();
        let expected: Vec<_> = expected.iter().map(|(index, entry)| (*index, entry.as_bytes())).collect();
        assert_eq!(found, expected, "before {before}, at most {most}");
    }
    let oldest = database.ballots_with_prefix(id, [5; 4], 3, 10).await?;
    let oldest = oldest.first().map(|(ballot, _)| &ballot.state);
    assert!(matches!(oldest, Some(BallotState::Voided { .. })));
    assert!(database.ballots_with_prefix(id, [6; 4], u64::MAX, 10).await?.is_empty());
    Ok(())
}

/// The key goes with the entry that says so, or neither does.
async fn tag_keys(database: &dyn Database) -> Result<(), StoreError> {
    let (contest, other) = (definition("keyless"), definition("keyed"));
    for contest in [&contest, &other] {
        database.create_draft(contest, b"wrapped").await?;
        database.append(&contest.id, append(None, &["e0"], 1)).await?;
    }
    let id = &contest.id;
    let key = async |id: &ContestId| Ok(database.contest(id).await?.and_then(|record| record.tag_key));
    let state = ContestState { phase: Phase::Closed, ..ContestState::of_draft(&contest) };
    let destroyed = |head, revision| {
        let mut destroyed = append(Some((1, Hash([head; 32]))), &["destroyed"], 2);
        destroyed.contest =
            Some(ContestChange { tag_key_destroyed: true, ..change(revision, b"wrapped", &state) });
        destroyed
    };
    for stale in [destroyed(9, 1), destroyed(1, 7)] {
        assert!(matches!(database.append(id, stale).await, Err(StoreError::Conflict(_))));
        assert_eq!(key(id).await?, Some(b"wrapped".to_vec()));
    }
    database.append(id, destroyed(1, 1)).await?;
    assert_eq!((key(id).await?, database.head(id).await?.map(|head| head.size)), (None, Some(2)));
    let mut later = append(Some((2, Hash([2; 32]))), &["e2"], 3);
    later.contest = Some(change(2, b"", &state));
    database.append(id, later).await?;
    assert_eq!(key(id).await?, None, "it does not come back");
    assert_eq!(key(&other.id).await?, Some(b"wrapped".to_vec()), "another contest's");
    Ok(())
}

/// Appends without entries, which leave the head as it is.
async fn turnout_and_rejections(
    database: &dyn Database,
    id: &ContestId,
    head: &Head,
) -> Result<(), StoreError> {
    let row = |minute, group: Option<&str>, ballots| Turnout {
        minute,
        channel: None,
        group: group.map(str::to_owned),
        ballots,
    };
    // Cast again, and rejected for another reason: the later one counts.
    let suspended = Rejection::Refused("voting-suspended".to_owned(), "Later.".to_owned());
    let rejected = BallotId([9; 16]);
    let voted = Rejection::AlreadyVoted(vec!["a".to_owned()]);
    for (turnout, why) in [
        (vec![row(7, Some("africa"), 2), row(6, None, 1)], suspended),
        (vec![row(7, Some("africa"), 3), row(7, None, 4)], voted.clone()),
    ] {
        let mut more = append(Some((head.size, head.root)), &[], 2);
        more.head = head.clone();
        more.turnout = turnout;
        more.rejected = vec![(rejected, why)];
        database.append(id, more).await?;
    }
    let expected = [row(6, None, 1), row(7, None, 4), row(7, Some("africa"), 5)];
    assert_eq!(database.turnout(id).await?, expected);
    assert_eq!(database.rejection(id, rejected).await?, Some(voted));
    assert_eq!(database.rejection(id, BallotId([8; 16])).await?, None);
    for (prefix, most, counted) in [([9; 4], 5, 1), ([9; 4], 0, 0), ([8; 4], 5, 0)] {
        assert_eq!(database.count_rejections_with_prefix(id, prefix, most).await?, counted);
    }
    Ok(())
}

/// All that an append can hold, some of it named twice, of which the later counts: all of it is there, or nothing is.
async fn everything_at_once(database: &dyn Database) -> Result<(), StoreError> {
    let contest = definition("whole");
    let id = &contest.id;
    database.create_draft(&contest, b"w").await?;
    let [earlier, voided, standing, rejected] = [1, 2, 3, 4].map(|byte| BallotId([byte; 16]));
    let mut first = append(None, &["e0"], 1);
    first.ballots = vec![(earlier, 0)];
    database.append(id, first).await?;
    let (key, by, received) = ("1".to_owned(), "chair".to_owned(), Timestamp::UNIX_EPOCH);
    let queued = QueuedCommand { key, by, command: Command::Close, received };
    assert_eq!(database.queue_command(id, &queued).await?, QueueOutcome::New);

    let void = |reason: &str| BallotState::Voided { reason: reason.to_owned(), replaced: true };
    let outcome = CommandOutcome::Recorded { index: 3, entries: 1, size: 4, root: "r".to_owned() };
    let tile = TileId { level: 0, number: 0 };
    let row = Turnout { minute: 7, channel: Some("web".to_owned()), group: None, ballots: 2 };
    let state = ContestState { phase: Phase::Closed, ..ContestState::of_draft(&contest) };
    let mut whole = append(Some((1, Hash([1; 32]))), &["e1", "e2", "e3"], 2);
    whole.ballots = vec![(voided, 1), (standing, 2)];
    whole.marks = vec![(earlier, BallotState::Replaced), (voided, void("a")), (voided, void("b"))];
    whole.rejected = vec![(rejected, Rejection::AlreadyVoted(vec!["a".to_owned()])); 2];
    whole.turnout = vec![row.clone(), row.clone()];
    whole.tiles = vec![(tile, vec![7; 32]), (tile, vec![8; 64])];
    whole.contest = Some(change(1, b"w", &state));
    whole.commands = vec![(queued.id(), outcome.clone())];

    let revision = change(9, b"w", &state);
    let states = async |ballots: &[BallotId]| -> Result<Vec<Option<BallotState>>, StoreError> {
        let mut states = Vec::new();
        for ballot in ballots {
            states.push(database.ballot(id, *ballot).await?.map(|found| found.state));
        }
        Ok(states)
    };
    for spoilt in [
        Append { expected: Some((1, Hash([9; 32]))), ..whole.clone() },
        Append { contest: Some(revision), ..whole.clone() },
        Append { marks: vec![(BallotId([99; 16]), BallotState::Replaced)], ..whole.clone() },
    ] {
        assert!(database.append(id, spoilt).await.is_err());
        assert_eq!(database.entries(id, 0, 9).await?, ["e0"]);
        assert_eq!(states(&[earlier, voided, standing]).await?, [Some(BallotState::Recorded), None, None]);
        assert_eq!(database.tile(id, tile).await?, Some(vec![1; 32]));
        assert!(database.turnout(id).await?.is_empty());
        assert_eq!(database.command_outcome(id, &queued.id()).await?, None);
        assert_eq!(database.rejection(id, rejected).await?, None);
    }
    database.append(id, whole).await?;
    assert_eq!(database.entries(id, 0, 9).await?, ["e0", "e1", "e2", "e3"]);
    let wanted = [BallotState::Replaced, void("b"), BallotState::Recorded].map(Some);
    assert_eq!(states(&[earlier, voided, standing]).await?, wanted);
    assert_eq!(database.tile(id, tile).await?, Some(vec![8; 64]));
    assert_eq!(database.turnout(id).await?, [Turnout { ballots: 4, ..row }]);
    assert_eq!(database.command_outcome(id, &queued.id()).await?, Some(outcome));
    assert!(database.rejection(id, rejected).await?.is_some());
    let phase = database.contest(id).await?.map(|record| record.state.phase);
    assert_eq!(phase, Some(Phase::Closed));
    Ok(())
}

async fn commands(database: &dyn Database) -> Result<(), StoreError> {
    let contest = definition("commands");
    let id = &contest.id;
    database.create_draft(&contest, b"w").await?;
    let command = |key: &str, command| QueuedCommand {
        key: key.to_owned(),
        by: "chair".to_owned(),
        command,
        received: Timestamp::UNIX_EPOCH,
    };
    assert_eq!(database.queue_command(id, &command("1", Command::Open)).await?, QueueOutcome::New);
    assert_eq!(database.queue_command(id, &command("2", Command::Close)).await?, QueueOutcome::New);
    assert_eq!(database.queue_command(id, &command("1", Command::Open)).await?, QueueOutcome::Known(None));
    assert_eq!(
        database.queue_command(id, &command("1", Command::Close)).await?,
        QueueOutcome::IdempotencyKeyUsed
    );
    let pending: Vec<String> =
        database.pending_commands(id, 9).await?.into_iter().map(|queued| queued.key).collect();
    assert_eq!(pending, ["1", "2"]);
    assert_eq!(database.pending_commands(id, 1).await?.len(), 1);
    let outcome = CommandOutcome::refused("no", "No.");
    let mut decided = append(None, &[], 1);
    decided.commands = vec![(RequestId::new("chair", "1"), outcome.clone())];
    database.append(id, decided.clone()).await?;
    assert_eq!(database.command_outcome(id, &RequestId::new("chair", "1")).await?, Some(outcome.clone()));
    assert_eq!(
        database.queue_command(id, &command("1", Command::Open)).await?,
        QueueOutcome::Known(Some(outcome))
    );
    assert_eq!(database.pending_commands(id, 9).await?.len(), 1);
    decided.expected = Some((0, decided.head.root));
    assert!(database.append(id, decided).await.is_err(), "an outcome is written once");
    commands_of_two_keys(database).await?;
    recorded_commands(database).await
}

/// The same `Idempotency-Key` of two staff keys names two commands.
async fn commands_of_two_keys(database: &dyn Database) -> Result<(), StoreError> {
    let contest = definition("two-keys");
    let id = &contest.id;
    database.create_draft(&contest, b"w").await?;
    let command = |by: &str, command| QueuedCommand {
        key: "k".to_owned(),
        by: by.to_owned(),
        command,
        received: Timestamp::UNIX_EPOCH,
    };
    let (juror, chair) = (command("Ama", Command::Freeze), command("chair", Command::Close));
    for queued in [&juror, &chair] {
        assert_eq!(database.queue_command(id, queued).await?, QueueOutcome::New);
        assert_eq!(database.queue_command(id, queued).await?, QueueOutcome::Known(None));
    }
    assert_eq!(
        database.queue_command(id, &command("chair", Command::Freeze)).await?,
        QueueOutcome::IdempotencyKeyUsed
    );
    assert_eq!(database.pending_commands(id, 9).await?, [juror.clone(), chair.clone()]);
    let outcomes = [&juror, &chair].map(|queued| (queued.id(), CommandOutcome::refused(&queued.by, "No.")));
    let mut decided = append(None, &[], 1);
    decided.commands = vec![outcomes[1].clone()];
    database.append(id, decided.clone()).await?;
    assert_eq!(database.command_outcome(id, &juror.id()).await?, None, "the other one's outcome is its own");
    decided.expected = Some((0, decided.head.root));
    decided.commands = vec![outcomes[0].clone()];
    database.append(id, decided).await?;
    for (request, outcome) in outcomes {
        assert_eq!(database.command_outcome(id, &request).await?, Some(outcome));
    }
    Ok(())
}

/// Only those of the kind that are in the log, in its order.
async fn recorded_commands(database: &dyn Database) -> Result<(), StoreError> {
    let contest = definition("recorded");
    let id = &contest.id;
    database.create_draft(&contest, b"w").await?;
    let unreadable = |error: acclaim_contest::id::InvalidId| StoreError::Corrupt(error.to_string());
    let panel: PanelId = "experts".parse().map_err(unreadable)?;
    let category: CategoryId = "a".parse().map_err(unreadable)?;
    let score = |juror: &str, criterion: &str| Command::Score {
        panel: panel.clone(),
        juror: juror.to_owned(),
        category: category.clone(),
        criterion: Some(criterion.to_owned()),
        values: Vec::new(),
    };
    let (root, result) = ("r".to_owned(), "d".to_owned());
    let certify =
        |size| Command::Certify { size, root: root.clone(), result: result.clone(), undecided: false };
    let recorded =
        |index| CommandOutcome::Recorded { index, entries: 1, size: index + 1, root: "r".to_owned() };
    let refused = CommandOutcome::refused("no", "No.");
    let mut decided = append(None, &["e0", "e1", "e2", "e3", "e4", "e5"], 1);
    for (key, by, command, outcome) in [
        ("1", "chair", certify(7), Some(refused)),
        ("2", "chair", Command::Freeze, Some(recorded(0))),
        ("3", "chair", certify(8), Some(recorded(1))),
        ("4", "deputy", certify(9), Some(recorded(2))),
        ("5", "chair", score("Ama", "a"), Some(recorded(3))),
        ("6", "chair", score("Amadou", "a"), Some(recorded(4))),
        ("7", "chair", score("Ama", "b"), Some(recorded(5))),
        ("8", "chair", certify(10), None),
    ] {
        let (key, by, received) = (key.to_owned(), by.to_owned(), Timestamp::UNIX_EPOCH);
        let queued = QueuedCommand { key, by, command, received };
        database.queue_command(id, &queued).await?;
        decided.commands.extend(outcome.map(|outcome| (queued.id(), outcome)));
    }
    database.append(id, decided).await?;
    let found = async |filter| {
        let (mut found, mut after) = (Vec::new(), 0);
        // One at a time, and then none.
        while let [(number, queued, outcome)] = &database.recorded_commands(id, filter, after, 1).await?[..] {
            assert!(*number > after);
            after = *number;
            found.push((queued.key.clone(), outcome.clone()));
        }
        assert_eq!(database.recorded_commands(id, filter, 0, 100).await?.len(), found.len());
        Ok::<_, StoreError>(found)
    };
    let (third, fourth) = (("3".to_owned(), recorded(1)), ("4".to_owned(), recorded(2)));
    assert_eq!(found(CommandFilter::Certifications).await?, [third, fourth]);
    let scores = [("5", 3), ("6", 4), ("7", 5)].map(|(key, index)| (key.to_owned(), recorded(index)));
    assert_eq!(found(CommandFilter::Scores).await?, scores);
    let ama = CommandFilter::ScoresByJuror { panel: &panel, juror: "Ama" };
    assert_eq!(found(ama).await?, [scores[0].clone(), scores[2].clone()]);
    assert_eq!(found(CommandFilter::SameTarget(&score("Ama", "b"))).await?, scores[2..]);
    Ok(())
}

/// How a contest stands from now on that had this revision and tag key; an empty one was destroyed.
fn change(revision: u64, tag_key: &[u8], state: &ContestState) -> ContestChange {
    let (tag_key, state) = (Some(tag_key.to_vec()).filter(|key| !key.is_empty()), state.clone());
    ContestChange { revision, tag_key, definition: None, state, tag_key_destroyed: false }
}

/// What comes of counting [`PassCountRequest::for_unnamed_voters`] for the first time, in a contest without revocations.
#[must_use]
pub fn expected_first_count() -> PassCountOutcome {
    PassCountOutcome::New(minting())
}

/// What comes of counting it again.
#[must_use]
pub fn expected_repeated_count() -> PassCountOutcome {
    PassCountOutcome::Repeated(Some(minting()))
}

fn minting() -> MintParameters {
    PassCountRequest::for_unnamed_voters("", &RequestId::new("", ""), [0; 32], 0).minting
}

async fn passes(database: &dyn Database) -> Result<(), StoreError> {
    let contest = definition("passes");
    let id = &contest.id;
    database.create_draft(&contest, b"w").await?;
    assert_eq!(
        database
            .count_passes(
                id,
                b"w",
                PassCountRequest::for_unnamed_voters("pass", &RequestId::new("chair", "k1"), [1; 32], 10)
            )
            .await?,
        expected_first_count()
    );
    assert_eq!(
        database
            .count_passes(
                id,
                b"w",
                PassCountRequest::for_unnamed_voters("pass", &RequestId::new("chair", "k1"), [1; 32], 10)
            )
            .await?,
        expected_repeated_count()
    );
    assert_eq!(
        database
            .count_passes(
                id,
                b"w",
                PassCountRequest::for_unnamed_voters("pass", &RequestId::new("chair", "k1"), [2; 32], 10)
            )
            .await?,
        PassCountOutcome::IdempotencyKeyUsed
    );
    assert_eq!(
        database
            .count_passes(
                id,
                b"w",
                PassCountRequest::for_unnamed_voters("pass", &RequestId::new("chair", "k2"), [1; 32], 5)
            )
            .await?,
        expected_first_count()
    );
    let of_another = database
        .count_passes(
            id,
            b"other",
            PassCountRequest::for_unnamed_voters("pass", &RequestId::new("chair", "k3"), [1; 32], 5),
        )
        .await;
    assert!(matches!(of_another, Err(StoreError::Conflict(_))), "{of_another:?}");
    let deputy = RequestId::new("deputy", "k1");
    let of_deputy = PassCountRequest::for_unnamed_voters("pass", &deputy, [2; 32], 5);
    assert_eq!(
        database.count_passes(id, b"w", of_deputy).await?,
        expected_first_count(),
        "another staff key's"
    );
    assert_eq!(database.count_passes(id, b"w", of_deputy).await?, expected_repeated_count());
    assert_eq!(database.passes(id).await?, [("pass".to_owned(), 20)]);
    Ok(())
}

async fn keys(database: &dyn Database) -> Result<(), StoreError> {
    let at = acclaim_contest::Instant::at_or_before(Timestamp::UNIX_EPOCH);
    let contests: Option<Vec<ContestId>> = Some(vec![definition("keys").id]);
    let key = StaffKey {
        name: "chair".to_owned(),
        role: Role::Organiser,
        contests: contests.clone(),
        panel: None,
        created: at,
        expires: None,
        revoked: None,
    };
    database.add_staff_key([1; 32], &key).await?;
    assert!(matches!(database.add_staff_key([2; 32], &key).await, Err(StoreError::Conflict(_))));
    assert_eq!(database.staff_key([1; 32]).await?, Some(key.clone()));
    assert_eq!(database.staff_key([2; 32]).await?, None);
    assert_eq!(database.valid_key_hashes(at).await?, HashSet::from([[1; 32]]));
    database.revoke_staff_key("chair", at).await?;
    assert_eq!(database.valid_key_hashes(at).await?, HashSet::new());
    assert!(matches!(database.revoke_staff_key("chair", at).await, Err(StoreError::Conflict(_))));
    assert_eq!(database.staff_keys().await?, [StaffKey { revoked: Some(at), ..key.clone() }]);
    assert!(
        matches!(database.add_staff_key([2; 32], &key).await, Err(StoreError::Conflict(_))),
        "its name is known"
    );
    last_operator(database, &key).await?;
    let panel = "experts".parse().ok();
    jurors_key(database, StaffKey { name: "Ama".to_owned(), role: Role::Juror, panel, ..key }).await?;
    database.add_installation_value("v", b"1").await?;
    assert!(matches!(database.add_installation_value("v", b"2").await, Err(StoreError::Conflict(_))));
    assert!(database.installation_values().await?.contains(&("v".to_owned(), b"1".to_vec())));
    Ok(())
}

/// Keys that expire, and the last one that may make others.
async fn last_operator(database: &dyn Database, key: &StaffKey) -> Result<(), StoreError> {
    let after = |seconds| acclaim_contest::Instant::from_seconds(seconds).unwrap_or(key.created);
    let operator = |name: &str, expires| StaffKey {
        name: name.to_owned(),
        role: Role::Operator,
        contests: None,
        expires,
        ..key.clone()
    };
    let (first, second) = (operator("first", None), operator("second", Some(after(100))));
    let of_one = StaffKey { contests: key.contests.clone(), ..operator("of-one", None) };
    for (hash, key) in [([11; 32], &first), ([12; 32], &second), ([13; 32], &of_one)] {
        database.add_staff_key(hash, key).await?;
    }
    assert_eq!(database.staff_key([12; 32]).await?, Some(second.clone()));
    let is_valid = async |at| Ok::<_, StoreError>(database.valid_key_hashes(at).await?.contains(&[12; 32]));
    assert!(is_valid(after(99)).await? && !is_valid(after(100)).await?, "it expires");
    let revoke = async |name: &str, at| {
        let id = RequestId::new("chair", &format!("{name}-{at}"));
        let request = KeyRevocationRequest { id, name: name.to_owned(), within: None, at };
        database.revoke_staff_key_once(&request).await
    };
    let done = |key: &StaffKey, at| {
        KeyRevocationOutcome::Done(Box::new(StaffKey { revoked: Some(at), ..key.clone() }))
    };
    assert_eq!(
        revoke("first", after(100)).await?,
        KeyRevocationOutcome::LastOperator,
        "the other one has expired"
    );
    assert_eq!(revoke("of-one", after(100)).await?, done(&of_one, after(100)), "it is for one contest");
    // Of two at once one stays.
    let both = tokio::join!(revoke("first", after(99)), revoke("second", after(99)));
    let both = [both.0?, both.1?];
    let is_done = [done(&first, after(99)), done(&second, after(99))].iter().any(|done| both.contains(done));
    assert!(is_done && both.contains(&KeyRevocationOutcome::LastOperator), "{both:?}");
    assert_eq!(revoke("nobody", after(99)).await?, KeyRevocationOutcome::NotFound);
    for name in ["first", "second"] {
        let _one_was_before = database.revoke_staff_key(name, after(99)).await;
    }
    Ok(())
}

/// A juror who lost the key gets another one, which takes the place of the lost one once that is revoked.
async fn jurors_key(database: &dyn Database, key: StaffKey) -> Result<(), StoreError> {
    let (lost, new) = ([3; 32], [4; 32]);
    database.add_staff_key(lost, &key).await?;
    assert_eq!(database.staff_key(lost).await?, Some(key.clone()));
    let in_use = |added| matches!(added, Err(StoreError::Conflict(_)));
    assert!(in_use(database.add_staff_key(new, &key).await), "not revoked");
    database.revoke_staff_key(&key.name, key.created).await?;
    let other = |panel: &str| StaffKey { panel: panel.parse().ok(), ..key.clone() };
    assert!(in_use(database.add_staff_key(new, &other("public")).await), "another panel's");
    let elsewhere = StaffKey { contests: Some(vec![definition("drafts").id]), ..key.clone() };
    assert!(in_use(database.add_staff_key(new, &elsewhere).await), "another contest's");
    let organiser = StaffKey { role: Role::Organiser, ..key.clone() };
    assert!(in_use(database.add_staff_key(new, &organiser).await), "another role's");
    let later = acclaim_contest::Instant::from_seconds(key.created.seconds() + 1).unwrap_or(key.created);
    let expiring = StaffKey { expires: Some(later), ..key.clone() };
    database.add_staff_key([5; 32], &expiring).await?;
    assert!(in_use(database.add_staff_key(new, &key).await), "not expired");
    let key = StaffKey { created: later, ..key };
    database.add_staff_key(new, &key).await?;
    assert_eq!((database.staff_key(lost).await?, database.staff_key([5; 32]).await?), (None, None));
    assert_eq!(database.staff_key(new).await?, Some(key.clone()));
    let valid = database.valid_key_hashes(key.created).await?;
    assert!(valid.contains(&new) && !valid.contains(&lost), "the lost one stays revoked");
    revoked_once(database, &key, new).await
}

/// A request revokes one key: sent again it leaves alone the key that came after.
async fn revoked_once(database: &dyn Database, key: &StaffKey, hash: [u8; 32]) -> Result<(), StoreError> {
    let elsewhere = Some(vec![definition("drafts").id]);
    let request = |id: &str, within| KeyRevocationRequest {
        id: RequestId::new("chair", id),
        name: key.name.clone(),
        within,
        at: key.created,
    };
    let revoke = async |request: KeyRevocationRequest| database.revoke_staff_key_once(&request).await;
    assert_eq!(revoke(request("once", elsewhere)).await?, KeyRevocationOutcome::NotFound);
    let done = KeyRevocationOutcome::Done(Box::new(StaffKey { revoked: Some(key.created), ..key.clone() }));
    let both = tokio::join!(
        revoke(request("once", key.contests.clone())),
        revoke(request("once", key.contests.clone())),
    );
    assert_eq!([both.0?, both.1?], [done.clone(), done.clone()], "two at once");
    assert_eq!(revoke(request("twice", None)).await?, done, "revoked before");
    let next = StaffKey { expires: None, ..key.clone() };
    database.add_staff_key([6; 32], &next).await?;
    assert_eq!(revoke(request("once", key.contests.clone())).await?, done, "as it was answered");
    assert_eq!(database.staff_key([6; 32]).await?, Some(next), "the next key stays");
    let other = KeyRevocationRequest { name: "other".to_owned(), ..request("once", None) };
    assert_eq!(revoke(other).await?, KeyRevocationOutcome::IdempotencyKeyUsed(key.name.clone()));
    assert_eq!(database.staff_key(hash).await?, None);
    Ok(())
}
