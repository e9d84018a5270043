//! Commands: each is queued once by its key, and its outcome is kept.

use acclaim_contest::{CategoryId, PanelId, id::InvalidId};
use acclaim_store::{
    Command, CommandOutcome, Database, RequestId, StoreError,
    command::{CommandFilter, QueueOutcome, QueuedCommand},
};
use jiff::Timestamp;

use super::samples::{append, definition};

/// A command is queued once, stays pending until it is decided, and is decided once.
pub(super) async fn commands(database: &dyn Database) -> Result<(), StoreError> {
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

/// The same `Idempotency-Key` of two staff keys identifies two commands.
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
    assert_eq!(database.command_outcome(id, &juror.id()).await?, None, "each command has its own outcome");
    decided.expected = Some((0, decided.head.root));
    decided.commands = vec![outcomes[0].clone()];
    database.append(id, decided).await?;
    for (request, outcome) in outcomes {
        assert_eq!(database.command_outcome(id, &request).await?, Some(outcome));
    }
    Ok(())
}

/// Only commands of the selected kind that are in the log are returned, in its order.
async fn recorded_commands(database: &dyn Database) -> Result<(), StoreError> {
    let contest = definition("recorded");
    let id = &contest.id;
    database.create_draft(&contest, b"w").await?;
    let unreadable = |error: InvalidId| StoreError::Corrupt(error.to_string());
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
    let select = async |filter| {
        let (mut selected, mut after) = (Vec::new(), 0);
        // Reads one command at a time, until there is none.
        while let [(number, queued, outcome)] = &database.recorded_commands(id, filter, after, 1).await?[..] {
            assert!(*number > after);
            after = *number;
            selected.push((queued.key.clone(), outcome.clone()));
        }
        assert_eq!(database.recorded_commands(id, filter, 0, 100).await?.len(), selected.len());
        Ok::<_, StoreError>(selected)
    };
    let (third, fourth) = (("3".to_owned(), recorded(1)), ("4".to_owned(), recorded(2)));
    assert_eq!(select(CommandFilter::Certifications).await?, [third, fourth]);
    let scores = [("5", 3), ("6", 4), ("7", 5)].map(|(key, index)| (key.to_owned(), recorded(index)));
    assert_eq!(select(CommandFilter::Scores).await?, scores);
    let ama = CommandFilter::ScoresByJuror { panel: &panel, juror: "Ama" };
    assert_eq!(select(ama).await?, [scores[0].clone(), scores[2].clone()]);
    assert_eq!(select(CommandFilter::SameTarget(&score("Ama", "b"))).await?, scores[2..]);
    Ok(())
}
