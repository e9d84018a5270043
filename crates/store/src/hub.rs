//! The hub: how API and sequencer parts of one process, and through a carrier those of several, hear of each other. Notices may be missed (a receiver that falls
//! behind is told so); whoever missed one reads the database.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use acclaim_ballot_log::hash::Hash;
use acclaim_contest::{BallotId, ContestId};
use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Notify, broadcast, mpsc, watch},
    time::timeout,
};

use crate::{command::CommandOutcome, request_id::RequestId};

/// Notices that a receiver may be behind before it misses some.
const RECEIVER_CAPACITY: usize = 1024;

/// Notices that may wait for other processes before some are dropped.
const OUTBOX_CAPACITY: usize = 4096;

/// News for the other parts, in this process and in others.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// A contest was created, edited, deleted, or its state changed.
    ContestChanged(ContestId),
    /// A command waits for the sequencer.
    CommandQueued(ContestId),
    /// A batch was committed, or ballots were rejected.
    Decided(Arc<Decisions>),
    /// A newer publication; [`Hub::latest`] has it too.
    Published(Arc<Publication>),
    /// The way from other processes was cut for a while: any notice of theirs may be missing.
    Missed,
}

/// What the sequencer decided in one step. What it says is recorded is committed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Decisions {
    /// Of which contest.
    pub contest: ContestId,
    /// Size of its log after the step.
    pub size: u64,
    /// Root of its log after the step.
    pub root: Hash,
    /// Ballots and what became of them.
    pub ballots: Vec<(BallotId, BallotOutcome)>,
    /// Commands and what became of them.
    pub commands: Vec<(RequestId, CommandOutcome)>,
}

/// What became of a ballot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BallotOutcome {
    /// It is in the log.
    Recorded {
        /// Where.
        index: u64,
        /// Hash of its leaf.
        leaf_hash: Hash,
    },
    /// It was in the log already.
    Same,
    /// It is not in the log and will not be, for this reason.
    Rejected(Rejection),
}

/// Why a ballot is not in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// Other votes of the voter stand in these categories.
    AlreadyVoted(Vec<String>),
    /// With what stands already, or by the rules, its selections cannot be cast: a stable kebab-case reason and a sentence.
    InvalidSelection(String, String),
    /// What it replaces is not the voter's standing ballot; this one is, if there is one.
    ReplacedIsNotStanding(Option<BallotId>),
    /// It arrived too early or too late.
    OutsideWindow,
    /// Anything else the contest's rules say: a stable kebab-case code and a sentence.
    Refused(String, String),
}

/// What everyone may or staff can read of a contest at one size of its log. All figures are of that size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// Of which contest.
    pub contest: ContestId,
    /// Size of the log.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// The live tally, as JSON without `pending`, split where that key belongs: before and after.
    pub tally: (Bytes, Bytes),
    /// The standings as CSV.
    pub tally_csv: Bytes,
    /// The result document, from the closing on.
    pub result: Option<Bytes>,
    /// The document that was certified before the contest was reopened, until another one is.
    #[serde(default)]
    pub former: Option<Bytes>,
    /// When it was made.
    pub at: Timestamp,
}

/// How recording goes, contest by contest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recording {
    /// The log is being read at start.
    Loading,
    /// Another process sequences it.
    Elsewhere,
    /// The intake began anew and is told which slots are filled; ballots wait so long.
    Rebuilding {
        /// Entries of the log seen.
        done: u64,
        /// Entries of the log.
        of: u64,
    },
    /// As it should.
    Healthy,
    /// Not now; the sequencer keeps trying.
    Failing(String),
    /// Not until somebody mends the cause.
    Stopped(String),
}

/// The published figures of one contest, and how far behind the log they are.
#[derive(Debug, Default)]
pub struct Figures {
    newest: watch::Sender<Option<Arc<Publication>>>,
    /// The largest size of the log that this process has heard was recorded.
    recorded: AtomicU64,
    /// Whether a reader waits for newer figures.
    has_waiting_reader: AtomicBool,
    reader_waits: Notify,
}

impl Figures {
    fn publish(&self, publication: &Arc<Publication>) {
        self.newest.send_if_modified(|newest| {
            // A sequencer that lost its lease in its sleep may be late with an older one.
            let is_newer = newest.as_ref().is_none_or(|known| known.size <= publication.size);
            if is_newer {
                *newest = Some(Arc::clone(publication));
            }
            is_newer
        });
    }

