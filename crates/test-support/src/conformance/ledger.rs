//! The ledger: appends are atomic, and what they stored is read back.

use acclaim_ballot_log::{Hash, TileId};
use acclaim_contest::{BallotId, BallotState, ContestId, Phase};
use acclaim_store::{
    Command, CommandOutcome, Database, StoreError,
    command::{QueueOutcome, QueuedCommand},
    contests::ContestState,
    hub::Rejection,
    ledger::{Append, Head, StoredBallot, Turnout},
};
use jiff::Timestamp;

use super::samples::{append, change, definition};

/// An append needs the newest head. Entries, ballots, tiles and turnout are read back.
pub(super) async fn log(database: &dyn Database) -> Result<(), StoreError> {
    let contest = definition("log");
    let id = &contest.id;
    database.create_draft(&contest, b"w").await?;
    let first = append(None, &["e0", "e1"], 1);
    database.append(id, first.clone()).await?;
    assert_eq!(database.head(id).await?, Some(first.head.clone()));
    let head = |head: &Head| Some((head.size, head.root));

    // An append that does not expect the newest head changes nothing.
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
    let stored = database.ballot(id, ballot).await?.map(|stored| (stored.index, stored.state));
    assert_eq!(stored, Some((2, BallotState::Voided { reason: "scripted".to_owned(), replaced: false })));
    ballots_of_a_voter(database, id).await?;
    assert_eq!(database.tile(id, TileId { level: 0, number: 0 }).await?, Some(vec![2; 32]), "the grown tile");
    assert_eq!(database.entries(id, 1, 2).await?, ["e1", "e2"]);
    assert!(database.entries(id, 4, 2).await?.is_empty());

    turnout_and_rejections(database, id, &second.head).await?;

    // An append is atomic: a ballot that was recorded before makes the whole append fail.
    let second = Head { root: Hash([2; 32]), ..second.head };
    let mut third = append(head(&second), &["e4", "e5"], 3);
    third.ballots = vec![(BallotId([7; 16]), 4), (ballot, 5)];
    assert!(database.append(id, third).await.is_err());
    assert_eq!(database.head(id).await?.as_ref(), Some(&second));
    assert_eq!(database.ballot(id, BallotId([7; 16])).await?, None);
    assert_eq!(database.entries(id, 0, 10).await?.len(), 4);
    entries_from_anywhere(database, id, &second).await
}

/// Entries can be read from any index to any index, regardless of how they were appended.
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
        for limit in [0, 1, 9, 100] {
            let expected: Vec<String> = (from..head.size.min(from + limit as u64)).map(text).collect();
            assert_eq!(database.entries(id, from, limit).await?, expected, "from {from}, at most {limit}");
        }
        let ballots = database.ballots_with_prefix(id, [byte(from); 4], u64::MAX, 9).await?;
        let ballots: Vec<_> = ballots.iter().map(|(ballot, entry)| (ballot.index, entry.as_ref())).collect();
        let text = text(from);
        assert_eq!(ballots, if from < head.size { vec![(from, text.as_bytes())] } else { Vec::new() });
    }
    ballots_by_page(database, id).await
}

/// Paging returns all ballots in the order of their ids, each once, for any page size.
async fn ballots_by_page(database: &dyn Database, id: &ContestId) -> Result<(), StoreError> {
    let all = database.ballots(id, None, 1_000).await?;
    assert!(all.len() > 40 && all.is_sorted_by(|a, b| a.id < b.id), "{all:?}");
    for limit in [1, 7, all.len()] {
        let mut read = Vec::new();
        loop {
            let page =
                database.ballots(id, read.last().map(|ballot: &StoredBallot| ballot.id), limit).await?;
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            read.extend(page);
        }
        assert_eq!(read, all, "{limit} at once");
    }
    Ok(())
}

/// The ids of ballots 2 (voided) and 3 begin with fives.
async fn ballots_of_a_voter(database: &dyn Database, id: &ContestId) -> Result<(), StoreError> {
    for (before, limit, expected) in [
        (u64::MAX, 10, vec![(3, "e3"), (2, "e2")]),
        (u64::MAX, 1, vec![(3, "e3")]),
        (3, 10, vec![(2, "e2")]),
        (2, 10, vec![]),
        (u64::MAX, 0, vec![]),
    ] {
        let ballots = database.ballots_with_prefix(id, [5; 4], before, limit).await?;
        let ballots: Vec<_> = ballots.iter().map(|(ballot, entry)| (ballot.index, entry.as_ref())).collect();
        let expected: Vec<_> = expected.iter().map(|(index, entry)| (*index, entry.as_bytes())).collect();
        assert_eq!(ballots, expected, "before {before}, at most {limit}");
    }
    let oldest = database.ballots_with_prefix(id, [5; 4], 3, 10).await?;
    let oldest = oldest.first().map(|(ballot, _)| &ballot.state);
    assert!(matches!(oldest, Some(BallotState::Voided { .. })));
    assert!(database.ballots_with_prefix(id, [6; 4], u64::MAX, 10).await?.is_empty());
    Ok(())
}

/// Appends without entries, which do not change the head.
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
    // The ballot is cast and rejected again for another reason. The later reason counts.
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
    for (prefix, limit, counted) in [([9; 4], 5, 1), ([9; 4], 0, 0), ([8; 4], 5, 0)] {
        assert_eq!(database.count_rejections_with_prefix(id, prefix, limit).await?, counted);
    }
    Ok(())
}

/// An append with every kind of content is stored completely or not at all.
///
/// Some of the content is present twice. The later one counts.
pub(super) async fn everything_at_once(database: &dyn Database) -> Result<(), StoreError> {
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
            states.push(database.ballot(id, *ballot).await?.map(|stored| stored.state));
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
    let expected = [BallotState::Replaced, void("b"), BallotState::Recorded].map(Some);
    assert_eq!(states(&[earlier, voided, standing]).await?, expected);
    assert_eq!(database.tile(id, tile).await?, Some(vec![8; 64]));
    assert_eq!(database.turnout(id).await?, [Turnout { ballots: 4, ..row }]);
    assert_eq!(database.command_outcome(id, &queued.id()).await?, Some(outcome));
    assert!(database.rejection(id, rejected).await?.is_some());
    let phase = database.contest(id).await?.map(|record| record.state.phase);
    assert_eq!(phase, Some(Phase::Closed));
    Ok(())
}
