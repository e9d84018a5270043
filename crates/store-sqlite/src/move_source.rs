//! The move of an installation to another database.
//!
//! One transaction reads everything and sets the mark of the move.

use acclaim_contest::{BallotId, ContestId};
use acclaim_store::{
    RequestId,
    error::{Result, StoreError},
    ledger::Head,
    pass_revocations::PassRevocation,
    relocation::{MoveMark, Part},
};
use rusqlite::{Params, Row, Transaction};
use tokio::sync::{mpsc, oneshot};

use crate::{
    commands::{StoredCommand, queued_command, read_outcome, stored_command},
    contest_number::contest_number,
    contests::{read_contest, read_subjects},
    database::SqliteDatabase,
    error::{corrupt, unavailable, unsigned},
    keys::{StoredKey, staff_key, stored_key},
    ledger::{ballot_row, block, read_head, recorded_ballot, stored_block, stored_turnout, turnout},
    move_mark,
    pass_revocations::{StoredMintParameters, instant, minting, revoked_voter},
};

/// The approximate number of rows in one part.
const MAX_ROWS_PER_PART: usize = 8_192;
/// The largest number of commands in one part. A command can be as large as a request.
const MAX_COMMANDS_PER_PART: usize = 64;
/// The approximate number of bytes of entries in one part.
const MAX_BYTES_PER_PART: usize = 4 << 20;

impl SqliteDatabase {
    /// Returns the mark of a move, or `None` if the installation was not moved.
    ///
    /// # Errors
    /// As for any read.
    pub async fn move_mark(&self) -> Result<Option<MoveMark>> {
        self.read(|tx| move_mark::read(tx).map_err(unavailable)).await
    }

    /// Sends the whole installation in parts, with [`Part::End`] as the last. Then it waits for
    /// the mark and sets it.
    ///
    /// No other write happens meanwhile. Nothing is changed if no mark arrives. The mark is durable
    /// when this returns.
    ///
    /// # Errors
    /// `Unavailable` if `parts` or `mark` is dropped. Otherwise as for any write.
    pub async fn move_out(&self, parts: mpsc::Sender<Part>, mark: oneshot::Receiver<MoveMark>) -> Result<()> {
        self.write(move |tx| {
            PartSender { tx, parts }.send_all()?;
            let mark = mark.blocking_recv().map_err(|_| move_cancelled())?;
            move_mark::write(tx, &mark)?;
            move_mark::install_write_locks(tx).map_err(unavailable)
        })
        .await
    }

    /// Replaces the mark. It is durable when this returns.
    ///
    /// # Errors
    /// As for any write.
    pub async fn set_move_mark(&self, mark: &MoveMark) -> Result<()> {
        let mark = mark.clone();
        self.write(move |tx| move_mark::write(tx, &mark)).await
    }

    /// Removes the mark, so that the installation continues here. It is durable when this returns.
    ///
    /// # Errors
    /// As for any write.
    pub async fn remove_move_mark(&self) -> Result<()> {
        self.write(move_mark::remove).await
    }
}

fn move_cancelled() -> StoreError {
    StoreError::Unavailable("the move was cancelled".to_owned())
}

/// Reads an installation and sends it in parts.
struct PartSender<'a> {
    tx: &'a Transaction<'a>,
    parts: mpsc::Sender<Part>,
}

