//! Appends to a log. An append is one transaction, and most often one statement. Statements that
//! would write nothing are left out.
//!
//! The lists can name a row twice, and the later one counts. Postgres allows each row only once in
//! a statement, so duplicates are merged first.

use std::collections::{BTreeMap, HashMap};

use acclaim_ballot_log::{hash::Hash, tile::TileId};
use acclaim_contest::{BallotId, BallotState, ContestId};
use acclaim_store::{
    block::Block,
    error::{Result, StoreError},
    hub::Rejection,
    ledger::{Append, Head, Turnout, stored_state},
};
use bytes::Bytes;
use sqlx_core::{error::Error, query::query, row::Row as _, sql_str::AssertSqlSafe};
use uuid::Uuid;

use crate::{
    commands::finish_commands,
    connection::{Durability, PooledConnection, commit_with_timeout, with_timeout},
    contest_row::no_contest,
    contests::change_contest,
    database::PostgresDatabase,
    error::{corrupt, expect_row_count, gone_or_unavailable, refused_or_unknown, signed, unavailable},
};

/// The largest number of bytes in a row of entries: what Postgres keeps in the row itself.
const MAX_BLOCK_BYTES: usize = 1_900;

impl PostgresDatabase {
    /// Appends to a contest's log.
    pub(crate) async fn append_to(&self, contest: &ContestId, append: &Append) -> Result<()> {
        loop {
            let (number, is_cached) = self.number(contest).await?.ok_or_else(|| no_contest(contest))?;
            match self.append_once(number, append).await {
                // The contest may have been deleted after its number was cached. The number is read
                // again, but only once.
                Err(StoreError::Conflict(_)) if is_cached => self.forget_number(contest),
                outcome => return outcome,
            }
        }
    }

    async fn append_once(&self, contest: i32, append: &Append) -> Result<()> {
        if let Some(timeout) = self.autocommit_timeout().filter(|_| is_one_statement(append)) {
            let mut connection = self.acquire().await.map_err(unavailable)?;
            commit_with_timeout(
                timeout,
                compare_and_swap_head(&mut connection, contest, append, refused_or_unknown),
            )
            .await?;
            connection.release();
            return Ok(());
        }
        let mut tx = self.begin(Durability::Durable).await?;
        with_timeout(self.statement_timeout(), write(&mut tx, contest, append)).await?;
        tx.commit().await
    }
}

/// Whether the statement of [`compare_and_swap_head`] is all that this append needs.
fn is_one_statement(append: &Append) -> bool {
    // All fields are listed, so that a new field cannot be forgotten here.
    let Append {
        expected: _,
        head: _,
        entries: _,
        ballots: _,
        turnout: _,
        tiles: _,
        marks,
        rejected,
        contest,
        commands,
    } = append;
    marks.is_empty() && commands.is_empty() && contest.is_none() && rejected.is_empty()
}

/// Writes all rows of an append. Does not commit.
async fn write(tx: &mut PooledConnection, contest: i32, append: &Append) -> Result<()> {
    compare_and_swap_head(tx, contest, append, gone_or_unavailable).await?;
    mark_ballots(tx, contest, &append.marks).await?;
    finish_commands(tx, contest, &append.commands).await?;
    if let Some(change) = &append.contest {
        change_contest(tx, contest, change).await?;
    }
    insert_rejections(tx, contest, &append.rejected).await
}

/// Compares and swaps the head, and inserts the rows that belong to it.
async fn compare_and_swap_head(
    connection: &mut PooledConnection,
    contest: i32,
    append: &Append,
    failed: impl Fn(Error) -> StoreError,
) -> Result<()> {
    let expected_size = append.expected.map_or(0, |head| head.0);
    if append.head.size != expected_size + append.entries.len() as u64 {
        return Err(corrupt("an append whose size does not match its entries"));
    }
    let batch = Batch {
        head: Some((append.expected, &append.head)),
        from: expected_size,
        entries: &append.entries,
        ballots: &append.ballots,
        tiles: &append.tiles,
        turnout: &append.turnout,
    };
    insert(connection, contest, batch, failed).await
}

/// Rows of the tables that grow with every batch.
#[derive(Default)]
pub(crate) struct Batch<'a> {
    /// The expected head and the new head. `None`: no head is compared.
    pub(crate) head: Option<(Option<(u64, Hash)>, &'a Head)>,
    /// Index of the first entry.
    pub(crate) from: u64,
    /// The bytes of the entries.
    pub(crate) entries: &'a [Bytes],
    /// Ids and indexes of standing ballots.
    pub(crate) ballots: &'a [(BallotId, u64)],
    /// Whole tiles. They replace their shorter versions.
    pub(crate) tiles: &'a [(TileId, Vec<u8>)],
    /// Ballots to add to the stored turnout.
    pub(crate) turnout: &'a [Turnout],
}

