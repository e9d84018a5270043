//! Revoked passes.

use std::collections::HashSet;

use acclaim_contest::{ContestId, Instant, VoterTag};
use acclaim_store::{
    PassRevocations, StoreError,
    contests::MintParameters,
    error::Result,
    pass_revocations::{
        PassRevocation, PassRevocationMode, PassRevocationOutcome, RevokedCounts, RevokedVoter,
    },
};
use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use crate::{
    contest_number::require_contest_number,
    database::SqliteDatabase,
    error::{corrupt, unavailable, unsigned},
};

#[async_trait]
impl PassRevocations for SqliteDatabase {
    async fn revoke_passes(
        &self,
        id: &ContestId,
        tag_key: &[u8],
        revocation: &PassRevocation,
        voters: &[VoterTag],
    ) -> Result<PassRevocationOutcome> {
        let (id, tag_key) = (id.clone(), tag_key.to_vec());
        let (revocation, voters) = (revocation.clone(), voters.to_vec());
        self.write(move |tx| {
            let contest = require_contest_with_tag_key(tx, &id, &tag_key)?;
            revoke(tx, contest, &revocation, &voters)
        })
        .await
    }

    async fn revoked_voters(&self, after: u32) -> Result<Vec<RevokedVoter>> {
        self.read(move |tx| {
            let mut statement = tx
                .prepare_cached(
                    "SELECT tag, generation, barred FROM revoked_voters WHERE generation > ?1 ORDER BY generation",
                )
                .map_err(unavailable)?;
            let rows = statement.query_map([after], revoked_voter).map_err(unavailable)?;
            rows.map(|row| row.map_err(unavailable)).collect()
        })
        .await
    }

    async fn count_revoked(&self, id: &ContestId) -> Result<RevokedCounts> {
        let id = id.clone();
        self.read(move |tx| {
            let (replaced, barred, newest): (i64, i64, u32) = tx
                .query_row(
                    "SELECT coalesce(sum(NOT barred), 0), coalesce(sum(barred), 0), coalesce(max(generation), 0) FROM revoked_voters WHERE contest = ?1",
                    [require_contest_number(tx, &id)?],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
                .map_err(unavailable)?;
            Ok(RevokedCounts { replaced: unsigned(replaced)?, barred: unsigned(barred)?, newest })
        })
        .await
    }

    fn is_shared(&self) -> bool {
        // The directory's lock excludes other servers. Commands that run beside the server revoke
        // no passes.
        false
    }
}

/// Returns the number of a contest that must exist and have this tag key.
///
/// # Errors
/// `Conflict` if it does not.
pub(crate) fn require_contest_with_tag_key(
    tx: &Transaction<'_>,
    id: &ContestId,
    tag_key: &[u8],
) -> Result<i64> {
    tx.query_row(
        "SELECT number FROM contests WHERE id = ?1 AND tag_key = ?2",
        params![id.as_str(), tag_key],
        |row| row.get(0),
    )
    .optional()
    .map_err(unavailable)?
    .ok_or_else(|| StoreError::Conflict(format!("there is no contest {id} with this tag key")))
}

fn revoke(
    tx: &Transaction<'_>,
    contest: i64,
    revocation: &PassRevocation,
    voters: &[VoterTag],
) -> Result<PassRevocationOutcome> {
    let PassRevocation { id, request, mode, reason, at } = revocation;
    let known: Option<(u32, [u8; 32], i64)> = tx
        .query_row(
            "SELECT generation, request, at FROM revocations WHERE contest = ?1 AND key = ?2 AND staff = ?3",
            params![contest, id.key, id.by],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()
        .map_err(unavailable)?;
    match known {
        Some((generation, known, at)) if known == *request => {
            return Ok(PassRevocationOutcome::Done { generation, at: instant(at)? });
        }
        Some(_) => return Ok(PassRevocationOutcome::IdempotencyKeyUsed),
        None => {}
    }
    let generation: u32 = tx
        .query_row(
            "INSERT INTO revocations (contest, key, staff, request, mode, reason, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING generation",
            params![contest, id.key, id.by, request, mode.as_str(), reason, at.seconds()],
            |row| row.get(0),
        )
        .map_err(unavailable)?;
    let is_barred = *mode == PassRevocationMode::Bar;
    let mut statement = tx
        .prepare_cached(
            "INSERT INTO revoked_voters (contest, tag, generation, barred) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (contest, tag) DO UPDATE SET generation = excluded.generation, barred = excluded.barred",
        )
        .map_err(unavailable)?;
    for voter in voters {
        statement.execute(params![contest, voter.0, generation, is_barred]).map_err(unavailable)?;
    }
    Ok(PassRevocationOutcome::Done { generation, at: *at })
}

/// Returns those of `voters` that are barred, and the generation of the contest's newest revocation
/// (0 if there is none).
pub(crate) fn barred_and_newest(
    tx: &Transaction<'_>,
    contest: i64,
    voters: &[VoterTag],
) -> Result<(Vec<VoterTag>, u32)> {
    let mut statement = tx
        .prepare_cached("SELECT tag FROM revoked_voters WHERE contest = ?1 AND barred")
        .map_err(unavailable)?;
    let rows = statement.query_map([contest], |row| row.get(0).map(VoterTag)).map_err(unavailable)?;
    let barred: HashSet<VoterTag> = rows.collect::<rusqlite::Result<_>>().map_err(unavailable)?;
    let barred_voters = voters.iter().filter(|voter| barred.contains(voter)).copied().collect();
    let newest = tx
        .query_row(
            "SELECT coalesce(max(generation), 0) FROM revocations WHERE contest = ?1",
            [contest],
            |row| row.get(0),
        )
        .map_err(unavailable)?;
    Ok((barred_voters, newest))
}

/// Deletes the reasons of revocations and the hashes of their content, which could identify the
/// voters. The passes stay revoked.
pub(crate) fn forget_reasons(tx: &Transaction<'_>, contest: i64) -> Result<()> {
    tx.execute("DELETE FROM revocations WHERE contest = ?1", [contest]).map_err(unavailable)?;
    Ok(())
}

/// Reads tag, generation, and whether the voter is barred.
pub(crate) fn revoked_voter(row: &Row<'_>) -> rusqlite::Result<RevokedVoter> {
    Ok(RevokedVoter { voter: VoterTag(row.get(0)?), generation: row.get(1)?, is_barred: row.get(2)? })
}

pub(crate) type StoredMintParameters = (Option<u32>, Option<i64>, Option<i64>, Option<u32>);

/// Converts the columns `pass_key`, `expires`, `admitted` and `generation` of a request for passes.
///
/// Returns `None` for a row of an earlier program, whose passes are of version 1.
pub(crate) fn minting(
    (pass_key, expires, admitted, generation): StoredMintParameters,
) -> Result<Option<MintParameters>> {
    let (Some(pass_key), Some(expires), Some(admitted), Some(generation)) =
        (pass_key, expires, admitted, generation)
    else {
        return Ok(None);
    };
    Ok(Some(MintParameters {
        pass_key,
        expires: instant(expires)?,
        admitted: instant(admitted)?,
        generation,
    }))
}

pub(crate) fn instant(seconds: i64) -> Result<Instant> {
    Instant::from_seconds(seconds).ok_or_else(|| corrupt("an instant of a pass"))
}
