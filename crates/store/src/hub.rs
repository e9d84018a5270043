//! The hub: notices between the API and the sequencer, in one process and between processes.
//!
//! A notice bridge carries notices to other processes. Notices may be missed, and a receiver that
//! falls behind is notified of this. After a missed notice, the receiver reads the database.

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

/// Number of notices that a receiver can be behind before it misses one.
const RECEIVER_CAPACITY: usize = 1024;

/// Number of notices that can wait for other processes before one is dropped.
const OUTBOX_CAPACITY: usize = 4096;

/// A notice for the other parts, in this process and in others.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// A contest was created, edited or deleted, or its state changed.
    ContestChanged(ContestId),
    /// A command waits for the sequencer.
    CommandQueued(ContestId),
    /// A batch was committed, or ballots were rejected.
    Decided(Arc<Decisions>),
    /// There is a newer publication. [`Hub::latest`] returns it too.
    Published(Arc<Publication>),
    /// The connection to other processes was interrupted: any of their notices may be missing.
    Missed,
}

/// The decisions of one step of the sequencer.
///
/// Everything that is reported as recorded is committed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Decisions {
    /// The contest.
    pub contest: ContestId,
    /// Size of the contest's log after the step.
    pub size: u64,
    /// Root of the contest's log after the step.
    pub root: Hash,
    /// Ballots and their outcomes.
    pub ballots: Vec<(BallotId, BallotOutcome)>,
    /// Commands and their outcomes.
    pub commands: Vec<(RequestId, CommandOutcome)>,
}

/// The outcome of a ballot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BallotOutcome {
    /// The ballot is in the log.
    Recorded {
        /// Its index in the log.
        index: u64,
        /// Hash of its leaf.
        leaf_hash: Hash,
    },
    /// The ballot was in the log already.
    Same,
    /// The ballot is not in the log and will not be.
    Rejected(Rejection),
}

/// Why a ballot is not in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// The voter has other standing votes in these categories.
    AlreadyVoted(Vec<String>),
    /// The rules, or the voter's standing votes, do not allow the ballot's selections.
    ///
    /// The fields are a stable kebab-case reason and a sentence.
    InvalidSelection(String, String),
    /// The ballot that it replaces is not the voter's standing ballot.
    ///
    /// The field is the standing ballot, if there is one.
    ReplacedIsNotStanding(Option<BallotId>),
    /// The ballot arrived outside the voting window: too early or too late.
    OutsideWindow,
    /// The contest's rules refuse the ballot for another reason.
    ///
    /// The fields are a stable kebab-case code and a sentence.
    Refused(String, String),
}

/// The published documents of a contest, some public and some for staff.
///
/// All figures are of one size of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// The contest.
    pub contest: ContestId,
    /// Size of the log.
    pub size: u64,
    /// Root of the log.
    pub root: Hash,
    /// The live tally, as JSON without the key `pending`.
    ///
    /// It is split at the place of that key: the part before and the part after.
    pub tally: (Bytes, Bytes),
    /// The standings as CSV.
    pub tally_csv: Bytes,
    /// The result document, from the closing of the contest on.
    pub result: Option<Bytes>,
    /// The certified document of a reopened contest, until another one is certified.
    #[serde(default)]
    pub former: Option<Bytes>,
    /// When the publication was created.
    pub at: Timestamp,
}

/// The state of recording of one contest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recording {
    /// The sequencer reads the log at its start.
    Loading,
    /// Another process sequences it.
    Elsewhere,
    /// A new session of the intake began, and its taken slots are being rebuilt from the log.
    ///
    /// Ballots wait until this is done.
    Rebuilding {
        /// Number of log entries read.
        done: u64,
        /// Number of log entries in total.
        of: u64,
    },
    /// Recording works.
    Healthy,
    /// Recording fails at present, and the sequencer retries. The text is the error.
    Failing(String),
    /// Recording is stopped until an operator removes the cause. The text is the error.
    Stopped(String),
}

/// The published figures of one contest, and how far behind the log they are.
#[derive(Debug, Default)]
pub struct Figures {
    newest: watch::Sender<Option<Arc<Publication>>>,
    /// The largest recorded size of the log that this process knows of.
    recorded: AtomicU64,
    /// Whether a reader waits for newer figures.
    has_waiting_reader: AtomicBool,
    reader_waits: Notify,
}

impl Figures {
    fn publish(&self, publication: &Arc<Publication>) {
        self.newest.send_if_modified(|newest| {
            // A sequencer that lost its lease while it was suspended may send an older publication
            // late.
            let is_newer = newest.as_ref().is_none_or(|known| known.size <= publication.size);
            if is_newer {
                *newest = Some(Arc::clone(publication));
            }
            is_newer
        });
    }

    /// Waits for a publication that covers everything recorded when the wait began, and returns it.
    ///
    /// This process must know that it is recorded. There is no time limit.
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

    /// Whether a reader waits for newer figures than the published ones.
    #[must_use]
    pub fn has_waiting_reader(&self) -> bool {
        self.has_waiting_reader.load(Ordering::Acquire)
    }

    /// Returns when a reader begins to wait.
    pub async fn wait_for_reader(&self) {
        self.reader_waits.notified().await;
    }

