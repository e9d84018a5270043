//! The logs of the contests: entries, tiles, heads, ballots, rejections and turnout.

use acclaim_ballot_log::{hash::Hash, tile::TileId};
use acclaim_contest::{BallotId, BallotState, ContestId};
use acclaim_store::{
    Ledger,
    block::{Block, entries_from},
    error::{Result, StoreError},
    hub::Rejection,
    intake::Cursors,
    ledger::{Append, Head, RecordedBallot, StoredBallot, Turnout, read_state, stored_state},
};
use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use crate::{
    commands::finish_commands,
    contest_number::{contest_number, require_contest_number},
    contests::change_contest,
    database::SqliteDatabase,
    error::{corrupt, signed, unavailable, unsigned},
};

/// The largest number of bytes in a row of entries.
///
/// A row fills at most a quarter of a page of 4,096 bytes. SQLite moves the rest of a longer row to
/// a page of its own.
const MAX_BLOCK_BYTES: usize = 950;
/// The approximate number of bytes of entries that one read returns at most.
const MAX_READ_BYTES: usize = 8 << 20;

#[async_trait]
impl Ledger for SqliteDatabase {
    async fn head(&self, contest: &ContestId) -> Result<Option<Head>> {
        let id = contest.clone();
        self.read(move |tx| match contest_number(tx, &id)? {
            Some(contest) => read_head(tx, contest),
            None => Ok(None),
        })
        .await
    }

    async fn append(&self, contest: &ContestId, append: Append) -> Result<()> {
        let id = contest.clone();
        let erases = append.contest.as_ref().is_some_and(|change| change.tag_key_destroyed);
        self.write(move |tx| {
            let contest = require_contest_number(tx, &id)?;
            swap_head(tx, contest, &append)?;
            insert_entries(tx, contest, &append)?;
            insert_ballots(tx, contest, &append.ballots)?;
            mark_ballots(tx, contest, &append.marks)?;
            upsert_tiles(tx, contest, &append.tiles)?;
            finish_commands(tx, contest, &append.commands)?;
            if let Some(change) = &append.contest {
                change_contest(tx, contest, change)?;
            }
            insert_rejections(tx, contest, &append.rejected)?;
            add_turnout(tx, contest, &append.turnout)
        })
        .await?;
        if erases && let Err(error) = self.erase().await {
            // The append is committed all the same.
            tracing::warn!(%contest, %error, "bytes of a destroyed key stay in the write-ahead log until the next start");
        }
        Ok(())
    }

    async fn ensure_durable(&self, contest: &ContestId) -> Result<()> {
        let id = contest.clone();
        // The commit of this update also syncs all earlier writes. A killed process may have left
        // writes that only the system's memory holds.
        self.write(move |tx| {
            let contest = require_contest_number(tx, &id)?;
            tx.execute("UPDATE heads SET size = size WHERE contest = ?1", [contest]).map_err(unavailable)?;
            Ok(())
        })
        .await
    }

    async fn entries(&self, contest: &ContestId, from: u64, limit: usize) -> Result<Vec<Bytes>> {
        let id = contest.clone();
        self.read(move |tx| {
            let contest = require_contest_number(tx, &id)?;
            let mut statement = tx
                .prepare_cached(
                    "SELECT log_index, lines FROM entries WHERE contest = ?1 AND log_index >=
                     (SELECT coalesce(max(log_index), 0) FROM entries WHERE contest = ?1 AND log_index <= ?2)
                     ORDER BY log_index",
                )
                .map_err(unavailable)?;
            let mut rows = statement.query(params![contest, signed(from)?]).map_err(unavailable)?;
            let (mut blocks, mut bytes, until) = (Vec::new(), 0, from.saturating_add(limit as u64));
            while let Some(row) = rows.next().map_err(unavailable)? {
                let block = block(stored_block(row).map_err(unavailable)?)?;
                bytes += block.lines.len();
                let is_last = block.first >= until;
                if !is_last {
                    blocks.push(block);
                }
                if is_last || bytes >= MAX_READ_BYTES {
                    break;
                }
            }
            entries_from(from, limit, &blocks)
        })
        .await
    }

