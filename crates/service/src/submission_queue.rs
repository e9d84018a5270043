//! Ballots on their way to the intake, and the requests that wait for their outcomes.
//!
//! Ballots go to the intake in small batches. Each shard of each contest has its own batch, so a
//! slow shard delays no other shard. While an intake call of a shard is under way, the shard's next
//! batch fills. Batches are small and fast under low load, and large under high load, without a
//! timer.
//!
//! A waiting request is answered by its own ballot id. The answer comes from a notice, or from the
//! ledger if a notice may have been missed.

mod backlogs;
mod permits;
mod waiting;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use acclaim_contest::{BallotId, ContestId};
use acclaim_store::{
    StoreError, Stores,
    hub::{Decisions, Notice},
    intake::{Submission, SubmitOutcome, shard_of},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use parking_lot::Mutex;
use prometheus::{Histogram, IntGauge};
use tokio::sync::{Notify, broadcast::error::RecvError, watch};

pub use self::permits::{CapacityPermits, Permit};
pub(crate) use self::waiting::{Answer, Waiter};
use self::{backlogs::Backlogs, permits::ContestPermits, waiting::WaitingRequests};
use crate::{
    directory::{Contest, Directory},
    recorded::{LedgerBallot, look_up},
};

/// Maximum number of concurrent ballot lookups in the ledger.
const MAX_CONCURRENT_LOOKUPS: usize = 8;
/// Delay after a failed lookup of waiting ballots.
const LOOKUP_RETRY_DELAY: Duration = Duration::from_millis(500);

/// The metrics of a queue.
#[derive(Clone)]
pub struct QueueMetrics {
    /// Requests that wait for a ballot's outcome.
    pub waiting: IntGauge,
    /// Number of ballots in one submission to the intake.
    pub batch_size: Histogram,
}

/// The queue of ballots on their way to the intake. See the [module](self).
pub struct SubmissionQueue {
    stores: Stores,
    /// Knows each contest's current session.
    directory: Arc<Directory>,
    /// The batches that fill, by contest and shard.
    ///
    /// A shard without a batch has no call under way. The shard's `submit_batches` takes a batch as
    /// a whole.
    filling: Mutex<HashMap<ContestId, BTreeMap<u16, Vec<Submission>>>>,
    waiting: Arc<WaitingRequests>,
    permits: Arc<ContestPermits>,
    backlogs: Backlogs,
    /// Notified when waiting ballots may be recorded without a notice in this process.
    notices_missed: Notify,
    /// Number of ballots in one submission to the intake.
    batch_size: Histogram,
}

impl SubmissionQueue {
    /// Returns a queue in which `max_ballots` ballots of voters and as many of gateways may wait in
    /// each contest.
    pub fn new(stores: Stores, directory: Arc<Directory>, max_ballots: usize, metrics: QueueMetrics) -> Self {
        let QueueMetrics { waiting, batch_size } = metrics;
        let permits = Arc::new(ContestPermits::new(max_ballots));
        Self {
            backlogs: Backlogs::new(stores.clone(), Arc::clone(&directory), Arc::clone(&permits)),
            stores,
            directory,
            filling: Mutex::default(),
            waiting: Arc::new(WaitingRequests::new(waiting)),
            permits,
            notices_missed: Notify::new(),
            batch_size,
        }
    }

    /// Returns a contest's permits.
    pub fn permits(&self, contest: &ContestId) -> Arc<CapacityPermits> {
        self.permits.of(contest)
    }

    /// Sends a ballot to the intake. The answer comes through the waiter.
    ///
    /// `None` if the shard's batch is full. The ballot is then not kept.
    pub(crate) fn enqueue(
        self: &Arc<Self>,
        contest: &Contest,
        submission: Submission,
        permit: Permit,
    ) -> Option<Waiter> {
        let (ballot, promised) = (submission.item.ballot, submission.item.promised);
        let (waiter, is_only) = self.waiting.add(contest.id(), ballot, promised, permit);
        // Two pending submissions of the same ballot are one ballot, and both requests get the
        // answer. A promised ballot is submitted again, because the intake must keep the promise.
        if is_only || promised {
            let shard = shard_of(ballot.prefix(), contest.record.state.shards);
            if !self.fill(contest.id(), shard, submission) {
                return None;
            }
        }
        Some(waiter)
    }

    /// Adds a ballot to a shard's batch, and starts the shard's task if none runs.
    ///
    /// `false` if the batch is full. Behind an intake that does not answer, the batch holds ballots
    /// whose requests have timed out.
    fn fill(self: &Arc<Self>, contest: &ContestId, shard: u16, submission: Submission) -> bool {
        let mut filling = self.filling.lock();
        if !filling.contains_key(contest) {
            filling.insert(contest.clone(), BTreeMap::new());
        }
        let Some(batches) = filling.get_mut(contest) else { return false };
        match batches.get_mut(&shard) {
            Some(submissions) if submissions.len() >= self.permits.capacity() => return false,
            Some(submissions) => submissions.push(submission),
            None => {
                batches.insert(shard, vec![submission]);
                tokio::spawn(Arc::clone(self).submit_batches(contest.clone(), shard));
            }
        }
        true
    }

    /// Submits a shard's batches one after the other, until none is left.
    async fn submit_batches(self: Arc<Self>, contest: ContestId, shard: u16) {
        loop {
            // Ready requests run first, so that a batch is large even if the intake answers at
            // once.
            tokio::task::yield_now().await;
            let Some(mut submissions) = self.take_batch(&contest, shard) else { return };
            // A request that has timed out is sent again by its client. Its ballot is dropped, so
            // that the batch does not grow behind a slow intake.
            submissions.retain(|submission| self.waiting.contains(submission.item.ballot));
            if !submissions.is_empty() {
                self.submit(&contest, submissions).await;
            }
        }
    }

    /// Takes the shard's batch. If it is empty, the shard's entry is removed and its task ends.
    fn take_batch(&self, contest: &ContestId, shard: u16) -> Option<Vec<Submission>> {
        let mut filling = self.filling.lock();
        let batches = filling.get_mut(contest)?;
        let submissions =
            batches.get_mut(&shard).map(std::mem::take).filter(|submissions| !submissions.is_empty());
        if submissions.is_none() {
            batches.remove(&shard);
            if batches.is_empty() {
                filling.remove(contest);
            }
        }
        submissions
    }

    async fn submit(&self, contest: &ContestId, submissions: Vec<Submission>) {
        #[expect(clippy::cast_precision_loss, reason = "a histogram takes floats")]
        self.batch_size.observe(submissions.len() as f64);
        let ballots: Vec<(BallotId, bool)> =
            submissions.iter().map(|submission| (submission.item.ballot, submission.item.promised)).collect();
        match self.submit_to_intake(contest, submissions).await {
            Ok(submitted) => {
                for ((ballot, promised), submitted) in ballots.into_iter().zip(submitted) {
                    match submitted {
                        SubmitOutcome::Buffered if promised => self.waiting.answer(ballot, &Answer::Kept),
                        // An unpromised copy does not say that the intake has the ballot as
                        // promised. The promised copy follows.
                        SubmitOutcome::Buffered => {}
                        refused => self.waiting.answer(ballot, &Answer::NotKept(refused)),
                    }
                }
            }
            Err(error) => {
                let answer = Answer::Failed(error);
                ballots.into_iter().for_each(|(ballot, _)| self.waiting.answer(ballot, &answer));
            }
        }
    }

    /// Submits ballots to the intake.
    ///
    /// If a new session has begun without a notice in this process, it submits the refused ones
    /// once more.
    async fn submit_to_intake(
        &self,
        contest: &ContestId,
        submissions: Vec<Submission>,
    ) -> Result<Vec<SubmitOutcome>, StoreError> {
        let session = || self.directory.contest(contest).map(|contest| contest.record.session());
        let Some(known) = session() else { return Ok(vec![SubmitOutcome::Rebuilding; submissions.len()]) };
        let submitted = self.stores.intake.submit(&known, &submissions).await?;
        if !submitted.contains(&SubmitOutcome::Rebuilding) {
            return Ok(submitted);
        }
        self.directory.refresh(contest).await?;
        let Some(new_session) = session().filter(|session| *session != known) else { return Ok(submitted) };
        let is_rebuilding =
            |(_, submitted): &(Submission, &SubmitOutcome)| **submitted == SubmitOutcome::Rebuilding;
        let retried: Vec<Submission> = submissions
            .into_iter()
            .zip(&submitted)
            .filter(is_rebuilding)
            .map(|(submission, _)| submission)
            .collect();
        let mut answers = self.stores.intake.submit(&new_session, &retried).await?.into_iter();
        let answer = |first| match first {
            SubmitOutcome::Rebuilding => answers.next().unwrap_or(first),
            other => other,
        };
        Ok(submitted.into_iter().map(answer).collect())
    }

    /// Returns the contest's lag of recording at the last backlog check.
    pub fn lag(&self, contest: &ContestId) -> Duration {
        self.backlogs.lag(contest)
    }

    /// Returns the number of ballots that the intake held at the last backlog check.
    ///
    /// A call of the intake for each tally would take twice as long as all other work of the tally.
    pub fn pending(&self, contest: &ContestId) -> u64 {
        self.backlogs.pending(contest)
    }

    /// Returns a receiver that changes with every backlog check.
    pub fn backlog_polled(&self) -> watch::Receiver<()> {
        self.backlogs.polled()
    }

    /// Checks the backlogs of all open contests, several times per second.
    pub async fn poll_backlogs(self: Arc<Self>) {
        self.backlogs.poll_all().await;
    }

    /// Answers waiting requests with the sequencer's decisions.
    pub async fn answer_decided(self: Arc<Self>) {
        let mut notices = self.stores.hub.subscribe();
        loop {
            match notices.recv().await {
                Ok(Notice::Decided(decided)) => self.answer_all(&decided),
                Ok(Notice::Missed) => self.notices_missed.notify_one(),
                // The next sequencer of the contest sends no notice about ballots that were
                // recorded before.
                Ok(Notice::ContestChanged(id)) if self.is_open(&id) => self.notices_missed.notify_one(),
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "notices were missed");
                    self.notices_missed.notify_one();
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn is_open(&self, contest: &ContestId) -> bool {
        self.directory.contest(contest).is_some_and(|contest| contest.phase().is_voting())
    }

    fn answer_all(&self, decided: &Decisions) {
        for (ballot, outcome) in &decided.ballots {
            let (outcome, size, root) = (outcome.clone(), decided.size, decided.root);
            self.waiting.answer(*ballot, &Answer::Decided { outcome, size, root, is_repetition: false });
        }
    }

    /// Looks up waiting ballots in the ledger after missed notices.
    ///
    /// It is a task of its own, so that it delays neither notices nor votes.
    pub async fn recover_missed_answers(self: Arc<Self>) {
        loop {
            self.notices_missed.notified().await;
            if let Err(error) = self.answer_recorded().await {
                tracing::warn!(%error, "waiting ballots could not be looked up");
                tokio::time::sleep(LOOKUP_RETRY_DELAY).await;
                self.notices_missed.notify_one();
            }
        }
    }

    /// Answers the waiting requests whose ballots are recorded.
    ///
    /// All other ballots will be decided, or their requests reach their deadline.
    async fn answer_recorded(&self) -> Result<(), StoreError> {
        let lookups = stream::iter(self.waiting.ballots()).map(Ok).try_for_each_concurrent(
            MAX_CONCURRENT_LOOKUPS,
            |(contest, ballot)| async move {
                if let Some(LedgerBallot::Published(_)) = look_up(&self.stores, &contest, ballot).await? {
                    self.waiting.answer(ballot, &Answer::InLedger);
                }
                Ok(())
            },
        );
        lookups.await
    }
}
