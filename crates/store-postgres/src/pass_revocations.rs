//! Revoked passes.

use acclaim_contest::{ContestId, Instant, VoterTag};
use acclaim_store::{
    PassRevocations,
    contests::MintParameters,
    error::Result,
    pass_revocations::{
        PassRevocation, PassRevocationMode, PassRevocationOutcome, RevokedCounts, RevokedVoter,
    },
};
use async_trait::async_trait;
use sqlx_core::{error::Error, query::query, raw_sql::raw_sql, row::Row as _};
use sqlx_postgres::PgRow;

use crate::{
    connection::{Durability, PooledConnection, with_timeout},
    contest_row::lock_contest_with_tag_key,
    database::PostgresDatabase,
    error::{corrupt, expect_row_count, unavailable, unsigned},
};

#[async_trait]
impl PassRevocations for PostgresDatabase {
    async fn revoke_passes(
        &self,
        id: &ContestId,
        tag_key: &[u8],
        revocation: &PassRevocation,
        voters: &[VoterTag],
    ) -> Result<PassRevocationOutcome> {
        let mut tx = self.begin(Durability::Durable).await?;
        let outcome =
            with_timeout(self.statement_timeout(), revoke(&mut tx, id, tag_key, revocation, voters)).await?;
        tx.commit().await?;
        Ok(outcome)
    }

    async fn revoked_voters(&self, after: u32) -> Result<Vec<RevokedVoter>> {
        let statement = query(
            "SELECT tag, generation, barred FROM revoked_voters WHERE generation > $1 ORDER BY generation",
        );
        let rows = self.rows(statement.bind(stored_generation(after)?)).await?;
        rows.iter().map(revoked_voter).collect()
    }

    async fn count_revoked(&self, id: &ContestId) -> Result<RevokedCounts> {
        let statement = query(
            "SELECT count(*) FILTER (WHERE NOT barred), count(*) FILTER (WHERE barred), coalesce(max(generation), 0)
             FROM revoked_voters JOIN contests ON contest = number WHERE id = $1",
        );
        let row = self.row(statement.bind(id.as_str())).await?.ok_or_else(|| corrupt("a count of no row"))?;
        let count = |column: usize| unsigned(row.try_get(column).map_err(unavailable)?);
        let newest: i32 = row.try_get(2).map_err(unavailable)?;
        let newest = newest.try_into().map_err(corrupt)?;
        Ok(RevokedCounts { replaced: count(0)?, barred: count(1)?, newest })
    }

    fn is_shared(&self) -> bool {
        true
    }
}

async fn revoke(
    tx: &mut PooledConnection,
    id: &ContestId,
    tag_key: &[u8],
    revocation: &PassRevocation,
    voters: &[VoterTag],
) -> Result<PassRevocationOutcome> {
    lock_contest_with_tag_key(tx, id, tag_key).await?;
    // Revocations run one at a time, until their commits. A process that reads a generation has
    // thus read every lower one, or reads it now. Minting only reads the table, so it is not
    // blocked.
    raw_sql("LOCK TABLE revocations IN SHARE ROW EXCLUSIVE MODE")
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
    // The tag key can have been destroyed while this transaction waited for the lock. After that no
    // reason may be stored.
    let contest = lock_contest_with_tag_key(tx, id, tag_key).await?;
    if let Some(known) = revoked_before(tx, contest, revocation).await? {
        return Ok(known);
    }
    let PassRevocation { id, request, mode, reason, at } = revocation;
    let row = query(
        "INSERT INTO revocations (contest, key, staff, request, mode, reason, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING generation",
    )
    .bind(contest)
    .bind(&id.key)
    .bind(&id.by)
    .bind(&request[..])
    .bind(mode.as_str())
    .bind(reason)
    .bind(at.seconds())
    .fetch_one(&mut *tx)
    .await
    .map_err(unavailable)?;
    let generation: i32 = row.try_get(0).map_err(unavailable)?;
    let tags: Vec<Vec<u8>> = voters.iter().map(|voter| voter.0.to_vec()).collect();
    let statement = query(
        "INSERT INTO revoked_voters (contest, tag, generation, barred) SELECT $1, tag, $3, $4 FROM unnest($2::bytea[]) AS tag
         ON CONFLICT (contest, tag) DO UPDATE SET generation = excluded.generation, barred = excluded.barred",
    );
    let statement =
        statement.bind(contest).bind(tags).bind(generation).bind(*mode == PassRevocationMode::Bar);
    let revoked = statement.execute(tx).await.map_err(unavailable)?;
    expect_row_count(revoked.rows_affected(), voters.len(), || corrupt("a voter was not revoked"))?;
    Ok(PassRevocationOutcome::Done { generation: generation.try_into().map_err(corrupt)?, at: *at })
}

