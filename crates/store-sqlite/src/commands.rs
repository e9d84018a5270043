//! The command table: requests of staff that the sequencer processes.

use acclaim_contest::ContestId;
use acclaim_store::{
    Commands, RequestId,
    command::{CommandColumns, CommandFilter, CommandOutcome, QueueOutcome, QueuedCommand},
    error::{Result, StoreError},
};
use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use crate::{
    contest_number::{contest_number, require_contest_number},
    database::SqliteDatabase,
    error::{corrupt, signed, unavailable, unsigned},
};

#[async_trait]
impl Commands for SqliteDatabase {
    async fn queue_command(&self, contest: &ContestId, command: &QueuedCommand) -> Result<QueueOutcome> {
        let (id, command) = (contest.clone(), command.clone());
        self.write(move |tx| {
            let contest = require_contest_number(tx, &id)?;
            let json = serde_json::to_string(&command.command).map_err(corrupt)?;
            let known: Option<(String, Option<String>)> = tx
                .query_row(
                    "SELECT command, outcome FROM commands WHERE contest = ?1 AND key = ?2 AND staff = ?3",
                    params![contest, command.key, command.by],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()
                .map_err(unavailable)?;
            match known {
                Some((stored, outcome)) if stored == json => {
                    return outcome.map(read_outcome).transpose().map(QueueOutcome::Known);
                }
                Some(_) => return Ok(QueueOutcome::IdempotencyKeyUsed),
                None => {}
            }
            tx.execute(
                "INSERT INTO commands (contest, key, staff, command, received) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![contest, command.key, command.by, json, command.received.to_string()],
            )
            .map_err(unavailable)?;
            Ok(QueueOutcome::New)
        })
        .await
    }

    async fn pending_commands(&self, contest: &ContestId, limit: usize) -> Result<Vec<QueuedCommand>> {
        let id = contest.clone();
        self.read(move |tx| {
            let Some(contest) = contest_number(tx, &id)? else { return Ok(Vec::new()) };
            let mut statement = tx
                .prepare_cached(
                    "SELECT key, staff, command, received FROM commands
                     WHERE contest = ?1 AND outcome IS NULL ORDER BY number LIMIT ?2",
                )
                .map_err(unavailable)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = statement.query_map([contest, limit], stored_command).map_err(unavailable)?;
            rows.map(|row| queued_command(row.map_err(unavailable)?)).collect()
        })
        .await
    }

    async fn recorded_commands(
        &self,
        contest: &ContestId,
        filter: CommandFilter<'_>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, QueuedCommand, CommandOutcome)>> {
        let Some(columns) = filter.columns() else { return Ok(Vec::new()) };
        let id = contest.clone();
        self.read(move |tx| {
            let Some(contest) = contest_number(tx, &id)? else { return Ok(Vec::new()) };
            let mut statement = tx
                .prepare_cached(
                    "SELECT key, staff, command, received, outcome, number FROM commands
                     WHERE contest = ?1 AND recorded AND kind = ?2 AND number > ?3
                     AND (?4 IS NULL OR panel = ?4) AND (?5 IS NULL OR juror = ?5) AND (?6 IS NULL OR category = ?6)
                     AND (?7 IS NULL OR criterion = ?7) AND (?8 IS NULL OR entry = ?8) ORDER BY number LIMIT ?9",
                )
                .map_err(unavailable)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let CommandColumns { kind, panel, juror, category, criterion, entry } = columns;
            let values = params![contest, kind, signed(after)?, panel, juror, category, criterion, entry, limit];
            let read = |row: &Row<'_>| Ok((row.get(5)?, stored_command(row)?, row.get::<_, String>(4)?));
            let rows = statement.query_map(values, read).map_err(unavailable)?;
            rows.map(|row| {
                let (number, command, outcome) = row.map_err(unavailable)?;
                Ok((unsigned(number)?, queued_command(command)?, read_outcome(outcome)?))
            })
            .collect()
        })
        .await
    }

    async fn command_outcome(
        &self,
        contest: &ContestId,
        request: &RequestId,
    ) -> Result<Option<CommandOutcome>> {
        let (id, request) = (contest.clone(), request.clone());
        self.read(move |tx| {
            let Some(contest) = contest_number(tx, &id)? else { return Ok(None) };
            let outcome: Option<Option<String>> = tx
                .query_row(
                    "SELECT outcome FROM commands WHERE contest = ?1 AND key = ?2 AND staff = ?3",
                    params![contest, request.key, request.by],
                    |row| row.get(0),
                )
                .optional()
                .map_err(unavailable)?;
            outcome.flatten().map(read_outcome).transpose()
        })
        .await
    }
}

/// Stores the outcomes of commands. An outcome is written once and never changes.
pub(crate) fn finish_commands(
    tx: &Transaction<'_>,
    contest: i64,
    commands: &[(RequestId, CommandOutcome)],
) -> Result<()> {
    for (request, outcome) in commands {
        let json = serde_json::to_string(outcome).map_err(corrupt)?;
        let changed = tx
            .execute(
                "UPDATE commands SET outcome = ?1 WHERE contest = ?2 AND key = ?3 AND staff = ?4 AND outcome IS NULL",
                params![json, contest, request.key, request.by],
            )
            .map_err(unavailable)?;
        if changed != 1 {
            return Err(StoreError::Conflict("a command has an outcome already".to_owned()));
        }
    }
    Ok(())
}

/// The columns `key`, `staff`, `command` and `received` of a row.
pub(crate) type StoredCommand = (String, String, String, String);

/// Reads the first four columns of a row: key, staff key, command, time of receipt.
pub(crate) fn stored_command(row: &Row<'_>) -> rusqlite::Result<StoredCommand> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

pub(crate) fn queued_command((key, by, command, received): StoredCommand) -> Result<QueuedCommand> {
    Ok(QueuedCommand {
        key,
        by,
        command: serde_json::from_str(&command).map_err(corrupt)?,
        received: received.parse().map_err(corrupt)?,
    })
}

pub(crate) fn read_outcome(json: impl AsRef<str>) -> Result<CommandOutcome> {
    serde_json::from_str(json.as_ref()).map_err(corrupt)
}