    async fn tile(&self, contest: &ContestId, tile: TileId) -> Result<Option<Vec<u8>>> {
        let id = contest.clone();
        self.read(move |tx| {
            let Some(contest) = contest_number(tx, &id)? else { return Ok(None) };
            tx.prepare_cached("SELECT hashes FROM tiles WHERE contest = ?1 AND level = ?2 AND number = ?3")
                .and_then(|mut statement| {
                    let number = i64::try_from(tile.number).unwrap_or(i64::MAX);
                    statement.query_row(params![contest, tile.level, number], |row| row.get(0)).optional()
                })
                .map_err(unavailable)
        })
        .await
    }

    async fn ballot(&self, contest: &ContestId, ballot: BallotId) -> Result<Option<RecordedBallot>> {
        let id = contest.clone();
        self.read(move |tx| {
            let Some(contest) = contest_number(tx, &id)? else { return Ok(None) };
            tx.prepare_cached(
                "SELECT id, log_index, state, reason FROM ballots WHERE contest = ?1 AND id = ?2",
            )
            .and_then(|mut statement| statement.query_row(params![contest, ballot.0], ballot_row).optional())
            .map_err(unavailable)?
            .map(recorded_ballot)
            .transpose()
        })
        .await
    }

    async fn rejection(&self, contest: &ContestId, ballot: BallotId) -> Result<Option<Rejection>> {
        let id = contest.clone();
        self.read(move |tx| {
            let Some(contest) = contest_number(tx, &id)? else { return Ok(None) };
            let json: Option<String> = tx
                .prepare_cached("SELECT rejection FROM rejections WHERE contest = ?1 AND id = ?2")
                .and_then(|mut statement| {
                    statement.query_row(params![contest, ballot.0], |row| row.get(0)).optional()
                })
                .map_err(unavailable)?;
            json.map(|json| serde_json::from_str(&json).map_err(corrupt)).transpose()
        })
        .await
    }

    async fn count_rejections_with_prefix(
        &self,
        contest: &ContestId,
        prefix: [u8; 4],
        limit: usize,
    ) -> Result<usize> {
        let id = contest.clone();
        self.read(move |tx| {
            let Some(contest) = contest_number(tx, &id)? else { return Ok(0) };
            let (low, high) = id_range(prefix);
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            tx.prepare_cached(
                "SELECT count(*) FROM
                 (SELECT 1 FROM rejections WHERE contest = ?1 AND id BETWEEN ?2 AND ?3 LIMIT ?4)",
            )
            .and_then(|mut statement| {
                statement.query_row(params![contest, low, high, limit], |row| row.get::<_, i64>(0))
            })
            .map_err(unavailable)
            .and_then(|count| Ok(usize::try_from(unsigned(count)?).unwrap_or(usize::MAX)))
        })
        .await
    }

    async fn ballots(
        &self,
        contest: &ContestId,
        after: Option<BallotId>,
        limit: usize,
    ) -> Result<Vec<StoredBallot>> {
        let id = contest.clone();
        self.read(move |tx| {
            let contest = require_contest_number(tx, &id)?;
            let mut statement = tx
                .prepare_cached(
                    "SELECT id, log_index, state, reason FROM ballots WHERE contest = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
                )
                .map_err(unavailable)?;
            // No id sorts before the empty blob.
            let after = after.map_or_else(Vec::new, |after| after.0.to_vec());
            let page = params![contest, after, signed(limit as u64)?];
            let rows = statement.query_map(page, ballot_row).map_err(unavailable)?;
            let ballot = |(id, index, state, reason)| {
                let state = read_state(state, reason).ok();
                Ok(StoredBallot { id: BallotId(id), index: unsigned(index)?, state })
            };
            rows.map(|row| ballot(row.map_err(unavailable)?)).collect()
        })
        .await
    }

    async fn turnout(&self, contest: &ContestId) -> Result<Vec<Turnout>> {
        let id = contest.clone();
        self.read(move |tx| {
            let contest = require_contest_number(tx, &id)?;
            let mut statement = tx
                .prepare_cached(
                    r#"SELECT minute, channel, "group", ballots FROM turnout WHERE contest = ?1
                       ORDER BY minute, channel, "group""#,
                )
                .map_err(unavailable)?;
            let rows = statement.query_map([contest], stored_turnout).map_err(unavailable)?;
            rows.map(|row| turnout(row.map_err(unavailable)?)).collect()
        })
        .await
    }