/// Writes the part of the statement that gives the contest's number to its other parts.
///
/// The contest is locked before its head, as in all transactions. So the contest cannot be deleted
/// in the meantime, and no deadlock can arise.
fn head_sql(contest: i32, head: Option<Option<(u64, Hash)>>) -> String {
    let known = format!("known AS (SELECT number FROM contests WHERE number = {contest} FOR KEY SHARE)");
    match head {
        None => format!("head AS (SELECT {contest} AS contest)"),
        Some(None) => format!(
            "{known}, head AS (
               INSERT INTO heads (contest, size, root, checkpoint, cursors)
               SELECT number, $12, $13, $14, $15 FROM known ON CONFLICT (contest) DO NOTHING RETURNING contest)"
        ),
        Some(Some(_)) => format!(
            "{known}, head AS (
               UPDATE heads SET size = $12, root = $13, checkpoint = $14, cursors = $15 FROM known
               WHERE contest = known.number AND size = $16 AND root = $17 RETURNING contest)"
        ),
    }
}

/// Inserts a batch with one statement, because each statement is a round trip during which the head
/// is locked.
///
/// The commit is durable, also if the statement commits by itself. `failed` converts its errors.
pub(crate) async fn insert(
    connection: &mut PooledConnection,
    contest: i32,
    batch: Batch<'_>,
    failed: impl Fn(Error) -> StoreError,
) -> Result<()> {
    let Batch { head, from, entries, ballots, tiles, turnout } = batch;
    let blocks = Block::pack(from, entries, MAX_BLOCK_BYTES)?;
    let firsts = blocks.iter().map(|block| signed(block.first)).collect::<Result<Vec<i64>>>()?;
    let lines: Vec<&[u8]> = blocks.iter().map(|block| &block.lines[..]).collect();
    // Ids are random. In their order a batch visits each page of the unique index once.
    let mut ballots = ballots.to_vec();
    ballots.sort_unstable();
    let ids: Vec<Uuid> = ballots.iter().map(|(ballot, _)| Uuid::from_bytes(ballot.0)).collect();
    let indexes = ballots.iter().map(|(_, index)| signed(*index)).collect::<Result<Vec<i64>>>()?;
    let (levels, numbers, hashes) = tile_columns(tiles)?;
    let (minutes, channels, groups, counts) = turnout_columns(turnout)?;
    let statement = format!(
        r#"WITH {head},
           new_entries AS (
             INSERT INTO entries_{contest} (log_index, contest, lines)
             SELECT log_index, contest, lines FROM head, unnest($1::bigint[], $2::bytea[]) AS listed (log_index, lines)
             RETURNING 1),
           new_ballots AS (
             INSERT INTO ballots_{contest} (log_index, id, contest, state)
             SELECT log_index, id, contest, 0 FROM head, unnest($3::bigint[], $4::uuid[]) AS listed (log_index, id)
             RETURNING 1),
           new_tiles AS (
             INSERT INTO tiles (contest, level, number, hashes)
             SELECT * FROM head, unnest($5::smallint[], $6::bigint[], $7::bytea[])
             ON CONFLICT (contest, level, number) DO UPDATE SET hashes = excluded.hashes RETURNING 1),
           new_turnout AS (
             INSERT INTO turnout (contest, minute, channel, "group", ballots)
             SELECT * FROM head, unnest($8::bigint[], $9::text[], $10::text[], $11::bigint[])
             ON CONFLICT (contest, minute, channel, "group") DO UPDATE SET ballots = turnout.ballots + excluded.ballots
             RETURNING 1)
           SELECT (SELECT count(*) FROM head),
             (SELECT count(*) FROM new_entries) + (SELECT count(*) FROM new_ballots)
             + (SELECT count(*) FROM new_tiles) + (SELECT count(*) FROM new_turnout),
             set_config('synchronous_commit', 'on', true)"#,
        head = head_sql(contest, head.map(|(expected, _)| expected)),
    );
    let mut statement = query(AssertSqlSafe(statement))
        .bind(firsts)
        .bind(&lines)
        .bind(indexes)
        .bind(&ids)
        .bind(&levels)
        .bind(numbers)
        .bind(hashes)
        .bind(&minutes)
        .bind(channels)
        .bind(groups)
        .bind(counts);
    if let Some((expected, head)) = head {
        statement = statement
            .bind(signed(head.size)?)
            .bind(&head.root.0[..])
            .bind(&head.checkpoint)
            .bind(head.cursors.to_bytes());
        if let Some((size, root)) = &expected {
            statement = statement.bind(signed(*size)?).bind(&root.0[..]);
        }
    }
    let row = statement.fetch_one(connection).await.map_err(&failed)?;
    let (heads, written): (i64, i64) =
        row.try_get(0).and_then(|heads| Ok((heads, row.try_get(1)?))).map_err(failed)?;
    if heads == 0 {
        return Err(StoreError::Conflict(format!("the log does not end as expected, at size {from}")));
    }
    // Part of the database suppressed rows, for example a trigger. A statement that commits by
    // itself has committed already. A replay finds the missing rows.
    let count = lines.len() + ids.len() + levels.len() + minutes.len();
    let written = u64::try_from(written).unwrap_or_default();
    expect_row_count(written, count, || corrupt(format!("{written} rows were inserted instead of {count}")))
}