    /// Clears the mark of a waiting reader, because a publication of everything recorded so far
    /// follows.
    pub fn begin_publication(&self) {
        self.has_waiting_reader.store(false, Ordering::Release);
    }
}

/// See the [module](self).
#[derive(Debug)]
pub struct Hub {
    notices: broadcast::Sender<Notice>,
    /// The figures of each contest with a notice, until it is deleted.
    figures: Mutex<HashMap<ContestId, Arc<Figures>>>,
    /// The sequencer writes it. The readiness check reads it.
    recording: Mutex<HashMap<ContestId, Recording>>,
    /// Notices for other processes, if there are any.
    outbox: Option<mpsc::Sender<Notice>>,
    /// Whether a notice did not fit into `outbox`.
    must_send_missed: AtomicBool,
    /// Number of repairs of contest rows or ballots from the logs, by this process.
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
    /// A hub that also sends its notices to other processes.
    ///
    /// A notice bridge takes the notices from the receiver and passes them to [`Hub::deliver`] of
    /// the other processes. If the bridge falls behind, notices are dropped, and the hub remembers
    /// that the other processes need a `Missed`.
    #[must_use]
    pub fn with_outbox() -> (Self, mpsc::Receiver<Notice>) {
        let (outbox, outlet) = mpsc::channel(OUTBOX_CAPACITY);
        (Self { outbox: Some(outbox), ..Self::default() }, outlet)
    }

    /// Whether other processes need a `Missed`. The call clears the mark.
    #[must_use]
    pub fn take_missed_flag(&self) -> bool {
        self.must_send_missed.swap(false, Ordering::Relaxed)
    }

    /// Sends a notice to all parts of all processes. A hub without receivers is allowed.
    pub fn send(&self, notice: Notice) {
        if let Some(outbox) = &self.outbox {
            // The outbox is full: the bridge sends `Missed` to the other processes later.
            if outbox.try_send(notice.clone()).is_err() {
                self.must_send_missed.store(true, Ordering::Relaxed);
            }
        }
        self.deliver(notice);
    }

    /// Delivers a notice of another process to the parts of this process.
    pub fn deliver(&self, notice: Notice) {
        match &notice {
            Notice::Published(publication) => self.figures(&publication.contest).publish(publication),
            // The figures are updated before a request gets its ballot's outcome. It may read them
            // next.
            Notice::Decided(decided) => {
                self.figures(&decided.contest).recorded.fetch_max(decided.size, Ordering::AcqRel);
            }
            _ => {}
        }
        let _no_receiver = self.notices.send(notice);
    }

    /// Returns a receiver of all notices from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// The newest publication of a contest.
    #[must_use]
    pub fn latest(&self, contest: &ContestId) -> Option<Arc<Publication>> {
        self.figures.lock().get(contest)?.newest.borrow().clone()
    }

    /// The newest publication that covers everything recorded so far, as far as this process knows.
    ///
    /// After `max_wait` it returns the newest publication. `None` if nothing is published yet.
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

    /// The figures of an existing contest, for the sequencer that publishes them.
    #[must_use]
    pub fn figures(&self, contest: &ContestId) -> Arc<Figures> {
        let mut figures = self.figures.lock();
        match figures.get(contest) {
            Some(known) => Arc::clone(known),
            None => Arc::clone(figures.entry(contest.clone()).or_default()),
        }
    }

    /// Sets the state of recording of a contest.
    pub fn set_recording(&self, contest: &ContestId, recording: Recording) {
        self.recording.lock().insert(contest.clone(), recording);
    }

    /// The state of recording of each contest, in the order of their ids.
    #[must_use]
    pub fn recording(&self) -> Vec<(ContestId, Recording)> {
        let mut all: Vec<_> = self.recording.lock().iter().map(|(id, r)| (id.clone(), r.clone())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Counts one repair of a contest's stored rows from its log.
    pub fn count_repair(&self) {
        self.repairs.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of repairs by this process.
    #[must_use]
    pub fn repairs(&self) -> u64 {
        self.repairs.load(Ordering::Relaxed)
    }

    /// Deletes the data of a deleted contest.
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
        assert!(hub.current_publication(&contest, max_wait).await.is_none(), "nothing is published");
        hub.deliver(publication(5));
        let size = |newest: Option<Arc<Publication>>| newest.unwrap().size;
        assert_eq!(size(hub.current_publication(&contest, Duration::ZERO).await), 5, "nothing to wait for");
        hub.deliver(decided(7));
        assert!(!hub.figures(&contest).has_waiting_reader());
        let reader = tokio::spawn({
            let (hub, contest) = (Arc::clone(&hub), contest.clone());
            async move { hub.current_publication(&contest, max_wait).await }
        });
        hub.figures(&contest).wait_for_reader().await;
        assert!(hub.figures(&contest).has_waiting_reader());
        hub.figures(&contest).begin_publication();
        hub.deliver(publication(6));
        hub.deliver(publication(8));
        assert_eq!(size(reader.await.unwrap()), 8);
        assert!(!hub.figures(&contest).has_waiting_reader());
        hub.deliver(decided(9));
        assert_eq!(
            size(hub.current_publication(&contest, Duration::from_millis(1)).await),
            8,
            "the newest after the time limit"
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
