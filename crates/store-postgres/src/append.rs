//! Appending to a log: the parts of one transaction. Statements that would write nothing are left out.
//!
//! The lists may name a row twice, the later one counting; Postgres allows each row once in a statement, so they are merged first.

use std::collections::{BTreeMap, HashMap};

use acclaim_ballot_log::tile::TileId;
use acclaim_contest::{BallotId, ContestId};
use acclaim_store::{
    error::{Result, StoreError},
    hub::Rejection,
    ledger::{Append, BallotState, Turnout},
};
use bytes::Bytes;
use sqlx_core::{query::query, row::Row as _, sql_str::AssertSqlSafe};
use uuid::Uuid;

use crate::{
    commands::finish_commands,
    connection::Lent,
    contests::change_contest,
    error::{corrupt, exactly, signed, unavailable},
};

/// Does everything but the commit.
pub(crate) async fn write(tx: &mut Lent, id: &ContestId, append: &Append) -> Result<()> {
    let contest = swap_head(tx, id, append).await?;
    let batch = Batch {
        from: append.expected.map_or(0, |head| head.0),
        entries: &append.entries,
        ballots: &append.ballots,
        tiles: &append.tiles,
        turnout: &append.turnout,
    };
    insert(tx, contest, batch).await?;
    mark_ballots(tx, contest, &append.marks).await?;
    finish_commands(tx, contest, &append.commands).await?;
    if let Some(change) = &append.contest {
        change_contest(tx, contest, change).await?;
    }
    insert_rejections(tx, contest, &append.rejected).await
}

/// Compares and swaps the head and returns the contest's number. The contest is locked before its head, as everywhere, so that it is not deleted
/// meanwhile and nobody waits in a circle.
async fn swap_head(tx: &mut Lent, id: &ContestId, append: &Append) -> Result<i32> {
    let head = &append.head;
    let expected_size = append.expected.map_or(0, |head| head.0);
    if head.size != expected_size + append.entries.len() as u64 {
        return Err(corrupt("an append whose size does not match its entries"));
    }
    let statement = match append.expected {
        None => query(
            "WITH known AS (SELECT number FROM contests WHERE id = $1 FOR KEY SHARE)
             INSERT INTO heads (contest, size, root, checkpoint, cursors)
             SELECT number, $2, $3, $4, $5 FROM known ON CONFLICT (contest) DO NOTHING RETURNING contest",
        ),
        Some(_) => query(
            "WITH known AS (SELECT number FROM contests WHERE id = $1 FOR KEY SHARE)
             UPDATE heads SET size = $2, root = $3, checkpoint = $4, cursors = $5 FROM known
             WHERE contest = known.number AND size = $6 AND root = $7 RETURNING contest",
        ),
    };
    let mut statement = statement
        .bind(id.as_str())
        .bind(signed(head.size)?)
        .bind(&head.root.0[..])
        .bind(&head.checkpoint)
        .bind(head.cursors.to_bytes());
    if let Some((size, root)) = &append.expected {
        statement = statement.bind(signed(*size)?).bind(&root.0[..]);
    }
    let row = statement.fetch_optional(tx).await.map_err(unavailable)?.ok_or_else(|| {
        StoreError::Conflict(format!("the log of {id} does not end as expected, at size {expected_size}"))
    })?;
    row.try_get(0).map_err(unavailable)
}

/// Rows of the tables that grow with every batch.
#[derive(Default)]
pub(crate) struct Batch<'a> {
    /// Index of the first entry.
    pub(crate) from: u64,
    pub(crate) entries: &'a [Bytes],
    /// Ballots that stand.
    pub(crate) ballots: &'a [(BallotId, u64)],
    /// Whole, in the place of what they have grown from.
    pub(crate) tiles: &'a [(TileId, Vec<u8>)],
    /// To be added to what is there.
    pub(crate) turnout: &'a [Turnout],
}

