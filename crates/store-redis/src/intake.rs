//! The intake. See `layout` for the keys and `scripts/` for the steps, each of which is atomic.
//!
//! Slots are a table of fingerprints, not a key or field a voter: a cell holds the slot that was last marked there, so that memory is fixed and a lookup is
//! part of one native command a batch. A forgotten slot costs nothing (the sequencer decides), and a false one next to nothing
//! (the API asks the ledger).

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

/// Ballots of one call, at most.
const MAX_SUBMISSIONS_PER_CALL: usize = 1_024;
/// Blocks of one shard that one drain asks for.
const MAX_BLOCKS_PER_READ: usize = 16;
/// [`Survivors::taken`] holds the list's length, times this, and the number of blocks read: so dropping them twice drops nothing more.
const TAKEN_LENGTH_FACTOR: u64 = 64;
/// How long a drain waits before it looks again, if nothing wakes it: at first, and when nothing has come for long.
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(100);
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Slots marked in one command.
const MAX_SLOTS_PER_COMMAND: usize = 1_000;

/// The intake in Redis: shards of buffers with a table of slots each.
///
/// What is buffered is on Redis' disk by its append-only file, synchronised at every write, or the operator has allowed less.
pub struct RedisIntake {
    shared: Arc<Shared>,
    /// Signs items; the same in every process.
    key: [u8; 32],
    scripts: Scripts,
    /// Shards that took too long.
    shard_backoff: ShardBackoff,
}

