//! Ballots on their way: micro-batches into the intake, and the requests that wait for what becomes of them.
//!
//! Each shard of each contest is a lane of its own. While a lane's intake call is under way its next batch fills: small batches and low latency
//! when it is calm, large ones under load, no timer, and nobody waits for a shard that is not his. A waiting request is answered on its own
//! ballot id, from a notice or, when one may have been missed, from the ledger.

use std::{
    collections::{BTreeMap, HashMap, HashSet, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use acclaim_ballot_log::hash::Hash;
use acclaim_contest::{BallotId, ContestId};
use acclaim_store::{
    StoreError, Stores,
    hub::{BallotOutcome, Decisions, Notice},
    intake::{Submission, SubmitOutcome, shard_of},
};
use arc_swap::ArcSwap;
use futures_util::{StreamExt as _, TryStreamExt as _, future::join_all, stream};
use parking_lot::{Mutex, MutexGuard};
use prometheus::{Histogram, IntGauge};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast::error::RecvError, oneshot, watch},
    time::timeout,
};

use crate::{
    directory::{Contest, Directory},
    recorded::{LedgerBallot, look_up},
};

/// Waiting requests are spread over so many maps, so that they seldom meet at a lock.
const SHARDS: usize = 32;
/// Between two looks at what waits for the sequencer.
const BACKLOG_POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Ballots that the ledger is asked about at once.
const MAX_CONCURRENT_LOOKUPS: usize = 8;
/// How long one may take.
const BACKLOG_POLL_TIMEOUT: Duration = Duration::from_millis(500);

/// A contest in which nothing happens is looked at once in so many rounds.
const IDLE_ROUNDS: usize = 20;

/// What a waiting request is told.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// The sequencer's decision, with the log's size and root after it. Of several requests for the same ballot all but
    /// the first are repetitions.
    Decided { outcome: BallotOutcome, size: u64, root: Hash, is_repetition: bool },
    /// The ledger has it: its request answers with what the ballot is now.
    InLedger,
    /// The intake has it; asked for only by those who do not wait for the decision.
    Kept,
    /// The intake kept it not.
    NotKept(SubmitOutcome),
    /// The intake failed.
    Failed(StoreError),
}

/// The figures that a queue keeps.
#[derive(Clone)]
pub struct QueueMetrics {
    /// Requests that wait for a ballot's outcome.
    pub waiting: IntGauge,
    /// Ballots of one submission to the intake.
    pub batch_size: Histogram,
}

/// See the [module](self).
pub struct SubmissionQueue {
    stores: Stores,
    /// Knows each contest's present session.
    directory: Arc<Directory>,
    /// The batches that fill, by contest and shard; a lane without one has no call under way. Taken whole by the lane's `submit_batches`.
    filling: Mutex<HashMap<ContestId, BTreeMap<u16, Vec<Submission>>>>,
    waiting: [Mutex<HashMap<BallotId, WaitingBallot>>; SHARDS],
    /// Of each contest that ballots were cast in, until it is deleted.
    permits: ArcSwap<HashMap<ContestId, Arc<CapacityPermits>>>,
    /// Ballots that each of a contest's rooms takes.
    most: usize,
    /// What the last look saw, by contest. Written by `poll_backlogs`.
    backlogs: ArcSwap<HashMap<ContestId, BacklogSnapshot>>,
    /// Told after every look.
    backlog_polled: watch::Sender<()>,
    /// Whether ballots that wait may be recorded without this process having heard so.
    doubt: Notify,
    metrics: QueueMetrics,
}

/// What waits for the sequencer, of one contest.
#[derive(Debug, Clone, Copy)]
struct BacklogSnapshot {
    /// Ballots that the intake holds.
    pending: u64,
    /// How long the oldest of them has been there.
    lag: Duration,
    /// Entries of the log, as published then.
    size: u64,
}

struct WaitingBallot {
    contest: ContestId,
    /// Usually one; more when a client repeats itself impatiently.
    requests: Vec<WaitingRequest>,
}

