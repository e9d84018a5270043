//! Contests and the passes issued for them.

use std::{collections::BTreeSet, sync::Arc};

use acclaim_contest::{ContestId, Instant, SubjectRules, definition::Definition};
use acclaim_store::{
    ContestRecord, Contests, RequestId,
    contests::{ContestChange, ContestState, MintParameters, PassCountOutcome, PassCountRequest},
    error::{Result, StoreError},
};
use async_trait::async_trait;
use sqlx_core::{error::Error, query::query, raw_sql::raw_sql, row::Row as _, sql_str::AssertSqlSafe};
use sqlx_postgres::PgRow;
use tokio::task::spawn_blocking;

use crate::{
    connection::{Durability, PooledConnection, with_timeout},
    contest_row::{lock_contest_with_tag_key, no_contest},
    database::PostgresDatabase,
    error::{corrupt, expect_row_count, gone_or_unavailable, signed, unavailable, unsigned},
    pass_revocations::{barred, forget_reasons, minting as stored_minting},
};

#[async_trait]
impl Contests for PostgresDatabase {
    async fn contests(&self) -> Result<Vec<ContestRecord>> {
        let rows = self
            .rows(query(
                "SELECT revision, definition, phase, closes, withdrawn, tag_key, epoch, shards FROM contests ORDER BY id",
            ))
            .await?;
        records(&rows).await
    }

    async fn revision(&self, id: &ContestId) -> Result<Option<(u64, Option<Vec<u8>>)>> {
        let statement = query("SELECT revision, tag_key FROM contests WHERE id = $1").bind(id.as_str());
        let Some(row) = self.row(statement).await? else { return Ok(None) };
        let key: Vec<u8> = row.try_get(1).map_err(unavailable)?;
        let revision = unsigned(row.try_get(0).map_err(unavailable)?)?;
        Ok(Some((revision, Some(key).filter(|key| !key.is_empty()))))
    }

    async fn contest(&self, id: &ContestId) -> Result<Option<ContestRecord>> {
        let statement = query(
            "SELECT revision, definition, phase, closes, withdrawn, tag_key, epoch, shards FROM contests WHERE id = $1",
        );
        let row = self.row(statement.bind(id.as_str())).await?;
        Ok(records(row.as_slice()).await?.pop())
    }

    async fn create_draft(&self, definition: &Definition, tag_key: &[u8]) -> Result<()> {
        let mut tx = self.begin(Durability::Durable).await?;
        with_timeout(self.statement_timeout(), create(&mut tx, definition, tag_key)).await?;
        tx.commit().await
    }

    async fn edit_draft(&self, definition: &Definition, revision: u64) -> Result<()> {
        let id = &definition.id;
        let statement = query(
            "UPDATE contests SET revision = revision + 1, definition = $1, test = $2, closes = $3
             WHERE id = $4 AND revision = $5 AND phase = 'draft'",
        )
        .bind(definition.to_json())
        .bind(definition.test)
        .bind(definition.closes.seconds())
        .bind(id.as_str())
        .bind(signed(revision)?);
        self.change_one(statement, || format!("contest {id} is not a draft at revision {revision}")).await
    }

    async fn delete_contest(&self, id: &ContestId) -> Result<()> {
        let mut tx = self.begin(Durability::Durable).await?;
        with_timeout(self.statement_timeout(), delete(&mut tx, id)).await?;
        tx.commit().await
    }

    async fn subject_rules(&self, id: &ContestId) -> Result<Option<SubjectRules>> {
        let row = self.row(query("SELECT subjects FROM contests WHERE id = $1").bind(id.as_str())).await?;
        let row = row.ok_or_else(|| no_contest(id))?;
        read_subjects(row.try_get(0).map_err(unavailable)?)
    }

    async fn count_passes(
        &self,
        id: &ContestId,
        tag_key: &[u8],
        passes: PassCountRequest<'_>,
    ) -> Result<PassCountOutcome> {
        let mut tx = self.begin(Durability::Durable).await?;
        let outcome = with_timeout(self.statement_timeout(), count(&mut tx, id, tag_key, passes)).await?;
        // Without a commit the transaction is rolled back.
        if !matches!(outcome, PassCountOutcome::SubjectRulesDiffer | PassCountOutcome::Barred(_)) {
            tx.commit().await?;
        }
        Ok(outcome)
    }