    /// The newest publication once it covers all that this process has heard was recorded when it was asked. Has no bound in time.
    async fn wait_until_current(&self) -> Option<Arc<Publication>> {
        let recorded = self.recorded.load(Ordering::Acquire);
        let covers =
            |newest: &Option<Arc<Publication>>| newest.as_ref().is_none_or(|newest| newest.size >= recorded);
        let mut newest = self.newest.subscribe();
        if !covers(&newest.borrow()) && !self.has_waiting_reader.swap(true, Ordering::AcqRel) {
            self.reader_waits.notify_one();
        }
        newest.wait_for(covers).await.ok()?.clone()
    }

    /// Whether a reader waits for newer figures than were published.
    #[must_use]
    pub fn has_waiting_reader(&self) -> bool {
        self.has_waiting_reader.load(Ordering::Acquire)
    }

    /// Returns when a reader begins to wait.
    pub async fn wait_for_reader(&self) {
        self.reader_waits.notified().await;
    }

    /// Says that a publication follows of all that is recorded now.
    pub fn begin_publication(&self) {
        self.has_waiting_reader.store(false, Ordering::Release);
    }
}

/// See the [module](self).
#[derive(Debug)]
pub struct Hub {
    notices: broadcast::Sender<Notice>,
    /// Of each contest that was heard of, until it is deleted.
    figures: Mutex<HashMap<ContestId, Arc<Figures>>>,
    /// Written by the sequencer, read for readiness.
    recording: Mutex<HashMap<ContestId, Recording>>,
    /// To other processes, if there are any.
    outbox: Option<mpsc::Sender<Notice>>,
    /// Whether a notice did not find its way into `outbox`.
    must_send_missed: AtomicBool,
    /// Contests whose rows or ballots this process has repaired from their logs.
    repairs: AtomicU64,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            notices: broadcast::Sender::new(RECEIVER_CAPACITY),
            figures: Mutex::default(),
            recording: Mutex::default(),
            outbox: None,
            must_send_missed: AtomicBool::new(false),
            repairs: AtomicU64::new(0),
        }
    }
}

impl Hub {
    /// A hub whose notices are for other processes too: they are to be taken from the receiver and carried to the others' [`Hub::deliver`]. When the
    /// carrier falls behind, notices are dropped, and `Missed` is owed to the others.
    #[must_use]
    pub fn with_outbox() -> (Self, mpsc::Receiver<Notice>) {
        let (outbox, outlet) = mpsc::channel(OUTBOX_CAPACITY);
        (Self { outbox: Some(outbox), ..Self::default() }, outlet)
    }

    /// Whether `Missed` is owed to other processes; asking settles it.
    #[must_use]
    pub fn take_missed_flag(&self) -> bool {
        self.must_send_missed.swap(false, Ordering::Relaxed)
    }

    /// Tells everyone. Nobody listening is fine.
    pub fn send(&self, notice: Notice) {
        if let Some(outbox) = &self.outbox {
            // Full: the carrier tells the others that something is missing.
            if outbox.try_send(notice.clone()).is_err() {
                self.must_send_missed.store(true, Ordering::Relaxed);
            }
        }
        self.deliver(notice);
    }

    /// Tells the parts of this process what another one has sent.
    pub fn deliver(&self, notice: Notice) {
        match &notice {
            Notice::Published(publication) => self.figures(&publication.contest).publish(publication),
            // Before a request hears of its ballot: it may ask for the figures at once.
            Notice::Decided(decided) => {
                self.figures(&decided.contest).recorded.fetch_max(decided.size, Ordering::AcqRel);
            }
            _ => {}
        }
        let _nobody_listens = self.notices.send(notice);
    }

    /// Listens from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// The newest publication of a contest.
    #[must_use]
    pub fn latest(&self, contest: &ContestId) -> Option<Arc<Publication>> {
        self.figures.lock().get(contest)?.newest.borrow().clone()
    }

