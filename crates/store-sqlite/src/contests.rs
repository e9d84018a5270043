//! Contests and the passes issued for them.

use std::{collections::BTreeSet, sync::Arc};

use acclaim_contest::{ContestId, Instant, SubjectRules, definition::Definition};
use acclaim_store::{
    ContestRecord, Contests, RequestId,
    contests::{ContestChange, ContestState, MintParameters, PassCountOutcome, PassCountRequest},
    error::{Result, StoreError},
};
use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use crate::{
    contest_number::{contest_number, require_contest_number},
    database::SqliteDatabase,
    error::{corrupt, signed, unavailable, unsigned},
    pass_revocations::{
        StoredMintParameters, barred_and_newest, forget_reasons, minting, require_contest_with_tag_key,
    },
};

#[async_trait]
impl Contests for SqliteDatabase {
    async fn contests(&self) -> Result<Vec<ContestRecord>> {
        self.read(|tx| {
            let mut statement = tx
                .prepare_cached(
                    "SELECT revision, definition, phase, closes, withdrawn, tag_key, epoch, shards FROM contests ORDER BY id",
                )
                .map_err(unavailable)?;
            let rows = statement.query_map([], StoredContest::read).map_err(unavailable)?;
            rows.map(|row| row.map_err(unavailable)?.record()).collect()
        })
        .await
    }

