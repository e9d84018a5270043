//! What every intake and every ledger must do, whatever it is made of. Each function is one promise of the traits in `acclaim-store`.

use acclaim_ballot_log::{Hash, TileId};
use acclaim_contest::{
    BallotId, ContestId,
    definition::{Definition, Overrides},
};
use acclaim_store::{
    Command, CommandOutcome, Database, Intake, Phase, StoreError,
    command::{Queued, QueuedCommand},
    contests::{ContestState, Counted},
    intake::{Cursor, Item, Submitted},
    keys::{Role, StaffKey},
    ledger::{Append, BallotState, ContestChange, Head},
};
use bytes::Bytes;
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

fn item(number: u8) -> Item {
    Item {
        ballot: BallotId([number; 16]),
        arrived: Timestamp::UNIX_EPOCH,
        entry: Bytes::from(vec![number; 3]),
    }
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
            cursor: Cursor { epoch: u64::MAX, position: size },
        },
        entries: entries.iter().map(|entry| Bytes::from((*entry).to_owned())).collect(),
        ballots: Vec::new(),
        marks: Vec::new(),
        tiles: vec![(TileId { level: 0, number: 0 }, vec![root; 32])],
        contest: None,
        commands: Vec::new(),
    }
}

/// Everything that a database promises.
///
/// # Errors
/// Whatever the database fails with; broken promises panic.
pub async fn database(database: &dyn Database) -> Result<(), StoreError> {
    drafts(database).await?;
    log(database).await?;
    commands(database).await?;
    passes(database).await?;
    keys(database).await
}

async fn drafts(database: &dyn Database) -> Result<(), StoreError> {
    let mut draft = definition("drafts");
    database.create_draft(&draft, b"wrapped").await?;
    assert!(matches!(database.create_draft(&draft, b"other").await, Err(StoreError::Conflict(_))));
    draft.title = "Other".to_owned();
    assert!(matches!(database.edit_draft(&draft, 7).await, Err(StoreError::Conflict(_))));
    database.edit_draft(&draft, 1).await?;
    let found = database
        .contest(&draft.id)
        .await?
        .map(|record| (record.revision, record.definition.title.clone(), record.tag_key));
    assert_eq!(found, Some((2, "Other".to_owned(), b"wrapped".to_vec())));

    let mut opened = append(None, &["first"], 1);
    let state = ContestState { phase: Phase::Open, ..ContestState::of_draft(&draft) };
    opened.contest = Some(ContestChange { definition: None, state });
    database.append(&draft.id, opened).await?;
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
    database.create_draft(&test, b"w").await?;
    assert_eq!(database.head(&test.id).await?, None, "a contest of the same id begins anew");
    database.delete_contest(&test.id).await
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
    second.marks = vec![(ballot, BallotState::Voided { reason: "scripted".to_owned() })];
    database.append(id, second.clone()).await?;
    let found = database.ballot(id, ballot).await?.map(|found| (found.index, found.state));
    assert_eq!(found, Some((2, BallotState::Voided { reason: "scripted".to_owned() })));
    let prefixed: Vec<u64> =
        database.ballots_with_prefix(id, [5; 4]).await?.iter().map(|found| found.index).collect();
    assert_eq!(prefixed, [2, 3]);
    assert!(database.ballots_with_prefix(id, [6; 4]).await?.is_empty());
    assert_eq!(database.tile(id, TileId { level: 0, number: 0 }).await?, Some(vec![2; 32]), "the grown tile");
    assert_eq!(database.entries(id, 1, 2).await?, ["e1", "e2"]);
    assert!(database.entries(id, 4, 2).await?.is_empty());

    // All or nothing: a ballot recorded before spoils the whole append.
    let mut third = append(head(&second.head), &["e4", "e5"], 3);
    third.ballots = vec![(BallotId([7; 16]), 4), (ballot, 5)];
    assert!(database.append(id, third).await.is_err());
    assert_eq!(database.head(id).await?, Some(second.head));
    assert_eq!(database.ballot(id, BallotId([7; 16])).await?, None);
    assert_eq!(database.entries(id, 0, 10).await?.len(), 4);
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
    assert_eq!(database.queue_command(id, &command("1", Command::Open)).await?, Queued::New);
    assert_eq!(database.queue_command(id, &command("2", Command::Close)).await?, Queued::New);
    assert_eq!(database.queue_command(id, &command("1", Command::Open)).await?, Queued::Known(None));
    assert_eq!(database.queue_command(id, &command("1", Command::Close)).await?, Queued::KeyUsed);
    let pending: Vec<String> =
        database.pending_commands(id).await?.into_iter().map(|queued| queued.key).collect();
    assert_eq!(pending, ["1", "2"]);
    let outcome = CommandOutcome::Refused { code: "no".to_owned(), detail: "No.".to_owned() };
    let mut decided = append(None, &[], 1);
    decided.commands = vec![("1".to_owned(), outcome.clone())];
    database.append(id, decided.clone()).await?;
    assert_eq!(database.command_outcome(id, "1").await?, Some(outcome.clone()));
    assert_eq!(database.queue_command(id, &command("1", Command::Open)).await?, Queued::Known(Some(outcome)));
    assert_eq!(database.pending_commands(id).await?.len(), 1);
    decided.expected = Some((0, decided.head.root));
    assert!(database.append(id, decided).await.is_err(), "an outcome is written once");
    Ok(())
}

