//! The command table: requests of staff that the sequencer processes.

use acclaim_contest::ContestId;
use acclaim_store::{
    Commands, RequestId,
    command::{CommandColumns, CommandFilter, CommandOutcome, QueueOutcome, QueuedCommand},
    error::{Result, StoreError},
};
use async_trait::async_trait;
use sqlx_core::{error::Error, query::query, row::Row as _};
use sqlx_postgres::PgRow;

use crate::{
    connection::{Durability, PooledConnection, with_timeout},
    contest_row::no_contest,
    database::PostgresDatabase,
    error::{corrupt, expect_row_count, signed, unavailable, unsigned},
};

#[async_trait]
impl Commands for PostgresDatabase {
    async fn queue_command(&self, contest: &ContestId, command: &QueuedCommand) -> Result<QueueOutcome> {
        let mut tx = self.begin(Durability::Durable).await?;
        let outcome = with_timeout(self.statement_timeout(), queue(&mut tx, contest, command)).await?;
        tx.commit().await?;
        Ok(outcome)
    }

    async fn pending_commands(&self, contest: &ContestId, limit: usize) -> Result<Vec<QueuedCommand>> {
        let statement = query(
            "SELECT key, staff, command, received FROM commands JOIN contests ON contest = contests.number
             WHERE id = $1 AND outcome IS NULL ORDER BY commands.number LIMIT $2",
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.rows(statement.bind(contest.as_str()).bind(limit)).await?;
        rows.iter().map(queued_command).collect()
    }

    async fn recorded_commands(
        &self,
        contest: &ContestId,
        filter: CommandFilter<'_>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, QueuedCommand, CommandOutcome)>> {
        let Some(columns) = filter.columns() else { return Ok(Vec::new()) };
        let CommandColumns { kind, panel, juror, category, criterion, entry } = columns;
        let statement = query(
            "SELECT key, staff, command, received, outcome, commands.number FROM commands JOIN contests ON contest = contests.number
             WHERE id = $1 AND recorded AND kind = $2 AND commands.number > $3
             AND ($4::text IS NULL OR panel = $4) AND ($5::text IS NULL OR juror = $5) AND ($6::text IS NULL OR category = $6)
             AND ($7::text IS NULL OR criterion = $7) AND ($8::text IS NULL OR entry = $8)
             ORDER BY commands.number LIMIT $9",
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let statement =
            statement.bind(contest.as_str()).bind(kind).bind(signed(after)?).bind(panel).bind(juror);
        let statement = statement.bind(category).bind(criterion).bind(entry).bind(limit);
        let rows = self.rows(statement).await?;
        let recorded = |row: &PgRow| {
            let outcome: String = row.try_get(4).map_err(unavailable)?;
            let number: i64 = row.try_get(5).map_err(unavailable)?;
            Ok((unsigned(number)?, queued_command(row)?, read_outcome(&outcome)?))
        };
        rows.iter().map(recorded).collect()
    }

    async fn command_outcome(
        &self,
        contest: &ContestId,
        request: &RequestId,
    ) -> Result<Option<CommandOutcome>> {
        let statement = query(
            "SELECT outcome FROM commands JOIN contests ON contest = contests.number WHERE id = $1 AND key = $2 AND staff = $3",
        );
        let statement = statement.bind(contest.as_str()).bind(&request.key).bind(&request.by);
        let row = self.row(statement).await?;
        let outcome: Option<Option<String>> =
            row.map(|row| row.try_get(0)).transpose().map_err(unavailable)?;
        outcome.flatten().as_deref().map(read_outcome).transpose()
    }
}

async fn queue(
    tx: &mut PooledConnection,
    contest: &ContestId,
    command: &QueuedCommand,
) -> Result<QueueOutcome> {
    let json = serde_json::to_string(&command.command).map_err(corrupt)?;
    let new = query(
        "INSERT INTO commands (contest, key, staff, command, received)
         SELECT number, $2, $3, $4, $5 FROM contests WHERE id = $1 ON CONFLICT (contest, key, staff) DO NOTHING",
    )
    .bind(contest.as_str())
    .bind(&command.key)
    .bind(&command.by)
    .bind(&json)
    .bind(command.received.to_string())
    .execute(&mut *tx)
    .await
    .map_err(unavailable)?;
    if new.rows_affected() == 1 {
        return Ok(QueueOutcome::New);
    }
    let row = query(
        "SELECT command, outcome FROM commands JOIN contests ON contest = contests.number
         WHERE id = $1 AND key = $2 AND staff = $3",
    )
    .bind(contest.as_str())
    .bind(&command.key)
    .bind(&command.by)
    .fetch_optional(tx)
    .await
    .map_err(unavailable)?
    .ok_or_else(|| no_contest(contest))?;
    let stored: String = row.try_get(0).map_err(unavailable)?;
    if stored != json {
        return Ok(QueueOutcome::IdempotencyKeyUsed);
    }
    let outcome: Option<String> = row.try_get(1).map_err(unavailable)?;
    outcome.as_deref().map(read_outcome).transpose().map(QueueOutcome::Known)
}

/// Stores the outcomes of commands. An outcome is written once and never changes.
pub(crate) async fn finish_commands(
    tx: &mut PooledConnection,
    contest: i32,
    commands: &[(RequestId, CommandOutcome)],
) -> Result<()> {
    if commands.is_empty() {
        return Ok(());
    }
    let keys: Vec<&str> = commands.iter().map(|(request, _)| request.key.as_str()).collect();
    let staff: Vec<&str> = commands.iter().map(|(request, _)| request.by.as_str()).collect();
    let outcomes: Vec<String> = commands
        .iter()
        .map(|(_, outcome)| serde_json::to_string(outcome).map_err(corrupt))
        .collect::<Result<_>>()?;
    let statement = query(
        "UPDATE commands SET outcome = done.outcome FROM unnest($2::text[], $3::text[], $4::text[]) AS done (key, staff, outcome)
         WHERE contest = $1 AND commands.key = done.key AND commands.staff = done.staff AND commands.outcome IS NULL",
    );
    let finished = statement
        .bind(contest)
        .bind(keys)
        .bind(staff)
        .bind(outcomes)
        .execute(tx)
        .await
        .map_err(unavailable)?;
    expect_row_count(finished.rows_affected(), commands.len(), || {
        StoreError::Conflict("a command has an outcome already".to_owned())
    })
}

fn queued_command(row: &PgRow) -> Result<QueuedCommand> {
    let read = || -> std::result::Result<(String, String, String, String), Error> {
        Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?))
    };
    let (key, by, command, received) = read().map_err(unavailable)?;
    Ok(QueuedCommand {
        key,
        by,
        command: serde_json::from_str(&command).map_err(corrupt)?,
        received: received.parse().map_err(corrupt)?,
    })
}

fn read_outcome(json: &str) -> Result<CommandOutcome> {
    serde_json::from_str(json).map_err(corrupt)
}