    async fn revision(&self, id: &ContestId) -> Result<Option<(u64, Option<Vec<u8>>)>> {
        let id = id.clone();
        self.read(move |tx| {
            let found = tx
                .prepare_cached("SELECT revision, tag_key FROM contests WHERE id = ?1")
                .and_then(|mut statement| {
                    let row = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?));
                    statement.query_row([id.as_str()], row).optional()
                })
                .map_err(unavailable)?;
            found
                .map(|(revision, key)| Ok((unsigned(revision)?, Some(key).filter(|key| !key.is_empty()))))
                .transpose()
        })
        .await
    }

    async fn contest(&self, id: &ContestId) -> Result<Option<ContestRecord>> {
        let id = id.clone();
        self.read(move |tx| read_contest(tx, &id)).await
    }

    async fn create_draft(&self, definition: &Definition, tag_key: &[u8]) -> Result<()> {
        let (id, json, test) = (definition.id.clone(), definition.to_json(), definition.test);
        let (closes, tag_key) = (definition.closes.seconds(), tag_key.to_vec());
        self.write(move |tx| {
            if contest_number(tx, &id)?.is_some() {
                return Err(StoreError::Conflict(format!("contest {id} already exists")));
            }
            if is_retired(tx, &id)? {
                let why = format!("the id {id} belonged to a deleted contest that had passes or a log: choose another id");
                return Err(StoreError::Conflict(why));
            }
            tx.execute(
                "INSERT INTO contests (id, revision, definition, test, phase, closes, withdrawn, tag_key, epoch, shards, subjects)
                 VALUES (?1, 1, ?2, ?3, 'draft', ?4, '[]', ?5, 0, 0, NULL)",
                params![id.as_str(), json, test, closes, tag_key],
            )
            .map_err(unavailable)?;
            Ok(())
        })
        .await
    }

    async fn edit_draft(&self, definition: &Definition, revision: u64) -> Result<()> {
        let (id, json, test) = (definition.id.clone(), definition.to_json(), definition.test);
        let closes = definition.closes.seconds();
        self.write(move |tx| {
            let changed = tx
                .execute(
                    "UPDATE contests SET revision = revision + 1, definition = ?1, test = ?2, closes = ?3
                     WHERE id = ?4 AND revision = ?5 AND phase = 'draft'",
                    params![json, test, closes, id.as_str(), signed(revision)?],
                )
                .map_err(unavailable)?;
            match changed {
                1 => Ok(()),
                _ => Err(StoreError::Conflict(format!("contest {id} is not a draft at revision {revision}"))),
            }
        })
        .await
    }

    async fn delete_contest(&self, id: &ContestId) -> Result<()> {
        let id = id.clone();
        self.write(move |tx| {
            tx.execute(
                "INSERT OR IGNORE INTO retired (id) SELECT id FROM contests WHERE id = ?1 AND
                 (EXISTS (SELECT 1 FROM heads WHERE contest = number) OR EXISTS (SELECT 1 FROM passes WHERE contest = number))",
                [id.as_str()],
            )
            .map_err(unavailable)?;
            let deleted = tx
                .execute("DELETE FROM contests WHERE id = ?1 AND (phase = 'draft' OR test)", [id.as_str()])
                .map_err(unavailable)?;
            match deleted {
                1 => Ok(()),
                _ => Err(StoreError::Conflict(format!("contest {id} is neither a draft nor a test"))),
            }
        })
        .await
    }

    async fn subject_rules(&self, id: &ContestId) -> Result<Option<SubjectRules>> {
        let id = id.clone();
        self.read(move |tx| {
            let contest = require_contest_number(tx, &id)?;
            read_subjects(tx, contest)
        })
        .await
    }

    async fn count_passes(
        &self,
        id: &ContestId,
        tag_key: &[u8],
        passes: PassCountRequest<'_>,
    ) -> Result<PassCountOutcome> {
        let PassCountRequest { source, id: request_id, request, more, subjects, voters, minting } = passes;
        let (id, source, request_id) = (id.clone(), source.to_owned(), request_id.clone());
        let (tag_key, subjects, voters) = (tag_key.to_vec(), subjects.cloned(), voters.to_vec());
        self.write(move |tx| {
            let contest = require_contest_with_tag_key(tx, &id, &tag_key)?;
            // This check comes first. A repeated `Idempotency-Key` gives no answer to a process
            // with other subject rules.
            let stored_rules = read_subjects(tx, contest)?;
            if subjects.is_some() && stored_rules.is_some() && stored_rules != subjects {
                return Ok(PassCountOutcome::SubjectRulesDiffer);
            }
            if let Some(known) = counted_before(tx, contest, &request_id, request)? {
                return Ok(known);
            }
            let (barred, generation) = barred_and_newest(tx, contest, &voters)?;
            if !barred.is_empty() {
                return Ok(PassCountOutcome::Barred(barred));
            }
            let minting = MintParameters { generation, ..minting };
            if let (None, Some(subjects)) = (stored_rules, &subjects) {
                store_subjects(tx, contest, subjects)?;
            }
            tx.execute(
                "INSERT INTO pass_requests (contest, key, staff, request, pass_key, expires, admitted, generation)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    contest,
                    request_id.key,
                    request_id.by,
                    request,
                    minting.pass_key,
                    minting.expires.seconds(),
                    minting.admitted.seconds(),
                    generation
                ],
            )
            .map_err(unavailable)?;
            tx.execute(
                "INSERT INTO passes (contest, source, total) VALUES (?1, ?2, ?3)
                 ON CONFLICT (contest, source) DO UPDATE SET total = total + excluded.total",
                params![contest, source, signed(more)?],
            )
            .map_err(unavailable)?;
            Ok(PassCountOutcome::New(minting))
        })
        .await
    }

    async fn passes(&self, id: &ContestId) -> Result<Vec<(String, u64)>> {
        let id = id.clone();
        self.read(move |tx| {
            let contest = require_contest_number(tx, &id)?;
            let mut statement = tx
                .prepare_cached("SELECT source, total FROM passes WHERE contest = ?1 ORDER BY source")
                .map_err(unavailable)?;
            let rows = statement
                .query_map([contest], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))
                .map_err(unavailable)?;
            rows.map(|row| {
                row.map_err(unavailable).and_then(|(source, total)| Ok((source, unsigned(total)?)))
            })
            .collect()
        })
        .await
    }
}