    async fn ballots_with_prefix(
        &self,
        contest: &ContestId,
        prefix: [u8; 4],
        before: u64,
        limit: usize,
    ) -> Result<Vec<(RecordedBallot, Bytes)>> {
        let id = contest.clone();
        self.read(move |tx| {
            let Some(contest) = contest_number(tx, &id)? else { return Ok(Vec::new()) };
            let (low, high) = id_range(prefix);
            // The subquery chooses the ballots first, so that only their entries are read.
            let mut statement = tx
                .prepare_cached(
                    "SELECT id, newest.log_index, state, reason, entries.log_index, lines FROM
                     (SELECT contest, id, log_index, state, reason FROM ballots
                      WHERE contest = ?1 AND id BETWEEN ?2 AND ?3 AND log_index < ?4
                      ORDER BY log_index DESC LIMIT ?5) AS newest
                     JOIN entries ON entries.contest = newest.contest AND entries.log_index =
                     (SELECT max(log_index) FROM entries WHERE contest = newest.contest AND log_index <= newest.log_index)
                     ORDER BY newest.log_index DESC",
                )
                .map_err(unavailable)?;
            let before = i64::try_from(before).unwrap_or(i64::MAX);
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = statement
                .query_map(params![contest, low, high, before, limit], |row| {
                    Ok((ballot_row(row)?, (row.get(4)?, row.get(5)?)))
                })
                .map_err(unavailable)?;
            let entry = |(ballot, lines)| {
                let ballot = recorded_ballot(ballot)?;
                let entry = block(lines)?.entry(ballot.index)?;
                Ok((ballot, entry))
            };
            rows.map(|row| entry(row.map_err(unavailable)?)).collect()
        })
        .await
    }
}

/// Returns the lowest and the highest id that begin with a prefix.
fn id_range(prefix: [u8; 4]) -> ([u8; 16], [u8; 16]) {
    let (mut low, mut high) = ([0; 16], [0xff; 16]);
    for bound in [&mut low, &mut high] {
        bound[..4].copy_from_slice(&prefix);
    }
    (low, high)
}

