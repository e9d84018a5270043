//! Reads of the logs. `append` has the writes.

use acclaim_ballot_log::{hash::Hash, tile::TileId};
use acclaim_contest::{BallotId, BallotState, ContestId};
use acclaim_store::{
    Ledger,
    block::{Block, entries_from},
    error::Result,
    hub::Rejection,
    intake::Cursors,
    ledger::{Append, Head, RecordedBallot, StoredBallot, Turnout, read_state},
};
use async_trait::async_trait;
use bytes::Bytes;
use sqlx_core::{error::Error, query::query, row::Row as _};
use sqlx_postgres::PgRow;
use uuid::Uuid;

use crate::{
    connection::{Durability, with_timeout},
    contest_row::no_contest,
    database::PostgresDatabase,
    error::{corrupt, signed, unavailable, unsigned},
};

/// The approximate number of bytes of entries that one read returns at most.
const MAX_READ_BYTES: i64 = 8 << 20;
/// The largest number of entries that one read returns: about as many small ones as fit into
/// [`MAX_READ_BYTES`].
const MAX_READ_ENTRIES: usize = 1 << 16;

#[async_trait]
impl Ledger for PostgresDatabase {
    async fn head(&self, contest: &ContestId) -> Result<Option<Head>> {
        let statement = query(
            "SELECT size, root, checkpoint, cursors FROM heads JOIN contests ON contest = number WHERE id = $1",
        );
        self.row(statement.bind(contest.as_str())).await?.as_ref().map(head).transpose()
    }

    async fn append(&self, contest: &ContestId, append: Append) -> Result<()> {
        self.append_to(contest, &append).await
    }

    async fn ensure_durable(&self, contest: &ContestId) -> Result<()> {
        // The commit of this update also waits until all earlier writes are durable.
        let touch = query("UPDATE heads SET size = size FROM contests WHERE contest = number AND id = $1")
            .bind(contest.as_str());
        let mut tx = self.begin(Durability::Durable).await?;
        with_timeout(self.statement_timeout(), async { touch.execute(&mut *tx).await.map_err(unavailable) })
            .await?;
        tx.commit().await
    }

    async fn entries(&self, contest: &ContestId, from: u64, limit: usize) -> Result<Vec<Bytes>> {
        let low = signed(from)?;
        let high = low.saturating_add(limit.min(MAX_READ_ENTRIES).try_into().unwrap_or(i64::MAX));
        // The last row is the one that reaches the limit of bytes.
        let sql = |number| {
            format!(
                "SELECT log_index, lines FROM
                 (SELECT log_index, lines, sum(length(lines)) OVER (ORDER BY log_index) - length(lines) AS before
                  FROM entries_{number} WHERE log_index < $2 AND log_index >=
                  (SELECT coalesce(max(log_index), 0) FROM entries_{number} WHERE log_index <= $1)) AS block
                 WHERE before < $3 ORDER BY log_index"
            )
        };
        let rows = self
            .partition_rows(contest, sql, move |query| query.bind(low).bind(high).bind(MAX_READ_BYTES))
            .await?
            .ok_or_else(|| no_contest(contest))?;
        let blocks = rows.iter().map(|row| block(row, 0)).collect::<Result<Vec<_>>>()?;
        entries_from(from, limit, &blocks)
    }

    async fn tile(&self, contest: &ContestId, tile: TileId) -> Result<Option<Vec<u8>>> {
        let statement = query(
            "SELECT hashes FROM tiles JOIN contests ON contest = contests.number
             WHERE id = $1 AND level = $2 AND tiles.number = $3",
        )
        .bind(contest.as_str())
        .bind(i16::from(tile.level))
        .bind(i64::try_from(tile.number).unwrap_or(i64::MAX));
        self.row(statement).await?.map(|row| row.try_get(0)).transpose().map_err(unavailable)
    }

    async fn ballot(&self, contest: &ContestId, ballot: BallotId) -> Result<Option<RecordedBallot>> {
        let sql = |number| format!("SELECT id, log_index, state, reason FROM ballots_{number} WHERE id = $1");
        let id = Uuid::from_bytes(ballot.0);
        let rows = self.partition_rows(contest, sql, move |query| query.bind(id)).await?.unwrap_or_default();
        rows.first().map(recorded_ballot).transpose()
    }

    async fn rejection(&self, contest: &ContestId, ballot: BallotId) -> Result<Option<Rejection>> {
        let statement = query(
            "SELECT rejection FROM rejections JOIN contests ON contest = number
             WHERE contests.id = $1 AND rejections.id = $2",
        );
        let row = self.row(statement.bind(contest.as_str()).bind(Uuid::from_bytes(ballot.0))).await?;
        let json: Option<String> = row.map(|row| row.try_get(0)).transpose().map_err(unavailable)?;
        json.map(|json| serde_json::from_str(&json).map_err(corrupt)).transpose()
    }