    /// The newest publication of a contest, once it covers all that this process had heard was recorded; after `max_wait` the newest there is. `None` if
    /// nothing was published yet.
    pub async fn current_publication(
        &self,
        contest: &ContestId,
        max_wait: Duration,
    ) -> Option<Arc<Publication>> {
        let figures = self.figures.lock().get(contest).map(Arc::clone)?;
        match timeout(max_wait, figures.wait_until_current()).await {
            Ok(newest) => newest,
            Err(_) => self.latest(contest),
        }
    }

    /// The figures of a contest that there is, for the sequencer, which publishes them.
    #[must_use]
    pub fn figures(&self, contest: &ContestId) -> Arc<Figures> {
        let mut figures = self.figures.lock();
        match figures.get(contest) {
            Some(known) => Arc::clone(known),
            None => Arc::clone(figures.entry(contest.clone()).or_default()),
        }
    }

    /// Notes how recording goes.
    pub fn set_recording(&self, contest: &ContestId, recording: Recording) {
        self.recording.lock().insert(contest.clone(), recording);
    }

    /// How recording goes, by contest.
    #[must_use]
    pub fn recording(&self) -> Vec<(ContestId, Recording)> {
        let mut all: Vec<_> = self.recording.lock().iter().map(|(id, r)| (id.clone(), r.clone())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Counts that what the database kept of a contest was repaired from its log.
    pub fn count_repair(&self) {
        self.repairs.fetch_add(1, Ordering::Relaxed);
    }

    /// How often this process has done so.
    #[must_use]
    pub fn repairs(&self) -> u64 {
        self.repairs.load(Ordering::Relaxed)
    }

    /// Forgets a contest that was deleted.
    pub fn forget(&self, contest: &ContestId) {
        self.figures.lock().remove(contest);
        self.recording.lock().remove(contest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publication(size: u64) -> Notice {
        Notice::Published(Arc::new(Publication {
            contest: "photos".parse().unwrap(),
            size,
            root: Hash([0; 32]),
            tally: (Bytes::new(), Bytes::new()),
            tally_csv: Bytes::new(),
            result: None,
            former: None,
            at: Timestamp::UNIX_EPOCH,
        }))
    }

    #[test]
    fn keeps_newest_publication() {
        let hub = Hub::default();
        for size in [5, 7, 6] {
            hub.deliver(publication(size));
        }
        assert_eq!(hub.latest(&"photos".parse().unwrap()).map(|latest| latest.size), Some(7));
    }

    fn decided(size: u64) -> Notice {
        let (contest, root) = ("photos".parse().unwrap(), Hash([0; 32]));
        Notice::Decided(Arc::new(Decisions {
            contest,
            size,
            root,
            ballots: Vec::new(),
            commands: Vec::new(),
        }))
    }

    #[tokio::test]
    async fn waits_for_figures_of_recorded_ballots() {
        let (hub, contest) = (Arc::new(Hub::default()), "photos".parse().unwrap());
        let max_wait = Duration::from_secs(10);
        assert!(hub.current_publication(&contest, max_wait).await.is_none(), "nothing was published");
        hub.deliver(publication(5));
        let size = |newest: Option<Arc<Publication>>| newest.unwrap().size;
        assert_eq!(size(hub.current_publication(&contest, Duration::ZERO).await), 5, "nothing to wait for");
        hub.deliver(decided(7));
        assert!(!hub.figures(&contest).has_waiting_reader());
        let asked = tokio::spawn({
            let (hub, contest) = (Arc::clone(&hub), contest.clone());
            async move { hub.current_publication(&contest, max_wait).await }
        });
        hub.figures(&contest).wait_for_reader().await;
        assert!(hub.figures(&contest).has_waiting_reader());
        hub.figures(&contest).begin_publication();
        hub.deliver(publication(6));
        hub.deliver(publication(8));
        assert_eq!(size(asked.await.unwrap()), 8);
        assert!(!hub.figures(&contest).has_waiting_reader());
        hub.deliver(decided(9));
        assert_eq!(
            size(hub.current_publication(&contest, Duration::from_millis(1)).await),
            8,
            "what there is"
        );
    }

    #[test]
    fn reports_dropped_notice_once() {
        let (hub, _outlet) = Hub::with_outbox();
        for _ in 0..OUTBOX_CAPACITY {
            hub.send(Notice::Missed);
        }
        assert!(!hub.take_missed_flag());
        hub.send(Notice::Missed);
        assert!(hub.take_missed_flag());
        assert!(!hub.take_missed_flag());
    }
}