pub(crate) fn read_head(tx: &Transaction<'_>, contest: i64) -> Result<Option<Head>> {
    let row: Option<(i64, [u8; 32], String, Vec<u8>)> = tx
        .prepare_cached("SELECT size, root, checkpoint, cursors FROM heads WHERE contest = ?1")
        .and_then(|mut statement| {
            statement
                .query_row([contest], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
                .optional()
        })
        .map_err(unavailable)?;
    row.map(|(size, root, checkpoint, cursors)| {
        Ok(Head {
            size: unsigned(size)?,
            root: Hash(root),
            checkpoint,
            cursors: Cursors::from_bytes(&cursors).ok_or_else(|| corrupt("the intake's cursors"))?,
        })
    })
    .transpose()
}

fn swap_head(tx: &Transaction<'_>, contest: i64, append: &Append) -> Result<()> {
    let stored = read_head(tx, contest)?.map(|head| (head.size, head.root));
    if stored != append.expected {
        let (stored, expected) = (stored.map(|head| head.0), append.expected.map(|head| head.0));
        return Err(StoreError::Conflict(format!("the log's size is {stored:?}, not {expected:?}")));
    }
    let head = &append.head;
    let expected_size = append.expected.map_or(0, |head| head.0);
    if head.size != expected_size + append.entries.len() as u64 {
        return Err(corrupt("an append whose size does not match its entries"));
    }
    tx.prepare_cached(
        "INSERT INTO heads (contest, size, root, checkpoint, cursors) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (contest) DO UPDATE SET size = excluded.size, root = excluded.root, checkpoint = excluded.checkpoint,
         cursors = excluded.cursors",
    )
    .and_then(|mut statement| {
        statement.execute(params![
            contest,
            head.size.cast_signed(),
            head.root.0,
            head.checkpoint,
            head.cursors.to_bytes(),
        ])
    })
    .map_err(unavailable)?;
    Ok(())
}

fn insert_entries(tx: &Transaction<'_>, contest: i64, append: &Append) -> Result<()> {
    let mut statement = tx
        .prepare_cached("INSERT INTO entries (contest, log_index, lines) VALUES (?1, ?2, ?3)")
        .map_err(unavailable)?;
    let from = append.expected.map_or(0, |head| head.0);
    for Block { first, lines } in Block::pack(from, &append.entries, MAX_BLOCK_BYTES)? {
        statement.execute(params![contest, signed(first)?, &lines[..]]).map_err(unavailable)?;
    }
    Ok(())
}

fn insert_ballots(tx: &Transaction<'_>, contest: i64, ballots: &[(BallotId, u64)]) -> Result<()> {
    let mut statement = tx
        .prepare_cached("INSERT INTO ballots (contest, id, log_index, state) VALUES (?1, ?2, ?3, 0)")
        .map_err(unavailable)?;
    for (ballot, index) in ballots {
        statement.execute(params![contest, ballot.0, signed(*index)?]).map_err(unavailable)?;
    }
    Ok(())
}

fn mark_ballots(tx: &Transaction<'_>, contest: i64, marks: &[(BallotId, BallotState)]) -> Result<()> {
    let mut statement = tx
        .prepare_cached("UPDATE ballots SET state = ?1, reason = ?2 WHERE contest = ?3 AND id = ?4")
        .map_err(unavailable)?;
    for (ballot, state) in marks {
        let (state, reason) = stored_state(state);
        let changed = statement.execute(params![state, reason, contest, ballot.0]).map_err(unavailable)?;
        if changed != 1 {
            return Err(corrupt("a ballot of the log is not in the table"));
        }
    }
    Ok(())
}

fn upsert_tiles(tx: &Transaction<'_>, contest: i64, tiles: &[(TileId, Vec<u8>)]) -> Result<()> {
    let mut statement = tx
        .prepare_cached(
            "INSERT INTO tiles (contest, level, number, hashes) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (contest, level, number) DO UPDATE SET hashes = excluded.hashes",
        )
        .map_err(unavailable)?;
    for (tile, hashes) in tiles {
        statement.execute(params![contest, tile.level, signed(tile.number)?, hashes]).map_err(unavailable)?;
    }
    Ok(())
}

/// Stores rejections. A rejected ballot can be cast and rejected again: the later reason counts.
fn insert_rejections(tx: &Transaction<'_>, contest: i64, rejected: &[(BallotId, Rejection)]) -> Result<()> {
    let mut statement = tx
        .prepare_cached(
            "INSERT INTO rejections (contest, id, rejection) VALUES (?1, ?2, ?3)
             ON CONFLICT (contest, id) DO UPDATE SET rejection = excluded.rejection",
        )
        .map_err(unavailable)?;
    for (ballot, rejection) in rejected {
        let json = serde_json::to_string(rejection).map_err(corrupt)?;
        statement.execute(params![contest, ballot.0, json]).map_err(unavailable)?;
    }
    Ok(())
}

fn add_turnout(tx: &Transaction<'_>, contest: i64, rows: &[Turnout]) -> Result<()> {
    let mut statement = tx
        .prepare_cached(
            r#"INSERT INTO turnout (contest, minute, channel, "group", ballots) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (contest, minute, channel, "group") DO UPDATE SET ballots = ballots + excluded.ballots"#,
        )
        .map_err(unavailable)?;
    for Turnout { minute, channel, group, ballots } in rows {
        let text = |label: &Option<String>| label.clone().unwrap_or_default();
        let row = params![contest, minute, text(channel), text(group), signed(*ballots)?];
        statement.execute(row).map_err(unavailable)?;
    }
    Ok(())
}

type StoredBlock = (i64, Vec<u8>);

/// Reads the index of a block's first entry, and the lines of all its entries.
pub(crate) fn stored_block(row: &Row<'_>) -> rusqlite::Result<StoredBlock> {
    Ok((row.get(0)?, row.get(1)?))
}

pub(crate) fn block((first, lines): StoredBlock) -> Result<Block> {
    Ok(Block { first: unsigned(first)?, lines: lines.into() })
}

pub(crate) type StoredTurnout = (i64, String, String, i64);

/// Reads minute, channel, group and number of ballots.
pub(crate) fn stored_turnout(row: &Row<'_>) -> rusqlite::Result<StoredTurnout> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

pub(crate) fn turnout((minute, channel, group, ballots): StoredTurnout) -> Result<Turnout> {
    let non_empty = |text: String| (!text.is_empty()).then_some(text);
    Ok(Turnout { minute, channel: non_empty(channel), group: non_empty(group), ballots: unsigned(ballots)? })
}

pub(crate) type BallotRow = ([u8; 16], i64, i64, Option<String>);

/// Reads id, index, state and reason.
pub(crate) fn ballot_row(row: &Row<'_>) -> rusqlite::Result<BallotRow> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

pub(crate) fn recorded_ballot((id, index, state, reason): BallotRow) -> Result<RecordedBallot> {
    Ok(RecordedBallot { id: BallotId(id), index: unsigned(index)?, state: read_state(state, reason)? })
}
