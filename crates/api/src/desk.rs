//! Ballots on their way: micro-batches into the intake, and the requests that wait for what becomes of them.
//!
//! While one intake call is under way the next batch fills: small batches and low latency when it is calm, large ones under load,
//! and no timer. A waiting request is answered on its own ballot id, from a notice or, when one may have been missed, from the ledger.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use acclaim_ballot_log::{hash::Hash, leaf_hash};
use acclaim_contest::{BallotId, ContestId};
use acclaim_store::{
    StoreError, Stores,
    hub::{BallotOutcome, Decided, Notice},
    intake::{Item, Submitted},
    ledger::RecordedBallot,
};
use tokio::sync::{Notify, broadcast::error::RecvError, oneshot};

use crate::metrics::Metrics;

/// Waiting requests are spread over so many maps, so that they seldom meet at a lock.
const SHARDS: usize = 32;

/// What a waiting request is told.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// The sequencer's decision, with the log's size and root after it.
    Decided(BallotOutcome, u64, Hash),
    /// The intake kept it not.
    NotKept(Submitted),
    /// The intake failed.
    Failed(StoreError),
}

/// See the [module](self).
pub(crate) struct Desk {
    stores: Stores,
    /// The batch that fills. Taken whole by `submit_batches`.
    filling: Mutex<HashMap<ContestId, Vec<Item>>>,
    /// Told when `filling` has become other than empty.
    filled: Notify,
    waiting: [Mutex<HashMap<BallotId, Waiting>>; SHARDS],
    /// Requests in `waiting`.
    count: AtomicUsize,
    most: usize,
    metrics: Arc<Metrics>,
}

struct Waiting {
    contest: ContestId,
    /// Usually one; more when a client repeats itself impatiently.
    requests: Vec<oneshot::Sender<Answer>>,
}

impl Desk {
    pub(crate) fn new(stores: Stores, most: usize, metrics: Arc<Metrics>) -> Self {
        Self {
            stores,
            filling: Mutex::default(),
            filled: Notify::new(),
            waiting: std::array::from_fn(|_| Mutex::default()),
            count: AtomicUsize::new(0),
            most,
            metrics,
        }
    }

    /// Sends a ballot on its way; the answer comes by the ticket. `None` if too much waits: then nothing was kept.
    pub(crate) fn cast(self: &Arc<Self>, contest: &ContestId, item: Item) -> Option<Ticket> {
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        self.metrics.waiting.inc();
        let ballot = item.ballot;
        let (sender, answer) = oneshot::channel();
        let mut shard = self.shard(ballot);
        let requests = &mut shard
            .entry(ballot)
            .or_insert_with(|| Waiting { contest: contest.clone(), requests: Vec::with_capacity(1) })
            .requests;
        requests.push(sender);
        // The same ballot twice in the air is one ballot; both requests hear of it.
        let first = requests.len() == 1;
        drop(shard);
        if first {
            let mut filling = lock(&self.filling);
            let was_empty = filling.is_empty();
            match filling.get_mut(contest) {
                Some(items) => items.push(item),
                None => drop(filling.insert(contest.clone(), vec![item])),
            }
            drop(filling);
            if was_empty {
                self.filled.notify_one();
            }
        }
        Some(Ticket { desk: Arc::clone(self), ballot, answer })
    }