impl PartSender<'_> {
    fn send(&self, part: Part) -> Result<()> {
        self.parts.blocking_send(part).map_err(|_| move_cancelled())
    }

    fn send_all(self) -> Result<()> {
        self.send_installation()?;
        let ids = self.ids("SELECT id FROM contests ORDER BY id")?;
        for id in &ids {
            self.send_contest(id)?;
        }
        self.send(Part::End)
    }

    fn ids(&self, sql: &str) -> Result<Vec<ContestId>> {
        let mut statement = self.tx.prepare(sql).map_err(unavailable)?;
        let ids = statement.query_map([], |row| row.get::<_, String>(0)).map_err(unavailable)?;
        ids.map(|id| id.map_err(unavailable)?.parse().map_err(corrupt)).collect()
    }

    /// Sends the rows of a statement, in parts of [`MAX_ROWS_PER_PART`] rows.
    fn send_rows<R, T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<R>,
        convert: impl Fn(R) -> Result<T>,
        part: impl Fn(Vec<T>) -> Part,
    ) -> Result<()> {
        self.send_rows_in_parts(MAX_ROWS_PER_PART, sql, values, read, convert, part)
    }

    /// Sends the rows of a statement, in parts of at most `limit` rows.
    fn send_rows_in_parts<R, T>(
        &self,
        limit: usize,
        sql: &str,
        values: impl Params,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<R>,
        convert: impl Fn(R) -> Result<T>,
        part: impl Fn(Vec<T>) -> Part,
    ) -> Result<()> {
        let mut statement = self.tx.prepare(sql).map_err(unavailable)?;
        let results = statement.query_map(values, read).map_err(unavailable)?;
        let mut rows = Vec::new();
        for row in results {
            rows.push(convert(row.map_err(unavailable)?)?);
            if rows.len() == limit {
                self.send(part(std::mem::take(&mut rows)))?;
            }
        }
        if rows.is_empty() { Ok(()) } else { self.send(part(rows)) }
    }

    fn send_installation(&self) -> Result<()> {
        self.send_rows(
            "SELECT name, value FROM installation WHERE name != ?1 ORDER BY name",
            [move_mark::MARK_NAME],
            |row| Ok((row.get(0)?, row.get(1)?)),
            Ok,
            Part::Values,
        )?;
        self.send_rows(
            "SELECT name, role, contests, panel, created, revoked, expires, hash FROM staff_keys ORDER BY name",
            [],
            |row| Ok((row.get(7)?, stored_key(row)?)),
            |(hash, key): ([u8; 32], StoredKey)| Ok((hash, staff_key(key)?)),
            Part::StaffKeys,
        )?;
        self.send_rows(
            "SELECT staff, key, revoked FROM key_revocations ORDER BY staff, key",
            [],
            |row| Ok((RequestId { by: row.get(0)?, key: row.get(1)? }, row.get(2)?)),
            |(id, key): (RequestId, String)| Ok((id, serde_json::from_str(&key).map_err(corrupt)?)),
            Part::KeyRevocations,
        )?;
        self.send(Part::Retired(self.ids("SELECT id FROM retired ORDER BY id")?))
    }

    fn send_contest(&self, id: &ContestId) -> Result<()> {
        let missing = || corrupt(format!("contest {id} is missing"));
        let number = contest_number(self.tx, id)?.ok_or_else(missing)?;
        let record = read_contest(self.tx, id)?.ok_or_else(missing)?;
        let head = read_head(self.tx, number)?;
        self.send(Part::Contest(Box::new(record), head.clone()))?;
        if let Some(subjects) = read_subjects(self.tx, number)? {
            self.send(Part::Subjects(subjects))?;
        }
        if let Some(head) = &head {
            self.send_entries(number, head)?;
        }
        self.send_rows(
            "SELECT id, log_index, state, reason FROM ballots WHERE contest = ?1 ORDER BY id",
            [number],
            ballot_row,
            recorded_ballot,
            Part::Ballots,
        )?;
        self.send_rows_in_parts(
            MAX_COMMANDS_PER_PART,
            "SELECT key, staff, command, received, outcome FROM commands WHERE contest = ?1 ORDER BY number",
            [number],
            |row| Ok((stored_command(row)?, row.get(4)?)),
            |(command, outcome): (StoredCommand, Option<String>)| {
                Ok((queued_command(command)?, outcome.map(read_outcome).transpose()?))
            },
            Part::Commands,
        )?;
        self.send_passes(number)?;
        self.send_rows(
            "SELECT id, rejection FROM rejections WHERE contest = ?1 ORDER BY id",
            [number],
            |row| Ok((row.get(0)?, row.get(1)?)),
            |(id, json): ([u8; 16], String)| {
                Ok((BallotId(id), serde_json::from_str(&json).map_err(corrupt)?))
            },
            Part::Rejections,
        )?;
        self.send_rows(
            r#"SELECT minute, channel, "group", ballots FROM turnout WHERE contest = ?1"#,
            [number],
            stored_turnout,
            turnout,
            Part::Turnout,
        )
    }

    /// Sends the entries. Each part is also limited in bytes, because entries can be large.
    fn send_entries(&self, contest: i64, head: &Head) -> Result<()> {
        let mut statement = self
            .tx
            .prepare("SELECT log_index, lines FROM entries WHERE contest = ?1 ORDER BY log_index")
            .map_err(unavailable)?;
        let mut rows = statement.query([contest]).map_err(unavailable)?;
        let missing = |index: u64| corrupt(format!("entry {index} is missing or at a wrong index"));
        let (mut entries, mut bytes, mut next) = (Vec::new(), 0, 0);
        while let Some(row) = rows.next().map_err(unavailable)? {
            let block = block(stored_block(row).map_err(unavailable)?)?;
            if block.first != next {
                return Err(missing(next));
            }
            bytes += block.lines.len();
            let before = entries.len();
            entries.extend(block.entries().map(|(_, entry)| entry));
            next += (entries.len() - before) as u64;
            if bytes >= MAX_BYTES_PER_PART || entries.len() >= MAX_ROWS_PER_PART {
                self.send(Part::Entries(std::mem::take(&mut entries)))?;
                bytes = 0;
            }
        }
        if next != head.size {
            return Err(missing(next.min(head.size)));
        }
        if entries.is_empty() { Ok(()) } else { self.send(Part::Entries(entries)) }
    }

    fn send_passes(&self, contest: i64) -> Result<()> {
        self.send_rows(
            "SELECT source, total FROM passes WHERE contest = ?1 ORDER BY source",
            [contest],
            |row| Ok((row.get(0)?, row.get(1)?)),
            |(source, total): (String, i64)| Ok((source, unsigned(total)?)),
            Part::Passes,
        )?;
        self.send_rows(
            "SELECT staff, key, request, pass_key, expires, admitted, generation FROM pass_requests
             WHERE contest = ?1 ORDER BY key, staff",
            [contest],
            |row| {
                let stored = (row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?);
                Ok((RequestId { by: row.get(0)?, key: row.get(1)? }, row.get(2)?, stored))
            },
            |(id, request, stored): (RequestId, [u8; 32], StoredMintParameters)| {
                Ok((id, request, minting(stored)?))
            },
            Part::PassRequests,
        )?;
        self.send_revocations(contest)
    }

    fn send_revocations(&self, contest: i64) -> Result<()> {
        self.send_rows(
            "SELECT generation, staff, key, request, mode, reason, at FROM revocations WHERE contest = ?1 ORDER BY generation",
            [contest],
            |row| {
                let id = RequestId { by: row.get(1)?, key: row.get(2)? };
                Ok((row.get(0)?, id, row.get(3)?, row.get::<_, String>(4)?, row.get(5)?, row.get(6)?))
            },
            |(generation, id, request, mode, reason, at): (u32, RequestId, [u8; 32], String, String, i64)| {
                let (mode, at) = (mode.parse().map_err(corrupt)?, instant(at)?);
                Ok((generation, PassRevocation { id, request, mode, reason, at }))
            },
            Part::Revocations,
        )?;
        self.send_rows(
            "SELECT tag, generation, barred FROM revoked_voters WHERE contest = ?1 ORDER BY tag",
            [contest],
            revoked_voter,
            Ok,
            Part::RevokedVoters,
        )
    }
}
