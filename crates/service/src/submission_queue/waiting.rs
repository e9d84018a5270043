//! The requests that wait for the outcomes of their ballots, and their answers.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use acclaim_ballot_log::hash::Hash;
use acclaim_contest::{BallotId, ContestId};
use acclaim_store::{StoreError, hub::BallotOutcome, intake::SubmitOutcome};
use parking_lot::{Mutex, MutexGuard};
use prometheus::IntGauge;
use tokio::sync::oneshot;

use super::permits::Permit;

/// Number of maps over which waiting requests are spread, so that they rarely compete for a lock.
const SHARDS: usize = 32;

/// The answer to a waiting request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// The sequencer's decision, with the log's size and root after it. If several requests wait
    /// for the same ballot, all but the first are repetitions.
    Decided { outcome: BallotOutcome, size: u64, root: Hash, is_repetition: bool },
    /// The ledger has the ballot. The request reads the ballot's current state from there.
    InLedger,
    /// The intake has the ballot. Only requests of promised ballots get this answer.
    Kept,
    /// The intake did not keep the ballot.
    NotKept(SubmitOutcome),
    /// The intake failed.
    Failed(StoreError),
}

/// A request that waits for a ballot's outcome. Dropping it ends the wait.
pub(crate) struct Waiter {
    all: Arc<WaitingRequests>,
    ballot: BallotId,
    answer: oneshot::Receiver<Answer>,
    /// The permit of the waiting ballot.
    permit: Option<Permit>,
}

impl Waiter {
    /// Ends the wait, and returns the permit for another attempt.
    pub(crate) fn into_permit(mut self) -> Option<Permit> {
        self.permit.take()
    }

    /// Waits for the answer; `None` if none will come.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.all.count.dec();
        // The sender of an answer has removed the request already.
        if self.answer.is_terminated() {
            return;
        }
        self.answer.close();
        let mut shard = self.all.shard(self.ballot);
        if let Some(waiting) = shard.get_mut(&self.ballot) {
            waiting.requests.retain(|request| !request.answer.is_closed());
            if waiting.requests.is_empty() {
                shard.remove(&self.ballot);
            }
        }
    }
}

/// All requests that wait, by ballot.
pub(super) struct WaitingRequests {
    shards: [Mutex<HashMap<BallotId, WaitingBallot>>; SHARDS],
    /// The number of the requests.
    count: IntGauge,
}

struct WaitingBallot {
    contest: ContestId,
    /// Usually one request; more if a client repeats its request.
    requests: Vec<WaitingRequest>,
}

struct WaitingRequest {
    answer: oneshot::Sender<Answer>,
    /// Whether `Kept` is a sufficient answer.
    promised: bool,
}

impl WaitingRequest {
    /// Sends the answer. Returns whether the request still waited.
    fn send_answer(self, answer: &Answer) -> bool {
        self.answer.send(answer.clone()).is_ok()
    }
}

impl WaitingRequests {
    /// Returns the requests before the first one. `count` follows their number.
    pub(super) fn new(count: IntGauge) -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), count }
    }

    /// Adds a request for a ballot. Returns whether it is the ballot's only one.
    pub(super) fn add(
        self: &Arc<Self>,
        contest: &ContestId,
        ballot: BallotId,
        promised: bool,
        permit: Permit,
    ) -> (Waiter, bool) {
        self.count.inc();
        let (sender, answer) = oneshot::channel();
        let mut shard = self.shard(ballot);
        let requests = &mut shard
            .entry(ballot)
            .or_insert_with(|| WaitingBallot { contest: contest.clone(), requests: Vec::with_capacity(1) })
            .requests;
        requests.push(WaitingRequest { answer: sender, promised });
        let is_only = requests.len() == 1;
        drop(shard);
        (Waiter { all: Arc::clone(self), ballot, answer, permit: Some(permit) }, is_only)
    }

    /// Whether a request waits for the ballot.
    pub(super) fn contains(&self, ballot: BallotId) -> bool {
        self.shard(ballot).contains_key(&ballot)
    }

    /// Returns the ballots for which requests wait, with their contests.
    pub(super) fn ballots(&self) -> Vec<(ContestId, BallotId)> {
        self.shards
            .iter()
            .flat_map(|shard| {
                shard.lock().iter().map(|(id, waiting)| (waiting.contest.clone(), *id)).collect::<Vec<_>>()
            })
            .collect()
    }

    /// Answers all requests that wait for a ballot. `Kept` answers only the requests of promised
    /// ballots.
    pub(super) fn answer(&self, ballot: BallotId, answer: &Answer) {
        let mut shard = self.shard(ballot);
        let Entry::Occupied(mut waiting) = shard.entry(ballot) else { return };
        let requests = &mut waiting.get_mut().requests;
        if matches!(answer, Answer::Kept) {
            requests.extract_if(.., |request| request.promised).for_each(|request| {
                request.send_answer(answer);
            });
            if requests.is_empty() {
                waiting.remove();
            }
            return;
        }
        let waiting = waiting.remove();
        drop(shard);
        let mut answer = answer.clone();
        for request in waiting.requests {
            let was_sent = request.send_answer(&answer);
            if let Answer::Decided { is_repetition, .. } = &mut answer {
                *is_repetition |= was_sent;
            }
        }
    }

    fn shard(&self, ballot: BallotId) -> MutexGuard<'_, HashMap<BallotId, WaitingBallot>> {
        let [.., last] = ballot.0;
        // The last byte belongs to a hash, so it is evenly spread.
        #[expect(clippy::indexing_slicing, reason = "the remainder is below the length")]
        self.shards[usize::from(last) % SHARDS].lock()
    }
}