type TileColumns<'a> = (Vec<i16>, Vec<i64>, Vec<&'a [u8]>);

/// Returns level, number and hashes of each tile.
fn tile_columns(tiles: &[(TileId, Vec<u8>)]) -> Result<TileColumns<'_>> {
    let tiles: HashMap<(u8, u64), &[u8]> =
        tiles.iter().map(|(tile, hashes)| ((tile.level, tile.number), &hashes[..])).collect();
    let mut columns = TileColumns::default();
    for ((level, number), hashes) in tiles {
        columns.0.push(i16::from(level));
        columns.1.push(signed(number)?);
        columns.2.push(hashes);
    }
    Ok(columns)
}

type TurnoutColumns<'a> = (Vec<i64>, Vec<&'a str>, Vec<&'a str>, Vec<i64>);

/// Returns minute, channel, group and ballots. Each combination of the first three appears once.
fn turnout_columns(turnout: &[Turnout]) -> Result<TurnoutColumns<'_>> {
    let mut sums = BTreeMap::<(i64, &str, &str), u64>::new();
    for Turnout { minute, channel, group, ballots } in turnout {
        let row = (*minute, channel.as_deref().unwrap_or_default(), group.as_deref().unwrap_or_default());
        *sums.entry(row).or_default() += ballots;
    }
    let mut columns = TurnoutColumns::default();
    for ((minute, channel, group), sum) in sums {
        columns.0.push(minute);
        columns.1.push(channel);
        columns.2.push(group);
        columns.3.push(signed(sum)?);
    }
    Ok(columns)
}

/// Stores new states of ballots.
pub(crate) async fn mark_ballots(
    tx: &mut PooledConnection,
    contest: i32,
    marks: &[(BallotId, BallotState)],
) -> Result<()> {
    if marks.is_empty() {
        return Ok(());
    }
    let marks: HashMap<BallotId, &BallotState> =
        marks.iter().map(|(ballot, state)| (*ballot, state)).collect();
    let (mut ids, mut states, mut reasons) = (Vec::new(), Vec::<i16>::new(), Vec::new());
    for (ballot, state) in marks {
        let (state, reason) = stored_state(state);
        let reason = reason.map(serde_json::to_string).transpose().map_err(corrupt)?;
        ids.push(Uuid::from_bytes(ballot.0));
        states.push(state);
        reasons.push(reason);
    }
    let count = ids.len();
    let statement = format!(
        "UPDATE ballots_{contest} AS ballot SET state = mark.state, reason = mark.reason
         FROM unnest($1::uuid[], $2::smallint[], $3::text[]) AS mark (id, state, reason) WHERE ballot.id = mark.id"
    );
    let statement = query(AssertSqlSafe(statement)).bind(ids).bind(states).bind(reasons);
    let marked = statement.execute(tx).await.map_err(unavailable)?.rows_affected();
    expect_row_count(marked, count, || corrupt("a ballot of the log is not in the table"))
}

/// Stores rejections. A rejected ballot can be cast and rejected again: the later reason counts.
pub(crate) async fn insert_rejections(
    tx: &mut PooledConnection,
    contest: i32,
    rejected: &[(BallotId, Rejection)],
) -> Result<()> {
    if rejected.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = rejected.iter().map(|(ballot, _)| Uuid::from_bytes(ballot.0)).collect();
    let rejections: Vec<String> = rejected
        .iter()
        .map(|(_, rejection)| serde_json::to_string(rejection).map_err(corrupt))
        .collect::<Result<_>>()?;
    let statement = query(
        "INSERT INTO rejections (contest, id, rejection)
         SELECT DISTINCT ON (id) $1, id, rejection
         FROM unnest($2::uuid[], $3::text[]) WITH ORDINALITY AS given (id, rejection, place) ORDER BY id, place DESC
         ON CONFLICT (contest, id) DO UPDATE SET rejection = excluded.rejection",
    );
    statement.bind(contest).bind(ids).bind(rejections).execute(tx).await.map_err(unavailable)?;
    Ok(())
}