struct WaitingRequest {
    answer: oneshot::Sender<Answer>,
    /// Whether `Kept` is answer enough.
    promised: bool,
}

impl WaitingRequest {
    /// Whether the request was still there.
    fn send_answer(self, answer: &Answer) -> bool {
        self.answer.send(answer.clone()).is_ok()
    }
}

/// Room for one ballot that waits; dropping it leaves it to the next.
pub type Permit = OwnedSemaphorePermit;

/// Room for a contest's ballots that wait: one that is not recorded takes none of another's. In all it is bounded by connections, since each voter waits
/// on one.
pub struct CapacityPermits {
    for_voters: Arc<Semaphore>,
    /// Neither takes the other's.
    for_gateways: Arc<Semaphore>,
}

impl CapacityPermits {
    /// Whether there is room for a voter's ballot at this moment.
    pub fn has_voter_permit(&self) -> bool {
        self.for_voters.available_permits() > 0
    }

    /// Places that no ballot has, of voters and of gateways.
    fn free(&self) -> usize {
        self.for_voters.available_permits() + self.for_gateways.available_permits()
    }

    /// Room for a voter's ballot, if there is any.
    pub fn try_acquire_for_voter(&self) -> Option<Permit> {
        Arc::clone(&self.for_voters).try_acquire_owned().ok()
    }

    /// Room for a gateway's ballot, as soon as there is any.
    pub async fn acquire_for_gateway(&self) -> Option<Permit> {
        Arc::clone(&self.for_gateways).acquire_owned().await.ok()
    }
}

impl SubmissionQueue {
    /// Of each contest's voters and of its gateways `most` ballots each may wait.
    pub fn new(stores: Stores, directory: Arc<Directory>, most: usize, metrics: QueueMetrics) -> Self {
        Self {
            stores,
            directory,
            filling: Mutex::default(),
            waiting: std::array::from_fn(|_| Mutex::default()),
            permits: ArcSwap::default(),
            most: most.min(Semaphore::MAX_PERMITS),
            backlogs: ArcSwap::default(),
            backlog_polled: watch::Sender::new(()),
            doubt: Notify::new(),
            metrics,
        }
    }

    /// A contest's rooms.
    pub fn permits(&self, contest: &ContestId) -> Arc<CapacityPermits> {
        if let Some(permits) = self.permits.load().get(contest) {
            return Arc::clone(permits);
        }
        let room = || Arc::new(Semaphore::new(self.most));
        let new = Arc::new(CapacityPermits { for_voters: room(), for_gateways: room() });
        // Two may come at once: all go by those that were there first.
        let mut permits = Arc::clone(&new);
        self.permits.rcu(|known| {
            let mut known = HashMap::clone(known);
            permits = Arc::clone(known.entry(contest.clone()).or_insert_with(|| Arc::clone(&new)));
            known
        });
        permits
    }

    /// Sends a ballot on its way; the answer comes by the ticket. `None` if its lane is full: then nothing was kept.
    pub(crate) fn enqueue(
        self: &Arc<Self>,
        contest: &Contest,
        offer: Submission,
        permit: Permit,
    ) -> Option<Waiter> {
        self.metrics.waiting.inc();
        let (ballot, promised) = (offer.item.ballot, offer.item.promised);
        let (sender, answer) = oneshot::channel();
        let mut shard = self.shard(ballot);
        let requests = &mut shard
            .entry(ballot)
            .or_insert_with(|| WaitingBallot {
                contest: contest.id().clone(),
                requests: Vec::with_capacity(1),
            })
            .requests;
        requests.push(WaitingRequest { answer: sender, promised });
        // The same ballot twice in the air is one ballot; both requests hear of it. A promise is kept for itself.
        let first = requests.len() == 1;
        drop(shard);
        let waiter = Waiter { queue: Arc::clone(self), ballot, answer, permit: Some(permit) };
        if first || promised {
            let shard = shard_of(ballot.prefix(), contest.record.state.shards);
            if !self.fill(contest.id(), shard, offer) {
                return None;
            }
        }
        Some(waiter)
    }

