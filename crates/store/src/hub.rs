//! The hub: how API and sequencer parts of one process hear of each other. Notices may be missed (a receiver that falls
//! behind is told so); whoever missed one reads the database.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use acclaim_ballot_log::hash::Hash;
use acclaim_contest::{BallotId, ContestId};
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::broadcast;

use crate::command::CommandOutcome;

/// Notices that a receiver may be behind before it misses some.
const CAPACITY: usize = 4096;

/// News for the other parts.
#[derive(Debug, Clone)]
pub enum Notice {
    /// A contest was created, edited, deleted, or its state changed.
    ContestChanged(ContestId),
    /// A command waits for the sequencer.
    CommandQueued(ContestId),
    /// A batch was committed, or ballots were rejected.
    Decided(Arc<Decided>),
    /// [`Hub::latest`] has a newer publication.
    Published(ContestId),
}

/// What the sequencer decided in one step. What it says is recorded is committed.
#[derive(Debug)]
pub struct Decided {
    /// Of which contest.
    pub contest: ContestId,
    /// Size of its log after the step.
    pub size: u64,
    /// Root of its log after the step.
    pub root: Hash,
    /// Ballots and what became of them.
    pub ballots: Vec<(BallotId, BallotOutcome)>,
    /// Commands, by idempotency key, and what became of them.
    pub commands: Vec<(String, CommandOutcome)>,
}

/// What became of a ballot.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// Other votes of the voter stand in these categories.
    AlreadyVoted(Vec<String>),
    /// What it replaces is not the voter's standing ballot; this one is, if there is one.
    ReplacedIsNotStanding(Option<BallotId>),
    /// It arrived too early or too late.
    OutsideWindow,
    /// Anything else the contest's rules say: a stable kebab-case code and a sentence.
    Refused(&'static str, String),
}

/// What everyone may or staff can read of a contest at one size of its log. All figures are of that size.
#[derive(Debug)]
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
    /// When it was made.
    pub at: Timestamp,
}

/// How recording goes, contest by contest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recording {
    /// The log is being read at start.
    Loading,
    /// As it should.
    Well,
    /// Not now; the sequencer keeps trying.
    Failing(String),
    /// Not until somebody mends the cause.
    Stopped(String),
}

/// See the [module](self).
#[derive(Debug)]
pub struct Hub {
    notices: broadcast::Sender<Notice>,
    latest: Mutex<HashMap<ContestId, Arc<Publication>>>,
    /// Written by the sequencer, read for readiness.
    recording: Mutex<HashMap<ContestId, Recording>>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            notices: broadcast::Sender::new(CAPACITY),
            latest: Mutex::default(),
            recording: Mutex::default(),
        }
    }
}

impl Hub {
    /// Tells everyone. Nobody listening is fine.
    pub fn send(&self, notice: Notice) {
        let _nobody_listens = self.notices.send(notice);
    }

    /// Listens from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// Keeps a publication as the newest of its contest, and tells everyone.
    pub fn publish(&self, publication: Publication) {
        let contest = publication.contest.clone();
        lock(&self.latest).insert(contest.clone(), Arc::new(publication));
        self.send(Notice::Published(contest));
    }

    /// The newest publication of a contest.
    #[must_use]
    pub fn latest(&self, contest: &ContestId) -> Option<Arc<Publication>> {
        lock(&self.latest).get(contest).cloned()
    }

    /// Notes how recording goes.
    pub fn set_recording(&self, contest: &ContestId, recording: Recording) {
        lock(&self.recording).insert(contest.clone(), recording);
    }

    /// How recording goes, by contest.
    #[must_use]
    pub fn recording(&self) -> Vec<(ContestId, Recording)> {
        let mut all: Vec<_> = lock(&self.recording).iter().map(|(id, r)| (id.clone(), r.clone())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Forgets a contest that was deleted.
    pub fn forget(&self, contest: &ContestId) {
        lock(&self.latest).remove(contest);
        lock(&self.recording).remove(contest);
    }
}

/// The maps are valid after every step, so a panic elsewhere does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