async fn passes(database: &dyn Database) -> Result<(), StoreError> {
    let contest = definition("passes");
    let id = &contest.id;
    database.create_draft(&contest, b"w").await?;
    assert_eq!(database.count_passes(id, "pass", "k1", [1; 32], 10).await?, Counted::New);
    assert_eq!(database.count_passes(id, "pass", "k1", [1; 32], 10).await?, Counted::Again);
    assert_eq!(database.count_passes(id, "pass", "k1", [2; 32], 10).await?, Counted::KeyUsed);
    assert_eq!(database.count_passes(id, "pass", "k2", [1; 32], 5).await?, Counted::New);
    assert_eq!(database.passes(id).await?, [("pass".to_owned(), 15)]);
    Ok(())
}

async fn keys(database: &dyn Database) -> Result<(), StoreError> {
    let at = acclaim_contest::Instant::at_or_before(Timestamp::UNIX_EPOCH);
    let contests: Option<Vec<ContestId>> = Some(vec![definition("keys").id]);
    let key =
        StaffKey { name: "chair".to_owned(), role: Role::Organiser, contests, created: at, revoked: None };
    database.add_staff_key([1; 32], &key).await?;
    assert!(matches!(database.add_staff_key([2; 32], &key).await, Err(StoreError::Conflict(_))));
    assert_eq!(database.staff_key([1; 32]).await?, Some(key.clone()));
    assert_eq!(database.staff_key([2; 32]).await?, None);
    database.revoke_staff_key("chair", at).await?;
    assert!(matches!(database.revoke_staff_key("chair", at).await, Err(StoreError::Conflict(_))));
    assert_eq!(database.staff_keys().await?, [StaffKey { revoked: Some(at), ..key }]);
    database.add_installation_value("v", b"1").await?;
    assert!(matches!(database.add_installation_value("v", b"2").await, Err(StoreError::Conflict(_))));
    assert!(database.installation_values().await?.contains(&("v".to_owned(), b"1".to_vec())));
    Ok(())
}

/// Everything that an intake promises.
///
/// # Errors
/// Whatever the intake fails with; broken promises panic.
pub async fn intake(intake: &dyn Intake) -> Result<(), StoreError> {
    let id = &definition("intake").id;
    let ballots =
        |items: &[(Cursor, Item)]| items.iter().map(|(_, item)| item.ballot.0[0]).collect::<Vec<_>>();
    assert_eq!(intake.submit(id, (1..=4).map(item).collect()).await?, vec![Submitted::Buffered; 4]);

    // A cursor of another epoch means from the beginning; draining again loses nothing.
    let strange = Cursor { epoch: 0, position: 99 };
    let drained = intake.drain(id, strange, 3).await?;
    assert_eq!(ballots(&drained), [1, 2, 3]);
    assert_eq!(intake.drain(id, strange, 3).await?, drained);
    let Some((second, _)) = drained.get(1) else { return Ok(()) };
    assert_eq!(ballots(&intake.drain(id, *second, 9).await?), [3, 4]);

    intake.trim(id, *second).await?;
    assert_eq!(intake.backlog(id).await?.items, 2);
    intake.trim(id, *second).await?;
    intake.trim(id, strange).await?;
    assert_eq!(intake.backlog(id).await?.items, 2, "trimming again, or by a strange cursor, drops nothing");
    assert_eq!(ballots(&intake.drain(id, Cursor::default(), 9).await?), [3, 4]);

    let last = intake.seal(id).await?;
    assert_eq!(intake.submit(id, vec![item(5)]).await?, [Submitted::Sealed]);
    let rest = intake.drain(id, *second, 9).await?;
    assert_eq!(
        rest.last().map(|(cursor, _)| *cursor),
        Some(last),
        "what was buffered before the seal is drained"
    );
    intake.trim(id, last).await?;
    assert_eq!(intake.backlog(id).await?.oldest, None);

    intake.forget(id).await?;
    assert_eq!(
        intake.submit(id, vec![item(6)]).await?,
        [Submitted::Buffered],
        "another contest of the same id"
    );
    Ok(())
}
