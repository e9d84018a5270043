//! Appending to a log: the parts of one transaction. Parts of which there is nothing are left out.
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
    copy::Rows,
    error::{corrupt, exactly, signed, unavailable},
};

/// Bytes of a copied row of `entries` beside the entry, and of `ballots`.
const ENTRY_ROW: usize = 32;
const BALLOT_ROW: usize = 48;

/// Rows from which on copying is faster than inserting. Copying writes twice before it reads, and the driver leaves Nagle's algorithm on: with
/// the server's delayed acknowledgement that costs some 40 ms each time, whatever the number of rows.
const COPY_FROM: usize = 2_000;

/// Does everything but the commit.
pub(crate) async fn write(tx: &mut Lent, id: &ContestId, append: &Append) -> Result<()> {
    let contest = swap_head(tx, id, append).await?;
    insert_entries(tx, contest, append.expected.map_or(0, |head| head.0), &append.entries).await?;
    insert_ballots(tx, contest, &append.ballots).await?;
    mark_ballots(tx, contest, &append.marks).await?;
    upsert_tiles(tx, contest, &append.tiles).await?;
    finish_commands(tx, contest, &append.commands).await?;
    if let Some(change) = &append.contest {
        change_contest(tx, contest, change).await?;
    }
    insert_rejections(tx, contest, &append.rejected).await?;
    add_turnout(tx, contest, &append.turnout).await
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

/// Inserts entries from index `from` on.
pub(crate) async fn insert_entries(tx: &mut Lent, contest: i32, from: u64, entries: &[Bytes]) -> Result<()> {
    let Some(first) = entries.first() else { return Ok(()) };
    if entries.len() < COPY_FROM {
        let entries: Vec<&[u8]> = entries.iter().map(|entry| &entry[..]).collect();
        let statement = format!(
            "INSERT INTO entries_{contest} (log_index, contest, entry)
             SELECT $1 + place - 1, $2, entry FROM unnest($3::bytea[]) WITH ORDINALITY AS listed (entry, place)"
        );
        let count = entries.len();
        let statement = query(AssertSqlSafe(statement)).bind(signed(from)?).bind(contest).bind(entries);
        let inserted = statement.execute(tx).await.map_err(unavailable)?.rows_affected();
        return exactly(inserted, count, || {
            corrupt(format!("{inserted} entries went in instead of {count}"))
        });
    }
    let mut rows = Rows::with_capacity(entries.len(), ENTRY_ROW + first.len() * 5 / 4);
    for (index, entry) in (from..).zip(entries) {
        rows.push(&[&signed(index)?.to_be_bytes(), &contest.to_be_bytes(), entry])?;
    }
    rows.copy_into(tx, &format!("entries_{contest} (log_index, contest, entry)")).await
}

/// Inserts ballots that stand.
pub(crate) async fn insert_ballots(tx: &mut Lent, contest: i32, ballots: &[(BallotId, u64)]) -> Result<()> {
    if ballots.is_empty() {
        return Ok(());
    }
    // Ids are random: in their order a batch meets each page of the unique index once.
    let mut ballots = ballots.to_vec();
    ballots.sort_unstable();
    if ballots.len() < COPY_FROM {
        let ids: Vec<Uuid> = ballots.iter().map(|(ballot, _)| Uuid::from_bytes(ballot.0)).collect();
        let indexes = ballots.iter().map(|(_, index)| signed(*index)).collect::<Result<Vec<i64>>>()?;
        let statement = format!(
            "INSERT INTO ballots_{contest} (log_index, id, contest, state)
             SELECT log_index, id, $1, 0 FROM unnest($2::uuid[], $3::bigint[]) AS listed (id, log_index)"
        );
        let statement = query(AssertSqlSafe(statement)).bind(contest).bind(ids).bind(indexes);
        let inserted = statement.execute(tx).await.map_err(unavailable)?.rows_affected();
        let count = ballots.len();
        return exactly(inserted, count, || {
            corrupt(format!("{inserted} ballots went in instead of {count}"))
        });
    }
    let mut rows = Rows::with_capacity(ballots.len(), BALLOT_ROW);
    for (ballot, index) in &ballots {
        let state = 0_i16.to_be_bytes();
        rows.push(&[&signed(*index)?.to_be_bytes(), &ballot.0, &contest.to_be_bytes(), &state])?;
    }
    rows.copy_into(tx, &format!("ballots_{contest} (log_index, id, contest, state)")).await
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

/// Writes tiles, whole.
pub(crate) async fn upsert_tiles(tx: &mut Lent, contest: i32, tiles: &[(TileId, Vec<u8>)]) -> Result<()> {
    if tiles.is_empty() {
        return Ok(());
    }
    let tiles: HashMap<(u8, u64), &[u8]> =
        tiles.iter().map(|(tile, hashes)| ((tile.level, tile.number), &hashes[..])).collect();
    let (mut levels, mut numbers, mut all_hashes) = (Vec::new(), Vec::new(), Vec::new());
    for ((level, number), hashes) in tiles {
        levels.push(i16::from(level));
        numbers.push(signed(number)?);
        all_hashes.push(hashes);
    }
    let count = levels.len();
    let statement = query(
        "INSERT INTO tiles (contest, level, number, hashes)
         SELECT $1, * FROM unnest($2::smallint[], $3::bigint[], $4::bytea[])
         ON CONFLICT (contest, level, number) DO UPDATE SET hashes = excluded.hashes",
    );
    let statement = statement.bind(contest).bind(levels).bind(numbers).bind(all_hashes);
    let written = statement.execute(tx).await.map_err(unavailable)?.rows_affected();
    exactly(written, count, || corrupt("not every tile was written"))
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

/// Adds to the turnout.
pub(crate) async fn add_turnout(tx: &mut Lent, contest: i32, turnout: &[Turnout]) -> Result<()> {
    if turnout.is_empty() {
        return Ok(());
    }
    let mut sums = BTreeMap::<(i64, &str, &str), u64>::new();
    for Turnout { minute, channel, group, ballots } in turnout {
        let row = (*minute, channel.as_deref().unwrap_or_default(), group.as_deref().unwrap_or_default());
        *sums.entry(row).or_default() += ballots;
    }
    let (mut minutes, mut channels, mut groups, mut ballots) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for ((minute, channel, group), sum) in sums {
        minutes.push(minute);
        channels.push(channel);
        groups.push(group);
        ballots.push(signed(sum)?);
    }
    let count = minutes.len();
    let statement = query(
        r#"INSERT INTO turnout (contest, minute, channel, "group", ballots)
           SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[])
           ON CONFLICT (contest, minute, channel, "group") DO UPDATE SET ballots = turnout.ballots + excluded.ballots"#,
    );
    let statement = statement.bind(contest).bind(minutes).bind(channels).bind(groups).bind(ballots);
    let written = statement.execute(tx).await.map_err(unavailable)?.rows_affected();
    exactly(written, count, || corrupt("not all turnout was written"))
}