    async fn passes(&self, id: &ContestId) -> Result<Vec<(String, u64)>> {
        let statement = query(
            "SELECT source, total FROM contests LEFT JOIN passes ON contest = number WHERE id = $1 ORDER BY source",
        );
        let rows = self.rows(statement.bind(id.as_str())).await?;
        if rows.is_empty() {
            return Err(no_contest(id));
        }
        let row = |row: &PgRow| -> Result<Option<(String, u64)>> {
            let source: Option<String> = row.try_get(0).map_err(unavailable)?;
            let total: Option<i64> = row.try_get(1).map_err(unavailable)?;
            source.zip(total).map(|(source, total)| Ok((source, unsigned(total)?))).transpose()
        };
        rows.iter().filter_map(|columns| row(columns).transpose()).collect()
    }
}

/// Creates a draft with its partitions. Returns its number.
pub(crate) async fn create(
    tx: &mut PooledConnection,
    definition: &Definition,
    tag_key: &[u8],
) -> Result<i32> {
    let id = &definition.id;
    let created = query(
        "INSERT INTO contests (id, revision, definition, test, phase, closes, withdrawn, tag_key, epoch, shards)
         VALUES ($1, 1, $2, $3, 'draft', $4, '[]', $5, 0, 0) ON CONFLICT (id) DO NOTHING RETURNING number",
    )
    .bind(id.as_str())
    .bind(definition.to_json())
    .bind(definition.test)
    .bind(definition.closes.seconds())
    .bind(tag_key)
    .fetch_optional(&mut *tx)
    .await
    .map_err(unavailable)?
    .ok_or_else(|| StoreError::Conflict(format!("contest {id} already exists")))?;
    let number: i32 = created.try_get(0).map_err(unavailable)?;

    // This check comes after the insertion, which waits for a running deletion of the same id.
    let retired = query("SELECT 1 FROM retired WHERE id = $1").bind(id.as_str());
    if retired.fetch_optional(&mut *tx).await.map_err(unavailable)?.is_some() {
        let why =
            format!("the id {id} belonged to a deleted contest that had passes or a log: choose another id");
        return Err(StoreError::Conflict(why));
    }

    // Attaching an empty table needs no check of rows, and blocks no other reads or writes.
    let partitions = format!(
        "CREATE TABLE entries_{number} (LIKE entries INCLUDING STORAGE, CHECK (contest = {number}), PRIMARY KEY (log_index));
         ALTER TABLE entries ATTACH PARTITION entries_{number} FOR VALUES IN ({number});
         ALTER TABLE entries_{number} DROP CONSTRAINT entries_{number}_contest_check;
         CREATE TABLE ballots_{number} (LIKE ballots INCLUDING STORAGE, CHECK (contest = {number}), PRIMARY KEY (id));
         ALTER TABLE ballots ATTACH PARTITION ballots_{number} FOR VALUES IN ({number});
         ALTER TABLE ballots_{number} DROP CONSTRAINT ballots_{number}_contest_check"
    );
    raw_sql(AssertSqlSafe(partitions)).execute(tx).await.map_err(unavailable)?;
    Ok(number)
}

async fn delete(tx: &mut PooledConnection, id: &ContestId) -> Result<()> {
    let number = deletable(tx, id, "").await?;
    // The tables are locked before the row, as an append does. The short lock time-out ends the
    // wait before other statements queue for long. It is shorter than the second after which the
    // server looks for deadlocks. So in a deadlock this deletion gives up, not another transaction.
    let lock = format!(
        "SET LOCAL lock_timeout = '900ms'; LOCK TABLE entries_{number}, ballots_{number} IN ACCESS EXCLUSIVE MODE"
    );
    raw_sql(AssertSqlSafe(lock)).execute(&mut *tx).await.map_err(gone_or_unavailable)?;
    // Waits for transactions that count passes or append, so that the next statement sees their
    // rows.
    deletable(tx, id, "FOR UPDATE").await?;
    query(
        "INSERT INTO retired (id) SELECT $2 WHERE EXISTS (SELECT 1 FROM heads WHERE contest = $1)
         OR EXISTS (SELECT 1 FROM passes WHERE contest = $1)",
    )
    .bind(number)
    .bind(id.as_str())
    .execute(&mut *tx)
    .await
    .map_err(unavailable)?;
    let deleted = query("DELETE FROM contests WHERE number = $1").bind(number).execute(&mut *tx).await;
    expect_row_count(deleted.map_err(unavailable)?.rows_affected(), 1, || {
        corrupt("a locked contest is gone")
    })?;
    // Dropping a partition also locks the partitioned table.
    let drop = format!("DROP TABLE entries_{number}, ballots_{number}");
    raw_sql(AssertSqlSafe(drop)).execute(tx).await.map_err(unavailable)?;
    Ok(())
}

