//! The intake in Redis. `layout` describes the keys. Each script in `scripts/` is one atomic step.
//!
//! The slots are a table of fingerprints, not one key or field for each voter. A cell holds the
//! slot that was last marked there. So memory is fixed, and one native command looks up a batch.
//! A forgotten slot does no harm, because the sequencer decides. A slot that only seems taken costs
//! little, because the API asks the ledger.

use std::{sync::Arc, time::Duration};

use acclaim_contest::BallotId;
use acclaim_store::{
    Intake, StoreError,
    error::Result,
    intake::{
        Backlog, Cursor, Cursors, DrainOutcome, IntakeStatus, Item, Session, Slot, Submission, SubmitOutcome,
        Survivors,
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use jiff::Timestamp;
use redis::{Cmd, FromRedisValue as _, Value, cmd};
use tokio::time::{Instant, timeout_at};

use crate::{
    Redis,
    connection::{Script, read_error, write_error},
    drain_waiters::Idle,
    item,
    layout::{self, HEADER_LENGTH, ShardKeys},
    redis::Shared,
    shard_backoff::ShardBackoff,
};

/// The largest number of ballots in one call.
const MAX_SUBMISSIONS_PER_CALL: usize = 1_024;
/// The largest number of blocks of one shard that one drain reads.
const MAX_BLOCKS_PER_READ: usize = 16;
/// A value of [`Survivors::taken`] is the list's length, times this factor, plus the number of
/// blocks read. A second drop finds another length, and so drops nothing more.
const TAKEN_LENGTH_FACTOR: u64 = 64;
/// The time between two polls of a drain that nothing wakes: at first.
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The time between two polls after a long time without ballots.
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The largest number of slots that one command marks.
const MAX_SLOTS_PER_COMMAND: usize = 1_000;

/// The intake in Redis: shards of buffers with a table of slots each.
///
/// Redis writes buffered ballots to its append-only file, which is synced at every write, unless
/// the operator has allowed weaker settings.
pub struct RedisIntake {
    shared: Arc<Shared>,
    key: [u8; 32],
    scripts: Scripts,
    /// The shards that missed their time-outs.
    shard_backoff: ShardBackoff,
}

/// Blocks, each with the cursor after it; or the reason why the shard is lost.
type Blocks = std::result::Result<Vec<(Cursor, Bytes)>, String>;

struct Scripts {
    submit: Script,
    drain: Script,
    trim: Script,
    seal: Script,
    begin: Script,
    open: Script,
    backlog: Script,
    drop_survivors: Script,
}

impl RedisIntake {
    /// Uses these servers. `key` signs items. It is the same in every process of the installation.
    #[must_use]
    pub fn new(redis: &Redis, key: [u8; 32]) -> Self {
        let scripts = Scripts {
            submit: Script::new(include_str!("scripts/submit.lua")),
            drain: Script::new(include_str!("scripts/drain.lua")),
            trim: Script::new(include_str!("scripts/trim.lua")),
            seal: Script::new(include_str!("scripts/seal.lua")),
            begin: Script::new(include_str!("scripts/begin.lua")),
            open: Script::new(include_str!("scripts/open.lua")),
            backlog: Script::new(include_str!("scripts/backlog.lua")),
            drop_survivors: Script::new(include_str!("scripts/drop_survivors.lua")),
        };
        Self { shared: Arc::clone(&redis.0), key, scripts, shard_backoff: ShardBackoff::default() }
    }

    fn shards(session: &Session) -> impl Iterator<Item = ShardKeys> {
        (0..session.shards.max(1)).map(|shard| ShardKeys::new(&session.contest, shard))
    }

    /// Submits ballots to one shard.
    async fn submit_shard(
        &self,
        session: &Session,
        shard: u16,
        submissions: &[&Submission],
    ) -> Result<Vec<SubmitOutcome>> {
        let keys = ShardKeys::new(&session.contest, shard);
        let (mut counts, mut items) = (Vec::with_capacity(2 * submissions.len()), Vec::new());
        for submission in submissions {
            // The count fits: each slot is a selection in an entry of at most 65,535 bytes.
            counts.extend(u16::try_from(submission.slots.len()).unwrap_or(u16::MAX).to_be_bytes());
            item::encode(&self.key, &session.contest, &submission.item, &mut items);
        }
        let mut token = [0; 16];
        getrandom::fill(&mut token).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let arrived =
            submissions.first().map_or(0, |submission| submission.item.arrived.as_millisecond().max(0));
        let slots: usize = submissions.iter().map(|submission| submission.slots.len()).sum();
        let promised: Vec<(usize, BallotId)> = submissions
            .iter()
            .enumerate()
            .filter(|(_, submission)| submission.item.promised)
            .map(|(index, submission)| (index, submission.item.ballot))
            .collect();
        let args = |command: &mut Cmd| {
            command
                .arg(session.epoch)
                .arg(self.shared.capacity)
                .arg(&token[..])
                .arg(format!("{arrived:016}"));
            command.arg(layout::WAKE).arg(session.contest.as_str());
            command.arg(submissions.len()).arg(slots).arg(promised.len());
            command.arg(&counts[..]).arg(&items[..]);
            for slot in submissions.iter().flat_map(|submission| &submission.slots) {
                let (cell, fingerprint) = cell(*slot);
                command.arg(cell).arg(fingerprint);
            }
            for (index, ballot) in &promised {
                command.arg(*index).arg(&ballot.0[..]);
            }
        };
        let keys = [&*keys.meta, &*keys.index, &*keys.buffer, &*keys.slots, &*keys.promised];
        let answer =
            self.shared.connection.call(&self.scripts.submit, &keys, &args).await.map_err(write_error)?;
        let all = |outcome| Ok(vec![outcome; submissions.len()]);
        match &answer {
            Value::BulkString(word) if word == b"rebuilding" => all(SubmitOutcome::Rebuilding),
            Value::BulkString(word) if word == b"sealed" => all(SubmitOutcome::Sealed),
            Value::BulkString(word) if word == b"full" => all(SubmitOutcome::Full),
            _ => {
                let mut outcomes = vec![SubmitOutcome::Buffered; submissions.len()];
                for index in Vec::<usize>::from_redis_value(answer).map_err(unexpected_answer)? {
                    if let Some(outcome) = outcomes.get_mut(index) {
                        *outcome = SubmitOutcome::SlotTaken;
                    }
                }
                Ok(outcomes)
            }
        }
    }

    /// Returns the blocks of one shard after a cursor, with about `max` items.
    async fn drain_shard(&self, session: &Session, shard: u16, after: Cursor, max: usize) -> Result<Blocks> {
        let keys = ShardKeys::new(&session.contest, shard);
        let digest = hex::encode(after.digest);
        let args = |command: &mut Cmd| {
            command.arg(session.epoch).arg(after.position).arg(&digest).arg(MAX_BLOCKS_PER_READ).arg(max);
        };
        let keys = [&*keys.meta, &*keys.index, &*keys.buffer];
        let answer =
            self.shared.connection.call(&self.scripts.drain, &keys, &args).await.map_err(write_error)?;
        let parts = Vec::<Value>::from_redis_value(answer).map_err(unexpected_answer)?;
        match <[Value; 3]>::try_from(parts) {
            Ok([_, headers, bodies]) => {
                let headers = Vec::<String>::from_redis_value(headers).map_err(unexpected_answer)?;
                let bodies = Vec::<Vec<u8>>::from_redis_value(bodies).map_err(unexpected_answer)?;
                let positions = after.position + 1..;
                let cursor = |position, header: &str| Cursor { position, digest: digest_of(header) };
                let blocks = positions.zip(headers).zip(bodies);
                Ok(Ok(blocks.map(|((p, header), body)| (cursor(p, &header), body.into())).collect()))
            }
            Err(parts) => {
                let why = parts.into_iter().nth(1).map(String::from_redis_value);
                Ok(Err(why.transpose().map_err(unexpected_answer)?.unwrap_or_default()))
            }
        }
    }

    /// Returns the blocks of each shard after its cursor, with about `max` items in total.
    ///
    /// A shard that does not answer has no blocks, as long as another shard answers.
    async fn drain_shards(&self, session: &Session, after: &Cursors, max: usize) -> Result<Vec<Blocks>> {
        let max = max / after.shards.len().max(1);
        // A single shard needs no time-out of its own: the call's time-out applies.
        let alone = after.shards.len() == 1;
        let calls = (0..).zip(&after.shards).map(|(shard, cursor)| async move {
            let timeout =
                if alone { Some(Duration::MAX) } else { self.shard_backoff.timeout(session, shard) };
            let late = || StoreError::Unavailable("redis: a shard does not answer".to_owned());
            let Some(timeout) = timeout else { return Err(late()) };
            let call = self.drain_shard(session, shard, *cursor, max);
            let answer = tokio::time::timeout(timeout, call).await;
            self.shard_backoff.record(session, shard, answer.is_err());
            answer.unwrap_or_else(|_| Err(late()))
        });
        let answers = join_all(calls).await;
        if answers.iter().all(Result::is_err) {
            return answers.into_iter().collect();
        }
        Ok(answers.into_iter().map(|answer| answer.unwrap_or_else(|_| Ok(Vec::new()))).collect())
    }

    /// Decodes the items of a block. Forged items are reported and dropped.
    fn decode(&self, session: &Session, block: &Bytes) -> Vec<Item> {
        let decoded = item::decode(&self.key, &session.contest, block);
        if decoded.forged > 0 {
            self.shared.report_forged(session.contest.as_str(), decoded.forged);
        }
        decoded.items
    }

    /// Returns the items of all shards after the cursors, about `max`; `None` if there are none.
    async fn drain_once(
        &self,
        session: &Session,
        after: &Cursors,
        max: usize,
    ) -> Result<Option<DrainOutcome>> {
        if after.epoch != session.epoch || after.shards.len() != usize::from(session.shards.max(1)) {
            return Ok(Some(DrainOutcome::Lost("the cursors are of another session".to_owned())));
        }
        let mut shards = Vec::new();
        for shard in self.drain_shards(session, after, max).await? {
            match shard {
                Ok(blocks) => shards.push(blocks),
                Err(why) => return Ok(Some(DrainOutcome::Lost(why))),
            }
        }
        let mut through = after.clone();
        let mut items = Vec::new();
        let mut any = false;
        // The shards take turns, one block each, so that a busy shard does not delay the others.
        let mut shards: Vec<_> = shards.into_iter().map(Vec::into_iter).collect();
        loop {
            let mut more = false;
            for (blocks, through) in shards.iter_mut().zip(&mut through.shards) {
                let Some((cursor, block)) = blocks.next() else { continue };
                items.extend(self.decode(session, &block));
                *through = cursor;
                more = true;
            }
            any |= more;
            if items.len() >= max || !more {
                break;
            }
        }
        Ok(any.then_some(DrainOutcome::Items { items, through }))
    }
}

/// Returns a slot's cell, as BITFIELD names it, and the slot's fingerprint. The fingerprint is
/// never zero, because zero is an empty cell.
fn cell(slot: Slot) -> (String, u64) {
    (format!("#{}", slot.hash % layout::CELLS), 1 + (slot.hash >> 32) % 0xffff)
}

fn digest_of(header: &str) -> [u8; 20] {
    let mut digest = [0; 20];
    // An invalid header gives a digest that matches no other.
    let _invalid = hex::decode_to_slice(header.get(..40).unwrap_or_default(), &mut digest);
    digest
}

/// The digest at the beginning of a session.
fn first_digest(epoch: u64) -> [u8; 20] {
    sha1_smol::Sha1::from(epoch.to_be_bytes()).digest().bytes()
}

#[expect(clippy::needless_pass_by_value, reason = "fits `map_err`")]
fn unexpected_answer(error: redis::ParsingError) -> StoreError {
    StoreError::Corrupt(format!("redis: unexpected answer of a script: {error}"))
}

#[async_trait]
impl Intake for RedisIntake {
    async fn submit(&self, session: &Session, submissions: &[Submission]) -> Result<Vec<SubmitOutcome>> {
        self.shared.check()?;
        let mut by_shard: Vec<Vec<usize>> = vec![Vec::new(); usize::from(session.shards.max(1))];
        for (index, submission) in submissions.iter().enumerate() {
            if let Some(shard) = by_shard.get_mut(usize::from(session.shard(submission.item.ballot.prefix())))
            {
                shard.push(index);
            }
        }
        let calls = (0..).zip(&by_shard).map(|(shard, indexes)| async move {
            let mut answers = Vec::with_capacity(indexes.len());
            for piece in indexes.chunks(MAX_SUBMISSIONS_PER_CALL) {
                let piece: Vec<&Submission> =
                    piece.iter().filter_map(|index| submissions.get(*index)).collect();
                answers.extend(self.submit_shard(session, shard, &piece).await?);
            }
            Ok::<_, StoreError>(answers)
        });
        let answers = try_join_all(calls).await?;
        let mut outcomes = vec![SubmitOutcome::Rebuilding; submissions.len()];
        for (index, answer) in by_shard.into_iter().flatten().zip(answers.into_iter().flatten()) {
            if let Some(outcome) = outcomes.get_mut(index) {
                *outcome = answer;
            }
        }
        Ok(outcomes)
    }

    async fn drain(&self, session: &Session, after: &Cursors, max: usize) -> Result<DrainOutcome> {
        let waiter = self.shared.drain_waiters.waiter(&session.contest);
        let mut idle = waiter.idle_after(after);
        loop {
            // The interval grows while no ballots come, so that hundreds of idle contests cost
            // Redis little.
            if let Some(idle) = &mut idle
                && timeout_at(idle.next_poll, waiter.notify.notified()).await.is_err()
            {
                idle.interval = (idle.interval * 2).min(MAX_POLL_INTERVAL);
            }
            // The wake-up is used up. If this call is dropped here, the next drain must poll at
            // once.
            waiter.set_idle(None);
            if let Some(outcome) = self.drain_once(session, after, max).await? {
                return Ok(outcome);
            }
            let interval = idle.map_or(MIN_POLL_INTERVAL, |idle| idle.interval);
            let next_poll = Instant::now() + interval;
            idle = Some(Idle { cursors: after.clone(), interval, next_poll });
            waiter.set_idle(idle.clone());
        }
    }

    async fn trim(&self, session: &Session, through: &Cursors, promised: &[BallotId]) -> Result<()> {
        if through.epoch != session.epoch {
            return Ok(());
        }
        let calls =
            (0..).zip(Self::shards(session)).zip(&through.shards).map(|((shard, keys), cursor)| async move {
                let in_shard = |ballot: &&BallotId| session.shard(ballot.prefix()) == shard;
                let args = |command: &mut Cmd| {
                    command.arg(session.epoch).arg(cursor.position).arg(hex::encode(cursor.digest));
                    for ballot in promised.iter().filter(in_shard) {
                        command.arg(&ballot.0[..]);
                    }
                };
                let keys = [&*keys.meta, &*keys.index, &*keys.buffer, &*keys.promised];
                self.shared.connection.call(&self.scripts.trim, &keys, &args).await.map_err(write_error)
            });
        // Each call runs to its end, so that a shard that does not answer does not stop the
        // trimming of others.
        join_all(calls).await.into_iter().collect::<Result<Vec<_>>>().map(drop)
    }

    async fn seal(&self, session: &Session) -> Result<Option<Cursors>> {
        let mut shards = Vec::new();
        for keys in Self::shards(session) {
            let args = |command: &mut Cmd| {
                command.arg(session.epoch);
            };
            let answer = self.shared.connection.call(&self.scripts.seal, &[&keys.meta], &args).await;
            let end =
                Vec::<String>::from_redis_value(answer.map_err(write_error)?).map_err(unexpected_answer)?;
            let [position, digest] = &end[..] else { return Ok(None) };
            let position = position
                .parse()
                .map_err(|_| StoreError::Corrupt("redis: invalid position of a shard".to_owned()))?;
            shards.push(Cursor { position, digest: digest_of(digest) });
        }
        Ok(Some(Cursors { epoch: session.epoch, shards }))
    }

    async fn begin(&self, session: &Session) -> Result<Cursors> {
        let digest = first_digest(session.epoch);
        for keys in Self::shards(session) {
            let args = |command: &mut Cmd| {
                command.arg(session.epoch).arg(hex::encode(digest));
            };
            let keys = [&*keys.meta, &*keys.index, &*keys.buffer, &*keys.slots, &*keys.survivors];
            self.shared.connection.call(&self.scripts.begin, &keys, &args).await.map_err(write_error)?;
        }
        let shards = vec![Cursor { position: 0, digest }; usize::from(session.shards.max(1))];
        Ok(Cursors { epoch: session.epoch, shards })
    }

    async fn survivors(&self, session: &Session) -> Result<Survivors> {
        let mut survivors = Survivors::default();
        for keys in Self::shards(session) {
            // The length is read first. If another process drops blocks in between, this reader's
            // drop finds another length and does nothing.
            let length: u64 =
                self.shared.connection.run(cmd("LLEN").arg(&keys.survivors)).await.map_err(write_error)?;
            let mut range = cmd("LRANGE");
            range.arg(&keys.survivors).arg(0).arg(MAX_BLOCKS_PER_READ - 1);
            let blocks: Vec<Vec<u8>> = self.shared.connection.run(&range).await.map_err(write_error)?;
            survivors.taken.push(length * TAKEN_LENGTH_FACTOR + blocks.len() as u64);
            for block in blocks {
                survivors.items.extend(self.decode(session, &block.into()));
            }
        }
        Ok(survivors)
    }

    async fn drop_survivors(&self, session: &Session, taken: &[u64]) -> Result<()> {
        for (keys, taken) in Self::shards(session).zip(taken) {
            let args = |command: &mut Cmd| {
                command.arg(session.epoch).arg(taken / TAKEN_LENGTH_FACTOR).arg(taken % TAKEN_LENGTH_FACTOR);
            };
            let keys = [&*keys.meta, &*keys.survivors];
            let script = &self.scripts.drop_survivors;
            self.shared.connection.call(script, &keys, &args).await.map_err(write_error)?;
        }
        Ok(())
    }

    fn has_slot_table(&self) -> bool {
        true
    }

    async fn mark_slots_taken(&self, session: &Session, slots: &[Slot]) -> Result<()> {
        let mut commands = Vec::new();
        for (shard, keys) in (0..).zip(Self::shards(session)) {
            let in_shard: Vec<Slot> =
                slots.iter().filter(|slot| session.shard(slot.prefix) == shard).copied().collect();
            for piece in in_shard.chunks(MAX_SLOTS_PER_COMMAND) {
                let mut command = cmd("BITFIELD");
                command.arg(&keys.slots);
                for slot in piece {
                    let (cell, fingerprint) = cell(*slot);
                    command.arg("SET").arg("u16").arg(cell).arg(fingerprint);
                }
                commands.push(command);
            }
        }
        // All commands are sent at once: a server syncs commands that arrive together in one step.
        let marking = commands.iter().map(|command| self.shared.connection.run::<Value>(command));
        try_join_all(marking).await.map(drop).map_err(write_error)
    }

    async fn open(&self, session: &Session) -> Result<()> {
        for keys in Self::shards(session) {
            let args = |command: &mut Cmd| {
                command.arg(session.epoch);
            };
            self.shared
                .connection
                .call(&self.scripts.open, &[&keys.meta], &args)
                .await
                .map_err(write_error)?;
        }
        Ok(())
    }

    async fn forget(&self, session: &Session) -> Result<()> {
        self.shared.drain_waiters.forget(&session.contest);
        for keys in Self::shards(session) {
            let unlink = cmd("UNLINK").arg(&keys.all()).to_owned();
            self.shared.connection.run::<i64>(&unlink).await.map_err(write_error)?;
        }
        Ok(())
    }

    async fn backlog(&self, session: &Session) -> Result<Backlog> {
        let calls = Self::shards(session).map(|keys| async move {
            let args = |command: &mut Cmd| {
                command.arg(session.epoch);
            };
            let keys = [&*keys.meta, &*keys.index];
            self.shared.connection.call(&self.scripts.backlog, &keys, &args).await.map_err(read_error)
        });
        let answers = join_all(calls).await;
        if answers.iter().all(Result::is_err) {
            answers.into_iter().collect::<Result<Vec<_>>>()?;
            return Ok(Backlog::default());
        }
        let mut backlog = Backlog::default();
        for answer in answers.into_iter().flatten() {
            let (items, header) = <(u64, String)>::from_redis_value(answer).map_err(unexpected_answer)?;
            backlog.items += items;
            let arrived = header
                .get(HEADER_LENGTH - 16..)
                .and_then(|millis| millis.parse().ok())
                .and_then(|millis| Timestamp::from_millisecond(millis).ok());
            backlog.oldest = backlog.oldest.into_iter().chain(arrived).min();
        }
        Ok(backlog)
    }

    async fn has_promised_ballot(&self, session: &Session, ballot: BallotId) -> Result<bool> {
        let keys = ShardKeys::new(&session.contest, session.shard(ballot.prefix()));
        let is_member = cmd("SISMEMBER").arg(&keys.promised).arg(&ballot.0[..]).to_owned();
        self.shared.connection.run(&is_member).await.map_err(read_error)
    }

    fn status(&self) -> IntakeStatus {
        self.shared.status()
    }
}