    fn shard(&self, ballot: BallotId) -> MutexGuard<'_, HashMap<BallotId, Waiting>> {
        let [.., last] = ballot.0;
        // The last byte is a hash's: evenly spread, and below 256.
        #[expect(clippy::indexing_slicing, reason = "the remainder is below the length")]
        lock(&self.waiting[usize::from(last) % SHARDS])
    }

    fn answer(&self, ballot: BallotId, answer: &Answer) {
        let waiting = self.shard(ballot).remove(&ballot);
        for request in waiting.into_iter().flat_map(|waiting| waiting.requests) {
            // Whoever asked may have gone away.
            let _gone = request.send(answer.clone());
        }
    }

    /// Submits batch after batch.
    pub(crate) async fn submit_batches(self: Arc<Self>) {
        loop {
            self.filled.notified().await;
            let batches = std::mem::take(&mut *lock(&self.filling));
            for (contest, items) in batches {
                self.submit(&contest, items).await;
            }
        }
    }

    async fn submit(&self, contest: &ContestId, items: Vec<Item>) {
        #[expect(clippy::cast_precision_loss, reason = "a histogram's figure")]
        self.metrics.batch_size.observe(items.len() as f64);
        let ballots: Vec<BallotId> = items.iter().map(|item| item.ballot).collect();
        match self.stores.intake.submit(contest, items).await {
            Ok(submitted) => {
                for (ballot, submitted) in ballots.into_iter().zip(submitted) {
                    if submitted != Submitted::Buffered {
                        self.answer(ballot, &Answer::NotKept(submitted));
                    }
                }
            }
            Err(error) => {
                let answer = Answer::Failed(error);
                ballots.into_iter().for_each(|ballot| self.answer(ballot, &answer));
            }
        }
    }

    /// Passes the sequencer's decisions on to those who wait.
    pub(crate) async fn answer_decided(self: Arc<Self>) {
        let mut notices = self.stores.hub.subscribe();
        loop {
            match notices.recv().await {
                Ok(Notice::Decided(decided)) => self.answer_all(&decided),
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "notices missed");
                    self.ask_ledger().await;
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn answer_all(&self, decided: &Decided) {
        for (ballot, outcome) in &decided.ballots {
            self.answer(*ballot, &Answer::Decided(outcome.clone(), decided.size, decided.root));
        }
    }

    /// Makes up for missed notices: whatever waits and is recorded is answered. What is not recorded will be decided, or runs into
    /// its deadline.
    async fn ask_ledger(&self) {
        let waiting: Vec<(ContestId, BallotId)> = self
            .waiting
            .iter()
            .flat_map(|shard| {
                lock(shard).iter().map(|(id, waiting)| (waiting.contest.clone(), *id)).collect::<Vec<_>>()
            })
            .collect();
        for (contest, ballot) in waiting {
            match find_recorded(&self.stores, &contest, ballot).await {
                // Its request answers with the ballot's present status.
                Ok(Some(_)) => self.answer(ballot, &Answer::Decided(BallotOutcome::Same, 0, Hash([0; 32]))),
                Ok(None) => {}
                Err(error) => return tracing::warn!(%error, "the ledger cannot be asked"),
            }
        }
    }
}

/// A recorded ballot with the hash of its leaf.
pub(crate) async fn find_recorded(
    stores: &Stores,
    contest: &ContestId,
    ballot: BallotId,
) -> Result<Option<(RecordedBallot, Hash)>, StoreError> {
    let Some(recorded) = stores.database.ballot(contest, ballot).await? else { return Ok(None) };
    let entries = stores.database.entries(contest, recorded.index, 1).await?;
    let entry =
        entries.first().ok_or_else(|| StoreError::Corrupt(format!("entry {} is missing", recorded.index)))?;
    Ok(Some((recorded, leaf_hash(entry))))
}

/// A request's place among those who wait; leaving frees it.
pub(crate) struct Ticket {
    desk: Arc<Desk>,
    ballot: BallotId,
    answer: oneshot::Receiver<Answer>,
}

impl Ticket {
    /// Waits for the answer. `None` if none will come.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.answer.close();
        let mut shard = self.desk.shard(self.ballot);
        if let Some(waiting) = shard.get_mut(&self.ballot) {
            waiting.requests.retain(|request| !request.is_closed());
            if waiting.requests.is_empty() {
                shard.remove(&self.ballot);
            }
        }
        drop(shard);
        self.desk.count.fetch_sub(1, Ordering::Relaxed);
        self.desk.metrics.waiting.dec();
    }
}

/// The maps are whole after every step, so a panic elsewhere does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