/// Returns the outcome if the same request was made before.
async fn revoked_before(
    tx: &mut PooledConnection,
    contest: i32,
    revocation: &PassRevocation,
) -> Result<Option<PassRevocationOutcome>> {
    let PassRevocation { id, request, .. } = revocation;
    let statement = query(
        "SELECT generation, request, at FROM revocations WHERE contest = $1 AND key = $2 AND staff = $3",
    );
    let statement = statement.bind(contest).bind(&id.key).bind(&id.by);
    let Some(row) = statement.fetch_optional(tx).await.map_err(unavailable)? else { return Ok(None) };
    let read = || -> std::result::Result<(i32, Vec<u8>, i64), Error> {
        Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
    };
    let (generation, known, at) = read().map_err(unavailable)?;
    if known != request {
        return Ok(Some(PassRevocationOutcome::IdempotencyKeyUsed));
    }
    Ok(Some(PassRevocationOutcome::Done {
        generation: generation.try_into().map_err(corrupt)?,
        at: instant(at)?,
    }))
}

/// Returns those of the voters that are barred from new passes.
pub(crate) async fn barred(
    tx: &mut PooledConnection,
    contest: i32,
    voters: &[VoterTag],
) -> Result<Vec<VoterTag>> {
    let tags: Vec<Vec<u8>> = voters.iter().map(|voter| voter.0.to_vec()).collect();
    let statement = query(
        "SELECT tag, generation, barred FROM revoked_voters WHERE contest = $1 AND barred AND tag = ANY($2)",
    );
    let rows = statement.bind(contest).bind(tags).fetch_all(tx).await.map_err(unavailable)?;
    rows.iter().map(|row| Ok(revoked_voter(row)?.voter)).collect()
}

/// Deletes the reasons of revocations and the hashes of their content, which could identify the
/// voters. The passes stay revoked.
pub(crate) async fn forget_reasons(tx: &mut PooledConnection, contest: i32) -> Result<()> {
    let statement = query("DELETE FROM revocations WHERE contest = $1");
    statement.bind(contest).execute(tx).await.map_err(unavailable)?;
    Ok(())
}

fn revoked_voter(row: &PgRow) -> Result<RevokedVoter> {
    let read = || -> std::result::Result<(Vec<u8>, i32, bool), Error> {
        Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
    };
    let (tag, generation, is_barred) = read().map_err(unavailable)?;
    Ok(RevokedVoter {
        voter: VoterTag(tag.try_into().map_err(|_| corrupt("the tag of a revoked voter"))?),
        generation: generation.try_into().map_err(corrupt)?,
        is_barred,
    })
}

/// Reads the contents of the passes of a request.
///
/// They are in four columns from `first` on: `pass_key`, `expires`, `admitted` and `generation`.
/// Returns `None` for a row of an earlier program, whose passes are of version 1.
pub(crate) fn minting(row: &PgRow, first: usize) -> Result<Option<MintParameters>> {
    type Columns = (Option<i64>, Option<i64>, Option<i64>, Option<i32>);
    let read = || -> std::result::Result<Columns, Error> {
        Ok((row.try_get(first)?, row.try_get(first + 1)?, row.try_get(first + 2)?, row.try_get(first + 3)?))
    };
    let (Some(pass_key), Some(expires), Some(admitted), Some(generation)) = read().map_err(unavailable)?
    else {
        return Ok(None);
    };
    Ok(Some(MintParameters {
        pass_key: pass_key.try_into().map_err(corrupt)?,
        expires: instant(expires)?,
        admitted: instant(admitted)?,
        generation: generation.try_into().map_err(corrupt)?,
    }))
}

fn instant(seconds: i64) -> Result<Instant> {
    Instant::from_seconds(seconds).ok_or_else(|| corrupt("an instant of a pass"))
}

/// Converts to Postgres's integers, which are signed.
pub(crate) fn stored_generation(generation: u32) -> Result<i32> {
    i32::try_from(generation).map_err(|_| corrupt(format!("the generation {generation} is out of range")))
}
