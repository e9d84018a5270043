//! The intake in the process: one bounded queue for each contest.
//!
//! It has no table of slots: the sequencer, one step later, decides about repeated votes.
//!
//! Its content ends with the process. No ballot is lost by that: an embedded installation answers a
//! ballot only after it is recorded.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use acclaim_contest::{BallotId, ContestId};
use acclaim_store::{
    Intake,
    error::Result,
    intake::{
        Backlog, Cursor, Cursors, DrainOutcome, IntakeStatus, Item, Session, Slot, Submission, SubmitOutcome,
        Survivors,
    },
};
use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The largest number of ballots of one contest that can wait: about 13 MB at 200 bytes each.
pub const MAX_WAITING_BALLOTS: usize = 65_536;

/// See the [module](self). Positions count items. There is one shard, also if the session has more.
#[derive(Debug, Default)]
pub struct LocalIntake {
    buffers: Mutex<HashMap<ContestId, Arc<Buffer>>>,
}

#[derive(Debug)]
struct Buffer {
    epoch: u64,
    queue: Mutex<Queue>,
    /// Notified after every submit, and when the session ends.
    filled: Notify,
    /// Items that an earlier session of this process held.
    survivors: Mutex<Vec<Item>>,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    /// Number of items that were trimmed before the first one in `items`.
    trimmed: u64,
    open: bool,
    sealed: bool,
}

impl Queue {
    fn end(&self) -> u64 {
        self.trimmed + self.items.len() as u64
    }
}

impl LocalIntake {
    /// Returns the session's buffer, or `None` if the session is not the current one.
    fn buffer(&self, session: &Session) -> Option<Arc<Buffer>> {
        self.buffers.lock().get(&session.contest).filter(|buffer| buffer.epoch == session.epoch).cloned()
    }
}

fn cursors(session: &Session, position: u64) -> Cursors {
    Cursors { epoch: session.epoch, shards: vec![Cursor { position, digest: [0; 20] }] }
}

fn position(of: &Cursors) -> u64 {
    of.shards.first().map_or(0, |cursor| cursor.position)
}

#[async_trait]
impl Intake for LocalIntake {
    async fn submit(&self, session: &Session, submissions: &[Submission]) -> Result<Vec<SubmitOutcome>> {
        let Some(buffer) = self.buffer(session) else {
            return Ok(vec![SubmitOutcome::Rebuilding; submissions.len()]);
        };
        let mut queue = buffer.queue.lock();
        let outcomes = submissions
            .iter()
            .map(|submission| {
                if queue.sealed {
                    SubmitOutcome::Sealed
                } else if !queue.open {
                    SubmitOutcome::Rebuilding
                } else if queue.items.len() >= MAX_WAITING_BALLOTS {
                    SubmitOutcome::Full
                } else {
                    queue.items.push_back(submission.item.clone());
                    SubmitOutcome::Buffered
                }
            })
            .collect();
        drop(queue);
        buffer.filled.notify_one();
        Ok(outcomes)
    }

    async fn drain(&self, session: &Session, after: &Cursors, limit: usize) -> Result<DrainOutcome> {
        let lost = || Ok(DrainOutcome::Lost("the process that held the ballots has ended".to_owned()));
        loop {
            let Some(buffer) = self.buffer(session).filter(|_| after.epoch == session.epoch) else {
                return lost();
            };
            {
                let queue = buffer.queue.lock();
                let from = position(after);
                let Some(skip) = from.checked_sub(queue.trimmed) else { return lost() };
                if from < queue.end() {
                    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
                    let items: Vec<Item> = queue.items.iter().skip(skip).take(limit).cloned().collect();
                    let through = cursors(session, from + items.len() as u64);
                    return Ok(DrainOutcome::Items { items, through });
                }
            }
            buffer.filled.notified().await;
        }
    }

    async fn trim(&self, session: &Session, through: &Cursors, _: &[BallotId]) -> Result<()> {
        if let Some(buffer) = self.buffer(session).filter(|_| through.epoch == session.epoch) {
            let mut queue = buffer.queue.lock();
            let count = position(through).saturating_sub(queue.trimmed).min(queue.items.len() as u64);
            queue.items.drain(..usize::try_from(count).unwrap_or(usize::MAX));
            queue.trimmed += count;
        }
        Ok(())
    }

    async fn seal(&self, session: &Session) -> Result<Option<Cursors>> {
        Ok(self.buffer(session).map(|buffer| {
            let mut queue = buffer.queue.lock();
            queue.sealed = true;
            cursors(session, queue.end())
        }))
    }

    async fn begin(&self, session: &Session) -> Result<Cursors> {
        let mut buffers = self.buffers.lock();
        let known = buffers.get(&session.contest);
        if known.is_none_or(|buffer| buffer.epoch != session.epoch) {
            let mut survivors = Vec::new();
            if let Some(old) = known {
                survivors.append(&mut old.survivors.lock());
                survivors.extend(old.queue.lock().items.drain(..));
                old.filled.notify_one();
            }
            let buffer = Buffer {
                epoch: session.epoch,
                queue: Mutex::default(),
                filled: Notify::new(),
                survivors: Mutex::new(survivors),
            };
            buffers.insert(session.contest.clone(), Arc::new(buffer));
        }
        Ok(cursors(session, 0))
    }

    async fn survivors(&self, session: &Session) -> Result<Survivors> {
        let items = self.buffer(session).map(|buffer| buffer.survivors.lock().clone()).unwrap_or_default();
        Ok(Survivors { taken: vec![items.len() as u64], items })
    }

    async fn drop_survivors(&self, session: &Session, taken: &[u64]) -> Result<()> {
        if let Some(buffer) = self.buffer(session) {
            let mut survivors = buffer.survivors.lock();
            let count = taken.first().map_or(0, |count| usize::try_from(*count).unwrap_or(usize::MAX));
            let count = count.min(survivors.len());
            survivors.drain(..count);
        }
        Ok(())
    }

    fn has_slot_table(&self) -> bool {
        false
    }

    async fn mark_slots_taken(&self, _: &Session, _: &[Slot]) -> Result<()> {
        Ok(())
    }

    async fn open(&self, session: &Session) -> Result<()> {
        if let Some(buffer) = self.buffer(session) {
            buffer.queue.lock().open = true;
        }
        Ok(())
    }

    async fn forget(&self, session: &Session) -> Result<()> {
        if let Some(buffer) = self.buffers.lock().remove(&session.contest) {
            buffer.filled.notify_one();
        }
        Ok(())
    }

    async fn backlog(&self, session: &Session) -> Result<Backlog> {
        Ok(self.buffer(session).map_or_else(Backlog::default, |buffer| {
            let queue = buffer.queue.lock();
            Backlog { items: queue.items.len() as u64, oldest: queue.items.front().map(|item| item.arrived) }
        }))
    }

    async fn has_promised_ballot(&self, session: &Session, ballot: BallotId) -> Result<bool> {
        Ok(self.buffer(session).is_some_and(|buffer| {
            buffer.queue.lock().items.iter().any(|item| item.promised && item.ballot == ballot)
        }))
    }

    fn status(&self) -> IntakeStatus {
        IntakeStatus::default()
    }
}
