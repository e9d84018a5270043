//! The fault table: each step of a ballot's path with each fault.
//!
//! It runs on the embedded stores and on real Redis and Postgres. Each case then reloads and checks
//! every invariant.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use acclaim_ballot_log::{Checkpoint, LogEntry, Tree, leaf_hash};
use acclaim_contest::{BallotId, Phase};
use acclaim_store::{
    hub::{BallotOutcome, Notice},
    intake::{Item, Session, Slot, Submission, SubmitOutcome},
};
use acclaim_test_support::{Fault, Step};
use futures_util::{StreamExt as _, stream};
use tokio::{sync::broadcast::error::RecvError, task::JoinHandle};

use crate::{
    cluster::Cluster,
    support::{Backends, TestContest, time},
};

/// The steps on the path of every ballot, with the closing.
const BALLOT_STEPS: [Step; 6] =
    [Step::Submit, Step::Drain, Step::Append, Step::RecordBeforePublish, Step::Trim, Step::Seal];
/// The steps of a new intake session.
const SESSION_STEPS: [Step; 5] =
    [Step::Begin, Step::Survivors, Step::DropSurvivors, Step::MarkSlots, Step::Open];
/// Maximum number of cases at the same time.
const MAX_CONCURRENT_CASES: usize = 8;
/// Longest time that a case may take.
const CASE_TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn keeps_invariants_under_cluster_faults() {
    let cluster = Cluster::start().await;
    let steps = BALLOT_STEPS.into_iter().chain(SESSION_STEPS);
    let cases = steps.flat_map(|step| Fault::ALL.into_iter().map(move |fault| (step, fault)));
    let run = |(number, (step, fault)): (usize, (Step, Fault))| {
        let cluster = &cluster;
        async move {
            let id = format!("case-{number}");
            let mut case = Case::begin(cluster.backends().await, &id, step, fault).await;
            if SESSION_STEPS.contains(&step) {
                case.lose_session().await;
            } else {
                // Redis forgets the slots, so that the sequencer decides about second votes.
                cluster.forget_slots(&case.world.contest);
            }
            case.run_to_end().await;
        }
    };
    stream::iter(cases.enumerate()).for_each_concurrent(MAX_CONCURRENT_CASES, run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_invariants_under_embedded_faults() {
    // A killed process loses the embedded intake. The tests of `cli` kill real processes.
    let in_process = |fault: &Fault| !matches!(fault, Fault::KilledBefore | Fault::KilledAfter | Fault::Cut);
    for step in BALLOT_STEPS.into_iter().chain([Step::Begin, Step::Open]) {
        for fault in Fault::ALL.into_iter().filter(in_process) {
            let mut case = Case::begin(Backends::embedded(), "case", step, fault).await;
            if SESSION_STEPS.contains(&step) {
                case.lose_session().await;
            }
            case.run_to_end().await;
        }
    }
}

struct Case {
    name: String,
    step: Step,
    world: TestContest,
    started: Instant,
    /// One ballot of each of twenty voters.
    ballots: Vec<Item>,
    /// Second ballots of some of these voters, for another entry.
    doubles: Vec<Item>,
    /// Promised ballots that the intake has buffered.
    promised: HashSet<BallotId>,
    notices: NoticeRecorder,
}

impl Case {
    async fn begin(backends: Backends, id: &str, step: Step, fault: Fault) -> Self {
        let world = TestContest::open_on(backends, id).await;
        let notices = NoticeRecorder::listen(&world);
        let vote =
            |voter: u8, entry| world.promised(&format!("voter-{voter}"), entry, voter.is_multiple_of(2));
        let ballots: Vec<Item> = (0..20).map(|voter| vote(voter, "p1")).collect();
        let doubles = (0..6).map(|voter| vote(voter, "p2")).collect();
        let name = format!("{step:?} {fault:?}");
        let mut case = Self {
            name,
            step,
            world,
            started: Instant::now(),
            ballots,
            doubles,
            promised: HashSet::new(),
            notices,
        };
        // Some ballots are recorded before the fault.
        let first_ballots: Vec<Item> = case.ballots.iter().take(3).cloned().collect();
        case.submit(&first_ballots, false).await;
        case.until("the first are recorded", async |case| {
            case.recorded(&first_ballots).await == first_ballots.len()
        })
        .await;
        case.world.faults.plan(step, [fault]);
        case
    }

    /// Puts ballots into the buffer, and then another session in the place of this one. An intake
    /// that was set back does the same.
    async fn lose_session(&mut self) {
        self.world.intake.stall();
        let waiting: Vec<Item> = self.ballots.iter().skip(3).take(5).cloned().collect();
        self.submit(&waiting, false).await;
        let session = self.session().await;
        let other = Session { epoch: session.epoch ^ 1, ..session };
        // This call bypasses the fault plan, because it is not a call of the sequencer.
        while self.world.intake.inner().begin(&other).await.is_err() {}
        self.world.intake.resume();
    }

    async fn session(&self) -> Session {
        self.world.stores.database.contest(&self.world.contest).await.unwrap().unwrap().session()
    }

    /// Votes, closes, reloads, and checks the invariants.
    async fn run_to_end(mut self) {
        let all: Vec<Item> = self.ballots.iter().chain(&self.doubles).cloned().collect();
        let mut with_slots = true;
        loop {
            self.submit(&all, with_slots).await;
            with_slots = !with_slots;
            if self.is_decided().await {
                break;
            }
            self.pause("all are decided").await;
        }
        if self.step != Step::Seal {
            // An idle sequencer calls the intake again, so every planned fault happens.
            self.until("the fault happens", async |case| case.world.faults.remaining() == 0).await;
        }
        self.world.clock.set(time("2021-03-31T22:01:00Z"));
        let closed = async |case: &Self| {
            let record = case.world.stores.database.contest(&case.world.contest).await;
            record.is_ok_and(|record| record.unwrap().state.phase == Phase::Closed)
        };
        self.until("the contest is closed", closed).await;
        // A checkpoint is published shortly after it is committed.
        self.until("the whole log is published", async |case| {
            case.highest_published() == case.world.lines().await.len() as u64
        })
        .await;
        assert_eq!(self.world.faults.remaining(), 0, "{}: the fault did not happen", self.name);
        self.check().await;
        self.world.restart().await.unwrap();
        self.check().await;
        self.world.stop().await;
    }

    /// Submits ballots as an API process does for voters who try again. Ballots whose voters got
    /// `accepted` are left out.
    async fn submit(&mut self, items: &[Item], with_slots: bool) {
        let session = self.session_or_none().await;
        let items: Vec<&Item> = items.iter().filter(|item| !self.promised.contains(&item.ballot)).collect();
        let slots = |item| if with_slots { slots(item) } else { Vec::new() };
        let submissions: Vec<Submission> =
            items.iter().map(|item| Submission { item: Item::clone(item), slots: slots(item) }).collect();
        let Some(session) = session else { return };
        let submit = self.world.stores.intake.submit(&session, &submissions);
        // A killed process receives no answer.
        let Ok(Ok(submitted)) = tokio::time::timeout(Duration::from_secs(4), submit).await else {
            return;
        };
        for (item, submitted) in items.iter().zip(submitted) {
            if item.promised && submitted == SubmitOutcome::Buffered {
                self.promised.insert(item.ballot);
            }
        }
    }

    async fn session_or_none(&self) -> Option<Session> {
        let record = self.world.stores.database.contest(&self.world.contest).await;
        record.ok().flatten().map(|record| record.session())
    }

    async fn recorded(&self, items: &[Item]) -> usize {
        let mut recorded = 0;
        for item in items {
            let found = self.world.stores.database.ballot(&self.world.contest, item.ballot).await;
            recorded += usize::from(found.is_ok_and(|found| found.is_some()));
        }
        recorded
    }

    /// Whether every voter has a vote, and every promised ballot is recorded or rejected.
    async fn is_decided(&self) -> bool {
        let database = &self.world.stores.database;
        for (voter, ballot) in self.ballots.iter().enumerate() {
            let double = self.doubles.get(voter);
            let votes = self.recorded(std::slice::from_ref(ballot)).await
                + self.recorded(double.map(std::slice::from_ref).unwrap_or_default()).await;
            if votes == 0 {
                return false;
            }
        }
        for ballot in &self.promised {
            let recorded = database.ballot(&self.world.contest, *ballot).await;
            let rejected = database.rejection(&self.world.contest, *ballot).await;
            if !matches!((recorded, rejected), (Ok(recorded), Ok(rejected)) if recorded.is_some() || rejected.is_some())
            {
                return false;
            }
        }
        true
    }

    async fn until(&mut self, what: &str, is_reached: impl AsyncFn(&Self) -> bool) {
        while !is_reached(self).await {
            self.pause(what).await;
        }
    }

    /// Waits a little. If the fault plan kills the process, another one starts.
    async fn pause(&mut self, what: &str) {
        assert!(self.started.elapsed() < CASE_TIMEOUT, "{}: {what}: not in time", self.name);
        if tokio::time::timeout(Duration::from_millis(10), self.world.faults.wait_for_kill()).await.is_ok() {
            self.world.replace().await;
        }
    }

    async fn check(&self) {
        let name = &self.name;
        let report = self.world.audit().await;
        assert!(report.clean, "{name}: {:?}", report.findings);
        assert_eq!((report.ballots.recorded, report.voters), (20, 20), "{name}");
        let lines = self.world.lines().await;
        let indexes = |ballot: BallotId| {
            let id = format!("\"id\":\"{ballot}\"");
            (0..)
                .zip(&lines)
                .filter(|(_, line)| line.contains(&id))
                .map(|(index, _)| index)
                .collect::<Vec<u64>>()
        };
        for (voter, ballot) in self.ballots.iter().enumerate() {
            let double = self.doubles.get(voter).map(|double| indexes(double.ballot).len());
            assert_eq!(indexes(ballot.ballot).len() + double.unwrap_or_default(), 1, "{name}: voter {voter}");
        }
        for (ballot, index) in self.notices.recorded() {
            assert_eq!(indexes(ballot), [index], "{name}: the notice and the log disagree");
        }
        assert!(self.is_decided().await, "{name}: a promised ballot is undecided");
        self.check_published(&lines);
    }

    /// The size of the newest published checkpoint.
    fn highest_published(&self) -> u64 {
        let newest = self.world.published_checkpoints.notes().pop();
        newest.map_or(0, |note| Checkpoint::open(note.as_bytes(), self.world.key().verifier()).unwrap().size)
    }

    /// Checks that every published checkpoint belongs to the log, and that none is smaller than the
    /// one before it.
    fn check_published(&self, lines: &[String]) {
        let mut tree = Tree::without_tiles();
        let mut roots = BTreeMap::new();
        for line in lines {
            tree.append(leaf_hash(line.as_bytes()));
            roots.insert(tree.size(), tree.root());
        }
        let mut highest = 0;
        for note in self.world.published_checkpoints.notes() {
            let published = Checkpoint::open(note.as_bytes(), self.world.key().verifier()).unwrap();
            assert_eq!(
                roots.get(&published.size),
                Some(&published.root),
                "{}: published at {}",
                self.name,
                published.size
            );
            assert!(
                published.size >= highest,
                "{}: size fell from {highest} to {}",
                self.name,
                published.size
            );
            highest = published.size;
        }
        assert_eq!(highest, lines.len() as u64, "{}: the whole log is not published", self.name);
    }
}

/// The slots of a ballot, as the API computes them.
fn slots(item: &Item) -> Vec<Slot> {
    match LogEntry::decode(&item.entry) {
        Ok(LogEntry::Ballot(ballot)) => vec![Slot::new(ballot.voter, None, None, "a")],
        _ => Vec::new(),
    }
}

/// Records the notices about recorded ballots. It looks up each ballot in the ledger as soon as the
/// notice arrives.
struct NoticeRecorder {
    recorded: Arc<Mutex<Vec<(BallotId, u64)>>>,
    too_early: Arc<Mutex<Vec<BallotId>>>,
    listening: JoinHandle<()>,
}

impl NoticeRecorder {
    fn listen(world: &TestContest) -> Self {
        let (recorded, too_early) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Mutex<Vec<_>>>::default());
        let (all, early) = (Arc::clone(&recorded), Arc::clone(&too_early));
        let (stores, contest) = (world.stores.clone(), world.contest.clone());
        let mut notices = stores.hub.subscribe();
        let listening = tokio::spawn(async move {
            loop {
                let decided = match notices.recv().await {
                    Ok(Notice::Decided(decided)) => decided,
                    Err(RecvError::Closed) => return,
                    _ => continue,
                };
                for (ballot, outcome) in &decided.ballots {
                    let BallotOutcome::Recorded { index, .. } = outcome else { continue };
                    all.lock().unwrap().push((*ballot, *index));
                    if let Ok(None) = stores.database.ballot(&contest, *ballot).await {
                        early.lock().unwrap().push(*ballot);
                    }
                }
            }
        });
        Self { recorded, too_early, listening }
    }

    fn recorded(&self) -> Vec<(BallotId, u64)> {
        assert_eq!(*self.too_early.lock().unwrap(), [], "notified before the commit");
        self.recorded.lock().unwrap().clone()
    }
}

impl Drop for NoticeRecorder {
    fn drop(&mut self) {
        self.listening.abort();
    }
}