    /// Adds to a lane's batch, and sets the lane going if it rests. `false` if the batch is full: behind an intake that hangs it holds ballots whose
    /// requests have given up.
    fn fill(self: &Arc<Self>, contest: &ContestId, shard: u16, offer: Submission) -> bool {
        let mut filling = self.filling.lock();
        if !filling.contains_key(contest) {
            filling.insert(contest.clone(), BTreeMap::new());
        }
        let Some(lanes) = filling.get_mut(contest) else { return false };
        match lanes.get_mut(&shard) {
            // Twice: of voters and of gateways.
            Some(offers) if offers.len() >= self.most.saturating_mul(2) => return false,
            Some(offers) => offers.push(offer),
            None => {
                lanes.insert(shard, vec![offer]);
                tokio::spawn(Arc::clone(self).submit_batches(contest.clone(), shard));
            }
        }
        true
    }

    fn shard(&self, ballot: BallotId) -> MutexGuard<'_, HashMap<BallotId, WaitingBallot>> {
        let [.., last] = ballot.0;
        // The last byte is a hash's: evenly spread, and below 256.
        #[expect(clippy::indexing_slicing, reason = "the remainder is below the length")]
        self.waiting[usize::from(last) % SHARDS].lock()
    }

    /// Answers all who wait for a ballot; `Kept` only those for whom that is enough.
    fn answer(&self, ballot: BallotId, answer: &Answer) {
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
            let is_told = request.send_answer(&answer);
            if let Answer::Decided { is_repetition, .. } = &mut answer {
                *is_repetition |= is_told;
            }
        }
    }

    /// Submits a lane's batches, one after the other, until none fills.
    async fn submit_batches(self: Arc<Self>, contest: ContestId, shard: u16) {
        loop {
            // Requests that are ready have their turn first, so that a batch is large also before an intake that answers at once.
            tokio::task::yield_now().await;
            let Some(mut offers) = self.take_batch(&contest, shard) else { return };
            // Whoever has given up in the meantime sends the ballot again: behind a slow intake the batch does not grow for them.
            offers.retain(|offer| self.shard(offer.item.ballot).contains_key(&offer.item.ballot));
            if !offers.is_empty() {
                self.submit(&contest, offers).await;
            }
        }
    }

    /// The batch that has filled; without one the lane rests.
    fn take_batch(&self, contest: &ContestId, shard: u16) -> Option<Vec<Submission>> {
        let mut filling = self.filling.lock();
        let lanes = filling.get_mut(contest)?;
        let offers = lanes.get_mut(&shard).map(std::mem::take).filter(|offers| !offers.is_empty());
        if offers.is_none() {
            lanes.remove(&shard);
            if lanes.is_empty() {
                filling.remove(contest);
            }
        }
        offers
    }

    async fn submit(&self, contest: &ContestId, offers: Vec<Submission>) {
        #[expect(clippy::cast_precision_loss, reason = "a histogram's figure")]
        self.metrics.batch_size.observe(offers.len() as f64);
        let ballots: Vec<(BallotId, bool)> =
            offers.iter().map(|offer| (offer.item.ballot, offer.item.promised)).collect();
        match self.offer(contest, offers).await {
            Ok(submitted) => {
                for ((ballot, promised), submitted) in ballots.into_iter().zip(submitted) {
                    match submitted {
                        SubmitOutcome::Buffered if promised => self.answer(ballot, &Answer::Kept),
                        // Of a copy without a promise the intake does not tell that it has it: a promised one follows.
                        SubmitOutcome::Buffered => {}
                        refused => self.answer(ballot, &Answer::NotKept(refused)),
                    }
                }
            }
            Err(error) => {
                let answer = Answer::Failed(error);
                ballots.into_iter().for_each(|(ballot, _)| self.answer(ballot, &answer));
            }
        }
    }

    /// Offers to the intake; again if a new session has begun that this process had not heard of.
    async fn offer(
        &self,
        contest: &ContestId,
        offers: Vec<Submission>,
    ) -> Result<Vec<SubmitOutcome>, StoreError> {
        let session = || self.directory.contest(contest).map(|contest| contest.record.session());
        let Some(known) = session() else { return Ok(vec![SubmitOutcome::Rebuilding; offers.len()]) };
        let submitted = self.stores.intake.submit(&known, &offers).await?;
        if !submitted.contains(&SubmitOutcome::Rebuilding) {
            return Ok(submitted);
        }
        self.directory.refresh(contest).await?;
        let Some(newer) = session().filter(|session| *session != known) else { return Ok(submitted) };
        let missing =
            |(_, submitted): &(Submission, &SubmitOutcome)| **submitted == SubmitOutcome::Rebuilding;
        let again: Vec<Submission> =
            offers.into_iter().zip(&submitted).filter(missing).map(|(offer, _)| offer).collect();
        let mut answers = self.stores.intake.submit(&newer, &again).await?.into_iter();
        let answer = |first| match first {
            SubmitOutcome::Rebuilding => answers.next().unwrap_or(first),
            other => other,
        };
        Ok(submitted.into_iter().map(answer).collect())
    }

    /// By how much the contest's recording lagged at the last look.
    pub fn lag(&self, contest: &ContestId) -> Duration {
        self.backlogs.load().get(contest).map_or(Duration::ZERO, |seen| seen.lag)
    }

    /// How many ballots the intake held at the last look. Asked for each time, a tally would wait for the intake twice as long as for everything else.
    pub fn pending(&self, contest: &ContestId) -> u64 {
        self.backlogs.load().get(contest).map_or(0, |seen| seen.pending)
    }

    /// Changes with every look.
    pub fn backlog_polled(&self) -> watch::Receiver<()> {
        self.backlog_polled.subscribe()
    }

    /// Looks what waits for the sequencer, a few times a second.
    pub async fn poll_backlogs(self: Arc<Self>) {
        for round in 0_usize.. {
            let all = self.directory.all();
            self.remove_deleted(&all);
            let open = all.into_iter().filter(|contest| contest.phase().is_voting());
            let (queue, former) = (&self, self.backlogs.load_full());
            let looks = open.enumerate().map(|(number, contest)| {
                let former = former.get(contest.id()).copied();
                async move {
                    let is_due = (number + round).is_multiple_of(IDLE_ROUNDS);
                    let seen = match former.filter(|former| !is_due && queue.is_idle(&contest, former)) {
                        Some(former) => former,
                        None => queue.poll_backlog(&contest).await?,
                    };
                    Some((contest.id().clone(), seen))
                }
            });
            let seen = join_all(looks).await.into_iter().flatten().collect();
            self.backlogs.store(Arc::new(seen));
            self.backlog_polled.send_replace(());
            tokio::time::sleep(BACKLOG_POLL_INTERVAL).await;
        }
    }

    /// Whether nothing waited of the contest, and nothing has come or was recorded since, as far as this process knows.
    fn is_idle(&self, contest: &Contest, former: &BacklogSnapshot) -> bool {
        let is_waiting = |permits: &Arc<CapacityPermits>| permits.free() < 2 * self.most;
        former.pending == 0
            && former.size == self.published_size(contest.id())
            && !self.permits.load().get(contest.id()).is_some_and(is_waiting)
    }

    fn published_size(&self, contest: &ContestId) -> u64 {
        self.stores.hub.latest(contest).map_or(0, |publication| publication.size)
    }

    /// Forgets the rooms of contests that are no more.
    fn remove_deleted(&self, contests: &[Arc<Contest>]) {
        let ids: HashSet<&ContestId> = contests.iter().map(|contest| contest.id()).collect();
        if self.permits.load().keys().all(|id| ids.contains(id)) {
            return;
        }
        self.permits.rcu(|known| {
            let kept = known.iter().filter(|(id, _)| ids.contains(id));
            kept.map(|(id, permits)| (id.clone(), Arc::clone(permits))).collect::<HashMap<_, _>>()
        });
    }

    /// What waits of one contest; as before if the intake does not answer in time.
    async fn poll_backlog(&self, contest: &Contest) -> Option<BacklogSnapshot> {
        let session = contest.record.session();
        let Ok(Ok(backlog)) = timeout(BACKLOG_POLL_TIMEOUT, self.stores.intake.backlog(&session)).await
        else {
            return self.backlogs.load().get(contest.id()).copied();
        };
        let now = self.stores.clock.now();
        // The oldest may be of a clock that is ahead.
        let lag = backlog.oldest.and_then(|oldest| Duration::try_from(now.duration_since(oldest)).ok());
        let size = self.published_size(contest.id());
        Some(BacklogSnapshot { pending: backlog.items, lag: lag.unwrap_or_default(), size })
    }

    /// Passes the sequencer's decisions on to those who wait.
    pub async fn answer_decided(self: Arc<Self>) {
        let mut notices = self.stores.hub.subscribe();
        loop {
            match notices.recv().await {
                Ok(Notice::Decided(decided)) => self.answer_all(&decided),
                Ok(Notice::Missed) => self.doubt.notify_one(),
                // Whoever sequences it from now on tells nothing of what was recorded before.
                Ok(Notice::ContestChanged(id)) if self.is_open(&id) => self.doubt.notify_one(),
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "notices missed");
                    self.doubt.notify_one();
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
            self.answer(*ballot, &Answer::Decided { outcome, size, root, is_repetition: false });
        }
    }

    /// Makes up for missed notices, beside those who hear and those who vote.
    pub async fn recover_missed_answers(self: Arc<Self>) {
        loop {
            self.doubt.notified().await;
            if let Err(error) = self.ask_ledger().await {
                tracing::warn!(%error, "the ledger cannot be asked");
                tokio::time::sleep(BACKLOG_POLL_TIMEOUT).await;
                self.doubt.notify_one();
            }
        }
    }

    /// Answers whatever waits and is recorded. What is not recorded will be decided, or runs into its deadline.
    async fn ask_ledger(&self) -> Result<(), StoreError> {
        let waiting: Vec<(ContestId, BallotId)> = self
            .waiting
            .iter()
            .flat_map(|shard| {
                shard.lock().iter().map(|(id, waiting)| (waiting.contest.clone(), *id)).collect::<Vec<_>>()
            })
            .collect();
        let asking = stream::iter(waiting).map(Ok).try_for_each_concurrent(
            MAX_CONCURRENT_LOOKUPS,
            |(contest, ballot)| async move {
                if let Some(LedgerBallot::Published(_)) = look_up(&self.stores, &contest, ballot).await? {
                    self.answer(ballot, &Answer::InLedger);
                }
                Ok(())
            },
        );
        asking.await
    }
}

/// A request's place among those who wait; leaving frees it.
pub(crate) struct Waiter {
    queue: Arc<SubmissionQueue>,
    ballot: BallotId,
    answer: oneshot::Receiver<Answer>,
    /// Until it leaves.
    permit: Option<Permit>,
}

impl Waiter {
    /// Leaves, and keeps the room for another attempt.
    pub(crate) fn into_permit(mut self) -> Option<Permit> {
        self.permit.take()
    }

    /// Waits for the answer. `None` if none will come.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.queue.metrics.waiting.dec();
        // With its answer its place was taken out.
        if self.answer.is_terminated() {
            return;
        }
        self.answer.close();
        let mut shard = self.queue.shard(self.ballot);
        if let Some(waiting) = shard.get_mut(&self.ballot) {
            waiting.requests.retain(|request| !request.answer.is_closed());
            if waiting.requests.is_empty() {
                shard.remove(&self.ballot);
            }
        }
    }
}