/// Returns the number of a contest that may be deleted: a draft or a test. `lock` is appended to
/// the statement.
///
/// # Errors
/// `Conflict` if the contest may not be deleted, or does not exist.
async fn deletable(tx: &mut PooledConnection, id: &ContestId, lock: &str) -> Result<i32> {
    let sql = format!("SELECT number FROM contests WHERE id = $1 AND (phase = 'draft' OR test) {lock}");
    let row = query(AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(tx).await.map_err(unavailable)?;
    let refused = || StoreError::Conflict(format!("contest {id} is neither a draft nor a test"));
    row.ok_or_else(refused)?.try_get(0).map_err(unavailable)
}

fn read_subjects(stored: Option<String>) -> Result<Option<SubjectRules>> {
    stored.map(|json| serde_json::from_str(&json).map_err(corrupt)).transpose()
}

/// Returns the rules by which a contest's subjects are compared, or `None` if it has none.
async fn stored_subjects(tx: &mut PooledConnection, contest: i32) -> Result<Option<SubjectRules>> {
    let row = query("SELECT subjects FROM contests WHERE number = $1").bind(contest).fetch_one(tx);
    read_subjects(row.await.map_err(unavailable)?.try_get(0).map_err(unavailable)?)
}

/// Stores the subject rules of a contest that has none. Returns whether the contest has these rules
/// now.
pub(crate) async fn store_subjects(
    tx: &mut PooledConnection,
    contest: i32,
    subjects: &SubjectRules,
) -> Result<bool> {
    // Waits for another transaction that stores rules, and then changes nothing.
    let stored = query("UPDATE contests SET subjects = $1 WHERE number = $2 AND subjects IS NULL")
        .bind(serde_json::to_string(subjects).map_err(corrupt)?)
        .bind(contest)
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
    Ok(stored.rows_affected() == 1 || stored_subjects(tx, contest).await?.as_ref() == Some(subjects))
}

async fn count(
    tx: &mut PooledConnection,
    id: &ContestId,
    tag_key: &[u8],
    passes: PassCountRequest<'_>,
) -> Result<PassCountOutcome> {
    let PassCountRequest { source, id: request_id, request, more, subjects, voters, minting } = passes;
    let contest = lock_contest_with_tag_key(tx, id, tag_key).await?;
    // This check comes first. A repeated `Idempotency-Key` gives no answer to a process with other
    // subject rules.
    let stored_rules = if subjects.is_some() { stored_subjects(tx, contest).await? } else { None };
    if stored_rules.is_some() && stored_rules.as_ref() != subjects {
        return Ok(PassCountOutcome::SubjectRulesDiffer);
    }
    let outcome = insert_pass_request(tx, contest, request_id, request, minting).await?;
    if !matches!(outcome, PassCountOutcome::New(_)) {
        if outcome == PassCountOutcome::IdempotencyKeyUsed {
            return Ok(outcome);
        }
        // The same request can have run at the same time, with other subject rules.
        let stored_rules = stored_subjects(tx, contest).await?;
        let is_other = subjects.is_some() && stored_rules.is_some() && stored_rules.as_ref() != subjects;
        return Ok(if is_other { PassCountOutcome::SubjectRulesDiffer } else { outcome });
    }
    let barred = barred(tx, contest, voters).await?;
    if !barred.is_empty() {
        return Ok(PassCountOutcome::Barred(barred));
    }
    if let (None, Some(subjects)) = (stored_rules, subjects)
        && !store_subjects(tx, contest, subjects).await?
    {
        return Ok(PassCountOutcome::SubjectRulesDiffer);
    }
    let total = query(
        "INSERT INTO passes (contest, source, total) VALUES ($1, $2, $3)
         ON CONFLICT (contest, source) DO UPDATE SET total = passes.total + excluded.total",
    )
    .bind(contest)
    .bind(source)
    .bind(signed(more)?)
    .execute(tx)
    .await
    .map_err(unavailable)?;
    expect_row_count(total.rows_affected(), 1, || corrupt("passes were not counted"))?;
    Ok(outcome)
}

/// Stores a request that mints passes. Returns its earlier outcome if it was counted before.
async fn insert_pass_request(
    tx: &mut PooledConnection,
    contest: i32,
    request_id: &RequestId,
    request: [u8; 32],
    minting: MintParameters,
) -> Result<PassCountOutcome> {
    // Rows without a staff key are from an older schema. No new ones are added.
    let new = query(
        "INSERT INTO pass_requests (contest, key, staff, request, schema, pass_key, expires, admitted, generation)
         SELECT $1, $2, $3, $4, 7, $5, $6, $7, coalesce((SELECT max(generation) FROM revocations WHERE contest = $1), 0)
         WHERE NOT EXISTS (SELECT 1 FROM pass_requests WHERE contest = $1 AND key = $2 AND staff = '')
         ON CONFLICT (contest, key, staff) DO NOTHING RETURNING generation",
    )
    .bind(contest)
    .bind(&request_id.key)
    .bind(&request_id.by)
    .bind(&request[..])
    .bind(i64::from(minting.pass_key))
    .bind(minting.expires.seconds())
    .bind(minting.admitted.seconds())
    .fetch_optional(&mut *tx)
    .await
    .map_err(unavailable)?;
    if let Some(row) = new {
        let generation: i32 = row.try_get(0).map_err(unavailable)?;
        return Ok(PassCountOutcome::New(MintParameters {
            generation: generation.try_into().map_err(corrupt)?,
            ..minting
        }));
    }
    let row = query(
        "SELECT staff, request, pass_key, expires, admitted, generation FROM pass_requests
         WHERE contest = $1 AND key = $2 AND staff IN ($3, '')",
    )
    .bind(contest)
    .bind(&request_id.key)
    .bind(&request_id.by)
    .fetch_one(tx)
    .await
    .map_err(unavailable)?;
    let (staff, known): (String, Vec<u8>) =
        (row.try_get(0).map_err(unavailable)?, row.try_get(1).map_err(unavailable)?);
    Ok(PassCountOutcome::again(known == request, &staff, stored_minting(&row, 2)?))
}

/// A row of the table of contests.
struct StoredContest {
    revision: i64,
    definition: String,
    phase: String,
    closes: i64,
    withdrawn: String,
    tag_key: Vec<u8>,
    epoch: i64,
    shards: i32,
}

fn stored(row: &PgRow) -> std::result::Result<StoredContest, Error> {
    Ok(StoredContest {
        revision: row.try_get(0)?,
        definition: row.try_get(1)?,
        phase: row.try_get(2)?,
        closes: row.try_get(3)?,
        withdrawn: row.try_get(4)?,
        tag_key: row.try_get(5)?,
        epoch: row.try_get(6)?,
        shards: row.try_get(7)?,
    })
}

/// Converts rows to contests. Large definitions take time to parse, so a blocking thread does it.
async fn records(rows: &[PgRow]) -> Result<Vec<ContestRecord>> {
    let stored = rows.iter().map(stored).collect::<std::result::Result<Vec<_>, _>>().map_err(unavailable)?;
    let reading = spawn_blocking(move || stored.into_iter().map(record).collect());
    reading.await.map_err(|error| StoreError::Unavailable(error.to_string()))?
}

fn record(row: StoredContest) -> Result<ContestRecord> {
    let definition = Definition::from_stored_json(row.definition.as_bytes()).map_err(corrupt)?;
    let withdrawn: BTreeSet<_> = serde_json::from_str(&row.withdrawn).map_err(corrupt)?;
    Ok(ContestRecord {
        definition: Arc::new(definition),
        revision: unsigned(row.revision)?,
        state: ContestState {
            phase: row.phase.parse().map_err(corrupt)?,
            closes: Instant::from_seconds(row.closes).ok_or_else(|| corrupt("closing instant"))?,
            withdrawn,
            // An epoch is any 64 bits. Postgres stores it as a signed integer.
            epoch: row.epoch.cast_unsigned(),
            shards: row.shards.try_into().map_err(corrupt)?,
        },
        tag_key: Some(row.tag_key).filter(|key| !key.is_empty()),
    })
}

/// Replaces the state of a contest, and its definition if that changes too.
///
/// # Errors
/// `Conflict` if the contest's tag key or revision is not the expected one.
pub(crate) async fn change_contest(
    tx: &mut PooledConnection,
    contest: i32,
    change: &ContestChange,
) -> Result<()> {
    let state = &change.state;
    let changed = query(
        "UPDATE contests SET revision = revision + 1, definition = coalesce($1, definition), phase = $2, closes = $3,
         withdrawn = $4, epoch = $5, shards = $6, tag_key = CASE WHEN $7 THEN ''::bytea ELSE tag_key END
         WHERE number = $8 AND revision = $9 AND tag_key = $10",
    )
    .bind(change.definition.as_ref().map(Definition::to_json))
    .bind(state.phase.as_str())
    .bind(state.closes.seconds())
    .bind(serde_json::to_string(&state.withdrawn).map_err(corrupt)?)
    .bind(state.epoch.cast_signed())
    .bind(i32::from(state.shards))
    .bind(change.tag_key_destroyed)
    .bind(contest)
    .bind(signed(change.revision)?)
    .bind(change.tag_key.as_deref().unwrap_or_default())
    .execute(&mut *tx)
    .await
    .map_err(unavailable)?;
    let why = || {
        StoreError::Conflict(format!("the contest was replaced, or is not at revision {}", change.revision))
    };
    expect_row_count(changed.rows_affected(), 1, why)?;
    if change.tag_key_destroyed { forget_reasons(tx, contest).await } else { Ok(()) }
}