/// Blocks with the cursors behind each, or why the shard is lost.
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
    /// On these servers; `key` signs items and is the same in every process of the installation.
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

    /// Offers ballots of one shard.
    async fn submit_shard(
        &self,
        session: &Session,
        shard: u16,
        offers: &[&Submission],
    ) -> Result<Vec<SubmitOutcome>> {
        let keys = ShardKeys::new(&session.contest, shard);
        let (mut counts, mut items) = (Vec::with_capacity(2 * offers.len()), Vec::new());
        for offer in offers {
            // Each is a selection in an entry of at most 65,535 bytes.
            counts.extend(u16::try_from(offer.slots.len()).unwrap_or(u16::MAX).to_be_bytes());
            item::encode(&self.key, &session.contest, &offer.item, &mut items);
        }
        let mut token = [0; 16];
        getrandom::fill(&mut token).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let arrived = offers.first().map_or(0, |offer| offer.item.arrived.as_millisecond().max(0));
        let slots: usize = offers.iter().map(|offer| offer.slots.len()).sum();
        let promised: Vec<(usize, BallotId)> = offers
            .iter()
            .enumerate()
            .filter(|(_, offer)| offer.item.promised)
            .map(|(index, offer)| (index, offer.item.ballot))
            .collect();
        let args = |command: &mut Cmd| {
            command
                .arg(session.epoch)
                .arg(self.shared.capacity)
                .arg(&token[..])
                .arg(format!("{arrived:016}"));
            command.arg(layout::WAKE).arg(session.contest.as_str());
            command.arg(offers.len()).arg(slots).arg(promised.len());
            command.arg(&counts[..]).arg(&items[..]);
            for slot in offers.iter().flat_map(|offer| &offer.slots) {
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
        let all = |submitted| Ok(vec![submitted; offers.len()]);
        match &answer {
            Value::BulkString(word) if word == b"rebuilding" => all(SubmitOutcome::Rebuilding),
            Value::BulkString(word) if word == b"sealed" => all(SubmitOutcome::Sealed),
            Value::BulkString(word) if word == b"full" => all(SubmitOutcome::Full),
            _ => {
                let mut submitted = vec![SubmitOutcome::Buffered; offers.len()];
                for index in Vec::<usize>::from_redis_value(answer).map_err(unexpected_answer)? {
                    if let Some(submitted) = submitted.get_mut(index) {
                        *submitted = SubmitOutcome::SlotTaken;
                    }
                }
                Ok(submitted)
            }
        }
    }

    /// What one shard holds behind a cursor, about `most` items.
    async fn drain_shard(&self, session: &Session, shard: u16, after: Cursor, most: usize) -> Result<Blocks> {
        let keys = ShardKeys::new(&session.contest, shard);
        let digest = hex::encode(after.digest);
        let args = |command: &mut Cmd| {
            command.arg(session.epoch).arg(after.position).arg(&digest).arg(MAX_BLOCKS_PER_READ).arg(most);
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

    /// What each shard holds behind its cursor, about `most` items in all; nothing of those that do not answer while others do.
    async fn drain_shards(&self, session: &Session, after: &Cursors, most: usize) -> Result<Vec<Blocks>> {
        let most = most / after.shards.len().max(1);
        // The only shard is waited for as long as any call.
        let alone = after.shards.len() == 1;
        let calls = (0..).zip(&after.shards).map(|(shard, cursor)| async move {
            let timeout =
                if alone { Some(Duration::MAX) } else { self.shard_backoff.timeout(session, shard) };
            let late = || StoreError::Unavailable("redis: a shard does not answer".to_owned());
            let Some(timeout) = timeout else { return Err(late()) };
            let call = self.drain_shard(session, shard, *cursor, most);
            let answer = tokio::time::timeout(timeout, call).await;
            self.shard_backoff.note(session, shard, answer.is_err());
            answer.unwrap_or_else(|_| Err(late()))
        });
        let answers = join_all(calls).await;
        if answers.iter().all(Result::is_err) {
            return answers.into_iter().collect();
        }
        Ok(answers.into_iter().map(|answer| answer.unwrap_or_else(|_| Ok(Vec::new()))).collect())
    }

    /// The items of a block that are ours.
    fn decode(&self, session: &Session, block: &Bytes) -> Vec<Item> {
        let decoded = item::decode(&self.key, &session.contest, block);
        if decoded.forged > 0 {
            self.shared.report_forged(session.contest.as_str(), decoded.forged);
        }
        decoded.items
    }

    /// What all shards hold behind the cursors, about `most` items; `None` if nothing.
    async fn drain_once(
        &self,
        session: &Session,
        after: &Cursors,
        most: usize,
    ) -> Result<Option<DrainOutcome>> {
        if after.epoch != session.epoch || after.shards.len() != usize::from(session.shards.max(1)) {
            return Ok(Some(DrainOutcome::Lost("the cursors are of another session".to_owned())));
        }
        let mut shards = Vec::new();
        for shard in self.drain_shards(session, after, most).await? {
            match shard {
                Ok(blocks) => shards.push(blocks),
                Err(why) => return Ok(Some(DrainOutcome::Lost(why))),
            }
        }
        let mut through = after.clone();
        let mut items = Vec::new();
        let mut any = false;
        // A block of each shard in turn, so that none waits for a busier one.
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
            if items.len() >= most || !more {
                break;
            }
        }
        Ok(any.then_some(DrainOutcome::Items { items, through }))
    }
}

/// A slot's cell, as BITFIELD names it, and its fingerprint: never zero, which is an empty cell.
fn cell(slot: Slot) -> (String, u64) {
    (format!("#{}", slot.hash % layout::CELLS), 1 + (slot.hash >> 32) % 0xffff)
}

fn digest_of(header: &str) -> [u8; 20] {
    let mut digest = [0; 20];
    // A header that is not ours leads to a digest that matches nothing.
    let _not_ours = hex::decode_to_slice(header.get(..40).unwrap_or_default(), &mut digest);
    digest
}

/// The digest of a session's beginning.
fn first_digest(epoch: u64) -> [u8; 20] {
    sha1_smol::Sha1::from(epoch.to_be_bytes()).digest().bytes()
}

#[expect(clippy::needless_pass_by_value, reason = "fits `map_err`")]
fn unexpected_answer(error: redis::ParsingError) -> StoreError {
    StoreError::Corrupt(format!("redis: an answer that no script of ours gives: {error}"))
}

#[async_trait]
impl Intake for RedisIntake {
    async fn submit(&self, session: &Session, offers: &[Submission]) -> Result<Vec<SubmitOutcome>> {
        self.shared.check()?;
        let mut by_shard: Vec<Vec<usize>> = vec![Vec::new(); usize::from(session.shards.max(1))];
        for (index, offer) in offers.iter().enumerate() {
            if let Some(shard) = by_shard.get_mut(usize::from(session.shard(offer.item.ballot.prefix()))) {
                shard.push(index);
            }
        }
        let calls = (0..).zip(&by_shard).map(|(shard, indexes)| async move {
            let mut answers = Vec::with_capacity(indexes.len());
            for piece in indexes.chunks(MAX_SUBMISSIONS_PER_CALL) {
                let piece: Vec<&Submission> = piece.iter().filter_map(|index| offers.get(*index)).collect();
                answers.extend(self.submit_shard(session, shard, &piece).await?);
            }
            Ok::<_, StoreError>(answers)
        });
        let answers = try_join_all(calls).await?;
        let mut submitted = vec![SubmitOutcome::Rebuilding; offers.len()];
        for (index, answer) in by_shard.into_iter().flatten().zip(answers.into_iter().flatten()) {
            if let Some(submitted) = submitted.get_mut(index) {
                *submitted = answer;
            }
        }
        Ok(submitted)
    }

    async fn drain(&self, session: &Session, after: &Cursors, most: usize) -> Result<DrainOutcome> {
        let waiting = self.shared.drain_waiters.of(&session.contest);
        let mut idle = waiting.idle_behind(after);
        loop {
            // The longer nothing comes, the seldomer it looks by itself: hundreds of idle contests cost Redis little.
            if let Some(idle) = &mut idle
                && timeout_at(idle.again, waiting.notify.notified()).await.is_err()
            {
                idle.interval = (idle.interval * 2).min(MAX_POLL_INTERVAL);
            }
            // The wake-up is used up. If this call is dropped here, the next drain must look at once.
            waiting.keep(None);
            if let Some(drained) = self.drain_once(session, after, most).await? {
                return Ok(drained);
            }
            let interval = idle.map_or(MIN_POLL_INTERVAL, |idle| idle.interval);
            let again = Instant::now() + interval;
            idle = Some(Idle { behind: after.clone(), interval, again });
            waiting.keep(idle.clone());
        }
    }

    async fn trim(&self, session: &Session, through: &Cursors, promised: &[BallotId]) -> Result<()> {
        if through.epoch != session.epoch {
            return Ok(());
        }
        let calls =
            (0..).zip(Self::shards(session)).zip(&through.shards).map(|((shard, keys), cursor)| async move {
                let mine = |ballot: &&BallotId| session.shard(ballot.prefix()) == shard;
                let args = |command: &mut Cmd| {
                    command.arg(session.epoch).arg(cursor.position).arg(hex::encode(cursor.digest));
                    for ballot in promised.iter().filter(mine) {
                        command.arg(&ballot.0[..]);
                    }
                };
                let keys = [&*keys.meta, &*keys.index, &*keys.buffer, &*keys.promised];
                self.shared.connection.call(&self.scripts.trim, &keys, &args).await.map_err(write_error)
            });
        // Each to its end: one that does not answer keeps none of the others from being trimmed.
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
            let position =
                position.parse().map_err(|_| StoreError::Corrupt("redis: a position".to_owned()))?;
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
            // The length first: if others drop blocks in between, this reader's drop finds another length and does nothing.
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
            let mine: Vec<Slot> =
                slots.iter().filter(|slot| session.shard(slot.prefix) == shard).copied().collect();
            for piece in mine.chunks(MAX_SLOTS_PER_COMMAND) {
                let mut command = cmd("BITFIELD");
                command.arg(&keys.slots);
                for slot in piece {
                    let (cell, fingerprint) = cell(*slot);
                    command.arg("SET").arg("u16").arg(cell).arg(fingerprint);
                }
                commands.push(command);
            }
        }
        // At once: a server synchronises what came together together.
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
        let asking = Self::shards(session).map(|keys| async move {
            let args = |command: &mut Cmd| {
                command.arg(session.epoch);
            };
            let keys = [&*keys.meta, &*keys.index];
            self.shared.connection.call(&self.scripts.backlog, &keys, &args).await.map_err(read_error)
        });
        let answers = join_all(asking).await;
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