/// Inserts them all by one statement: each statement is a round trip, in which the head is locked.
pub(crate) async fn insert(tx: &mut Lent, contest: i32, batch: Batch<'_>) -> Result<()> {
    let Batch { entries, ballots, tiles, turnout, .. } = batch;
    if entries.is_empty() && ballots.is_empty() && tiles.is_empty() && turnout.is_empty() {
        return Ok(());
    }
    let entries: Vec<&[u8]> = entries.iter().map(|entry| &entry[..]).collect();
    // Ids are random: in their order a batch meets each page of the unique index once.
    let mut ballots = ballots.to_vec();
    ballots.sort_unstable();
    let ids: Vec<Uuid> = ballots.iter().map(|(ballot, _)| Uuid::from_bytes(ballot.0)).collect();
    let indexes = ballots.iter().map(|(_, index)| signed(*index)).collect::<Result<Vec<i64>>>()?;
    let (levels, numbers, hashes) = tile_columns(tiles)?;
    let (minutes, channels, groups, counts) = turnout_columns(turnout)?;
    let statement = format!(
        r#"WITH new_entries AS (
             INSERT INTO entries_{contest} (log_index, contest, entry)
             SELECT $2 + place - 1, $1, entry FROM unnest($3::bytea[]) WITH ORDINALITY AS listed (entry, place)
             RETURNING 1),
           new_tiles AS (
             INSERT INTO tiles (contest, level, number, hashes)
             SELECT $1, * FROM unnest($4::smallint[], $5::bigint[], $6::bytea[])
             ON CONFLICT (contest, level, number) DO UPDATE SET hashes = excluded.hashes RETURNING 1),
           new_turnout AS (
             INSERT INTO turnout (contest, minute, channel, "group", ballots)
             SELECT $1, * FROM unnest($7::bigint[], $8::text[], $9::text[], $10::bigint[])
             ON CONFLICT (contest, minute, channel, "group") DO UPDATE SET ballots = turnout.ballots + excluded.ballots
             RETURNING 1),
           new_ballots AS (
             INSERT INTO ballots_{contest} (log_index, id, contest, state)
             SELECT log_index, id, $1, 0 FROM unnest($11::uuid[], $12::bigint[]) AS listed (id, log_index) RETURNING 1)
           SELECT (SELECT count(*) FROM new_entries) + (SELECT count(*) FROM new_ballots)
             + (SELECT count(*) FROM new_tiles) + (SELECT count(*) FROM new_turnout)"#
    );
    let count = entries.len() + ids.len() + levels.len() + minutes.len();
    let statement = query(AssertSqlSafe(statement))
        .bind(contest)
        .bind(signed(batch.from)?)
        .bind(entries)
        .bind(levels)
        .bind(numbers)
        .bind(hashes)
        .bind(minutes)
        .bind(channels)
        .bind(groups)
        .bind(counts)
        .bind(ids)
        .bind(indexes);
    let written: i64 = statement.fetch_one(tx).await.and_then(|row| row.try_get(0)).map_err(unavailable)?;
    let written = u64::try_from(written).unwrap_or_default();
    exactly(written, count, || corrupt(format!("{written} rows went in instead of {count}")))
}

type TileColumns<'a> = (Vec<i16>, Vec<i64>, Vec<&'a [u8]>);

/// Level, number and hashes of each tile.
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

/// Minute, channel, group and ballots, each of the first three together once.
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

/// Notes what ballots are now.
pub(crate) async fn mark_ballots(
    tx: &mut Lent,
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
        let (state, reason) = match state {
            BallotState::Recorded => (0, None),
            BallotState::Replaced => (1, None),
            BallotState::Voided { reason } => (2, Some(serde_json::to_string(reason).map_err(corrupt)?)),
        };
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
    exactly(marked, count, || corrupt("a ballot of the log is not in the table"))
}

/// What is known of a ballot already stands.
pub(crate) async fn insert_rejections(
    tx: &mut Lent,
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
        "INSERT INTO rejections (contest, id, rejection) SELECT $1, * FROM unnest($2::uuid[], $3::text[])
         ON CONFLICT (contest, id) DO NOTHING",
    );
    statement.bind(contest).bind(ids).bind(rejections).execute(tx).await.map_err(unavailable)?;
    Ok(())
}