    async fn count_rejections_with_prefix(
        &self,
        contest: &ContestId,
        prefix: [u8; 4],
        limit: usize,
    ) -> Result<usize> {
        let (low, high) = id_range(prefix);
        let statement = query(
            "SELECT count(*) FROM (SELECT 1 FROM rejections JOIN contests ON contest = number
             WHERE contests.id = $1 AND rejections.id BETWEEN $2 AND $3 LIMIT $4) AS counted",
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let row = self.row(statement.bind(contest.as_str()).bind(low).bind(high).bind(limit)).await?;
        let count: i64 = row.map_or(Ok(0), |row| row.try_get(0)).map_err(unavailable)?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    async fn ballots(
        &self,
        contest: &ContestId,
        after: Option<BallotId>,
        limit: usize,
    ) -> Result<Vec<StoredBallot>> {
        let after = after.map(|after| Uuid::from_bytes(after.0));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // The first page has another text, so that the server uses the index for the other pages.
        let behind = if after.is_some() { "WHERE id > $1" } else { "WHERE $1::uuid IS NULL" };
        let sql = |number| {
            format!("SELECT id, log_index, state, reason FROM ballots_{number} {behind} ORDER BY id LIMIT $2")
        };
        let rows = self
            .partition_rows(contest, sql, move |query| query.bind(after).bind(limit))
            .await?
            .ok_or_else(|| no_contest(contest))?;
        rows.iter().map(stored_ballot).collect()
    }

    async fn turnout(&self, contest: &ContestId) -> Result<Vec<Turnout>> {
        let statement = query(
            r#"SELECT minute, channel, "group", ballots FROM contests LEFT JOIN turnout ON contest = number
               WHERE id = $1 ORDER BY minute, channel, "group""#,
        );
        let rows = self.rows(statement.bind(contest.as_str())).await?;
        if rows.is_empty() {
            return Err(no_contest(contest));
        }
        rows.iter().filter_map(|row| turnout(row).transpose()).collect()
    }

    async fn ballots_with_prefix(
        &self,
        contest: &ContestId,
        prefix: [u8; 4],
        before: u64,
        limit: usize,
    ) -> Result<Vec<(RecordedBallot, Bytes)>> {
        let (low, high) = id_range(prefix);
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // The subquery chooses the ballots first, so that only their entries are read.
        let sql = |number| {
            format!(
                "SELECT id, newest.log_index, state, reason, block.log_index, lines FROM
                 (SELECT id, log_index, state, reason FROM ballots_{number}
                  WHERE id BETWEEN $1 AND $2 AND log_index < $3 ORDER BY log_index DESC LIMIT $4) AS newest
                 CROSS JOIN LATERAL
                 (SELECT log_index, lines FROM entries_{number}
                  WHERE log_index <= newest.log_index ORDER BY log_index DESC LIMIT 1) AS block
                 ORDER BY newest.log_index DESC"
            )
        };
        let rows = self
            .partition_rows(contest, sql, move |query| query.bind(low).bind(high).bind(before).bind(limit))
            .await?;
        let entry = |row: &PgRow| {
            let ballot = recorded_ballot(row)?;
            let entry = block(row, 4)?.entry(ballot.index)?;
            Ok((ballot, entry))
        };
        rows.unwrap_or_default().iter().map(entry).collect()
    }
}

fn head(row: &PgRow) -> Result<Head> {
    type Row = (i64, Vec<u8>, String, Vec<u8>);
    let read = || -> std::result::Result<Row, Error> {
        Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?))
    };
    let (size, root, checkpoint, cursors) = read().map_err(unavailable)?;
    Ok(Head {
        size: unsigned(size)?,
        root: Hash(root.try_into().map_err(|_| corrupt("the log's root"))?),
        checkpoint,
        cursors: Cursors::from_bytes(&cursors).ok_or_else(|| corrupt("the intake's cursors"))?,
    })
}

/// Reads a row of turnout; `None` for the single row of a contest without turnout.
fn turnout(row: &PgRow) -> Result<Option<Turnout>> {
    let minute: Option<i64> = row.try_get(0).map_err(unavailable)?;
    let Some(minute) = minute else { return Ok(None) };
    let non_empty = |text: String| (!text.is_empty()).then_some(text);
    Ok(Some(Turnout {
        minute,
        channel: non_empty(row.try_get(1).map_err(unavailable)?),
        group: non_empty(row.try_get(2).map_err(unavailable)?),
        ballots: unsigned(row.try_get(3).map_err(unavailable)?)?,
    }))
}

/// Reads a block: the index of its first entry is in `column`, and the lines of all its entries are
/// in the next column.
fn block(row: &PgRow, column: usize) -> Result<Block> {
    let first: i64 = row.try_get(column).map_err(unavailable)?;
    let lines: Vec<u8> = row.try_get(column + 1).map_err(unavailable)?;
    Ok(Block { first: unsigned(first)?, lines: lines.into() })
}

/// Returns the lowest and the highest id that begin with a prefix.
fn id_range(prefix: [u8; 4]) -> (Uuid, Uuid) {
    let (mut low, mut high) = ([0; 16], [0xff; 16]);
    for bound in [&mut low, &mut high] {
        bound[..4].copy_from_slice(&prefix);
    }
    (Uuid::from_bytes(low), Uuid::from_bytes(high))
}

/// The columns of a ballot: id, index, state, and the reason of a void as JSON.
type BallotRow = (Uuid, i64, i16, Option<String>);

fn ballot_row(row: &PgRow) -> Result<BallotRow> {
    let read = || -> std::result::Result<BallotRow, Error> {
        Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?))
    };
    read().map_err(unavailable)
}

fn state(state: i16, reason: Option<String>) -> Result<BallotState> {
    let reason = reason.map(|json| serde_json::from_str(&json)).transpose().map_err(corrupt)?;
    read_state(state.into(), reason)
}

fn recorded_ballot(row: &PgRow) -> Result<RecordedBallot> {
    let (id, index, number, reason) = ballot_row(row)?;
    let state = state(number, reason)?;
    Ok(RecordedBallot { id: BallotId(id.into_bytes()), index: unsigned(index)?, state })
}

fn stored_ballot(row: &PgRow) -> Result<StoredBallot> {
    let (id, index, number, reason) = ballot_row(row)?;
    let state = state(number, reason).ok();
    Ok(StoredBallot { id: BallotId(id.into_bytes()), index: unsigned(index)?, state })
}
