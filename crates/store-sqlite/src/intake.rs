//! The intake in process: a bounded queue a contest. It catches no repeated vote; the sequencer, one step behind, does.
//!
//! What it holds ends with the process. Nothing is lost by that: embedded, a ballot is answered only once it is recorded.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use acclaim_contest::ContestId;
use acclaim_store::{
    Intake,
    error::Result,
    intake::{Backlog, Cursor, Item, Submitted},
};
use async_trait::async_trait;
use tokio::sync::Notify;

/// Ballots of one contest that may wait. At 200 bytes each about 13 MB.
pub const CAPACITY: usize = 65_536;

/// See the [module](self).
#[derive(Debug)]
pub struct LocalIntake {
    /// Differs from process to process, so that a cursor kept from an earlier one means nothing.
    epoch: u64,
    buffers: Mutex<HashMap<ContestId, Arc<Buffer>>>,
}

#[derive(Debug, Default)]
struct Buffer {
    queue: Mutex<Queue>,
    /// Told after every submit.
    filled: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    /// So many items were trimmed before the first in `items`.
    trimmed: u64,
    sealed: bool,
}

impl Queue {
    fn end(&self) -> u64 {
        self.trimmed + self.items.len() as u64
    }
}

impl LocalIntake {
    /// An empty intake. `epoch` must differ from that of any earlier process on the same database.
    #[must_use]
    pub fn new(epoch: u64) -> Self {
        Self { epoch, buffers: Mutex::default() }
    }

    fn buffer(&self, contest: &ContestId) -> Arc<Buffer> {
        let mut buffers = lock(&self.buffers);
        match buffers.get(contest) {
            Some(buffer) => Arc::clone(buffer),
            None => Arc::clone(buffers.entry(contest.clone()).or_default()),
        }
    }
}

#[async_trait]
impl Intake for LocalIntake {
    async fn submit(&self, contest: &ContestId, items: Vec<Item>) -> Result<Vec<Submitted>> {
        let buffer = self.buffer(contest);
        let mut queue = lock(&buffer.queue);
        let submitted = items
            .into_iter()
            .map(|item| {
                if queue.sealed {
                    Submitted::Sealed
                } else if queue.items.len() >= CAPACITY {
                    Submitted::Full
                } else {
                    queue.items.push_back(item);
                    Submitted::Buffered
                }
            })
            .collect();
        drop(queue);
        buffer.filled.notify_one();
        Ok(submitted)
    }

    async fn drain(&self, contest: &ContestId, after: Cursor, most: usize) -> Result<Vec<(Cursor, Item)>> {
        let buffer = self.buffer(contest);
        loop {
            {
                let queue = lock(&buffer.queue);
                let from =
                    if after.epoch == self.epoch { after.position.max(queue.trimmed) } else { queue.trimmed };
                if from < queue.end() {
                    let skip = usize::try_from(from - queue.trimmed).unwrap_or(usize::MAX);
                    let items = queue.items.iter().skip(skip).take(most);
                    let cursors = (from + 1..).map(|position| Cursor { epoch: self.epoch, position });
                    return Ok(cursors.zip(items.cloned()).collect());
                }
            }
            buffer.filled.notified().await;
        }
    }

    async fn trim(&self, contest: &ContestId, through: Cursor) -> Result<()> {
        if through.epoch == self.epoch {
            let buffer = self.buffer(contest);
            let mut queue = lock(&buffer.queue);
            let count = through.position.saturating_sub(queue.trimmed).min(queue.items.len() as u64);
            queue.items.drain(..usize::try_from(count).unwrap_or(usize::MAX));
            queue.trimmed += count;
        }
        Ok(())
    }

    async fn seal(&self, contest: &ContestId) -> Result<Cursor> {
        let buffer = self.buffer(contest);
        let mut queue = lock(&buffer.queue);
        queue.sealed = true;
        Ok(Cursor { epoch: self.epoch, position: queue.end() })
    }

    async fn forget(&self, contest: &ContestId) -> Result<()> {
        lock(&self.buffers).remove(contest);
        Ok(())
    }

    async fn backlog(&self, contest: &ContestId) -> Result<Backlog> {
        let buffer = self.buffer(contest);
        let queue = lock(&buffer.queue);
        Ok(Backlog { items: queue.items.len() as u64, oldest: queue.items.front().map(|item| item.arrived) })
    }
}

/// Every step leaves the queue whole, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