/// Returns the outcome if the request was counted before, or `None` if the count must be done now.
fn counted_before(
    tx: &Transaction<'_>,
    contest: i64,
    request_id: &RequestId,
    request: [u8; 32],
) -> Result<Option<PassCountOutcome>> {
    // There is at most one row. Where an older schema left a row without a staff key, no other row
    // is added.
    let known: Option<(String, [u8; 32], StoredMintParameters)> = tx
        .query_row(
            "SELECT staff, request, pass_key, expires, admitted, generation FROM pass_requests WHERE contest = ?1 AND key = ?2 AND staff IN (?3, '')",
            params![contest, request_id.key, request_id.by],
            |row| {
                let stored = (row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
                Ok((row.get(0)?, row.get(1)?, stored))
            },
        )
        .optional()
        .map_err(unavailable)?;
    known
        .map(|(staff, known, stored)| Ok(PassCountOutcome::again(known == request, &staff, minting(stored)?)))
        .transpose()
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
    shards: u16,
}

impl StoredContest {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            revision: row.get(0)?,
            definition: row.get(1)?,
            phase: row.get(2)?,
            closes: row.get(3)?,
            withdrawn: row.get(4)?,
            tag_key: row.get(5)?,
            epoch: row.get(6)?,
            shards: row.get(7)?,
        })
    }

    fn record(self) -> Result<ContestRecord> {
        let definition = Definition::from_stored_json(self.definition.as_bytes()).map_err(corrupt)?;
        let withdrawn: BTreeSet<_> = serde_json::from_str(&self.withdrawn).map_err(corrupt)?;
        Ok(ContestRecord {
            definition: Arc::new(definition),
            revision: unsigned(self.revision)?,
            state: ContestState {
                phase: self.phase.parse().map_err(corrupt)?,
                closes: Instant::from_seconds(self.closes).ok_or_else(|| corrupt("closing instant"))?,
                withdrawn,
                // An epoch is any 64 bits. SQLite stores it as a signed integer.
                epoch: self.epoch.cast_unsigned(),
                shards: self.shards,
            },
            tag_key: Some(self.tag_key).filter(|key| !key.is_empty()),
        })
    }
}

/// Returns the contest with this id, or `None` if it does not exist.
pub(crate) fn read_contest(tx: &Transaction<'_>, id: &ContestId) -> Result<Option<ContestRecord>> {
    tx.prepare_cached(
        "SELECT revision, definition, phase, closes, withdrawn, tag_key, epoch, shards FROM contests WHERE id = ?1",
    )
    .and_then(|mut statement| statement.query_row([id.as_str()], StoredContest::read).optional())
    .map_err(unavailable)?
    .map(StoredContest::record)
    .transpose()
}

/// Returns the rules by which a contest's subjects are compared, or `None` if it has none.
pub(crate) fn read_subjects(tx: &Transaction<'_>, contest: i64) -> Result<Option<SubjectRules>> {
    let stored: Option<String> = tx
        .query_row("SELECT subjects FROM contests WHERE number = ?1", [contest], |row| row.get(0))
        .map_err(unavailable)?;
    stored.map(|json| serde_json::from_str(&json).map_err(corrupt)).transpose()
}

/// Stores the subject rules of a contest that has none.
fn store_subjects(tx: &Transaction<'_>, contest: i64, subjects: &SubjectRules) -> Result<()> {
    let json = serde_json::to_string(subjects).map_err(corrupt)?;
    tx.execute("UPDATE contests SET subjects = ?1 WHERE number = ?2", params![json, contest])
        .map_err(unavailable)?;
    Ok(())
}

fn is_retired(tx: &Transaction<'_>, id: &ContestId) -> Result<bool> {
    tx.query_row("SELECT EXISTS (SELECT 1 FROM retired WHERE id = ?1)", [id.as_str()], |row| row.get(0))
        .map_err(unavailable)
}

/// Replaces the state of a contest, and its definition if that changes too.
///
/// # Errors
/// `Conflict` if the contest's tag key or revision is not the expected one.
pub(crate) fn change_contest(tx: &Transaction<'_>, contest: i64, change: &ContestChange) -> Result<()> {
    let state = &change.state;
    let withdrawn = serde_json::to_string(&state.withdrawn).map_err(corrupt)?;
    let changed = tx
        .execute(
            "UPDATE contests SET revision = revision + 1, definition = coalesce(?1, definition), phase = ?2, closes = ?3,
             withdrawn = ?4, epoch = ?5, shards = ?6, tag_key = CASE WHEN ?7 THEN x'' ELSE tag_key END
             WHERE number = ?8 AND revision = ?9 AND tag_key = ?10",
            params![
                change.definition.as_ref().map(Definition::to_json),
                state.phase.as_str(),
                state.closes.seconds(),
                withdrawn,
                state.epoch.cast_signed(),
                state.shards,
                change.tag_key_destroyed,
                contest,
                signed(change.revision)?,
                change.tag_key.as_deref().unwrap_or_default()
            ],
        )
        .map_err(unavailable)?;
    match changed {
        1 if change.tag_key_destroyed => forget_reasons(tx, contest),
        1 => Ok(()),
        _ => {
            let why = format!("the contest was replaced, or is not at revision {}", change.revision);
            Err(StoreError::Conflict(why))
        }
    }
}
