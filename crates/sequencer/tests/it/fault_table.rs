//! The fault table: each step of the path of a ballot times what can go wrong with it, on embedded stores and on real Redis and Postgres; then a reload, and
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

/// On the path of every ballot, the closing included.
const BALLOT_STEPS: [Step; 6] =
    [Step::Submit, Step::Drain, Step::Append, Step::RecordBeforePublish, Step::Trim, Step::Seal];
/// When the intake is not what it was.
const SESSION_STEPS: [Step; 5] =
    [Step::Begin, Step::Survivors, Step::DropSurvivors, Step::MarkSlots, Step::Open];
/// Cases at once.
const MAX_CONCURRENT_CASES: usize = 8;
/// How long a case may take.
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
            let mut case = Case::begin(cluster.ground().await, &id, step, fault).await;
            if SESSION_STEPS.contains(&step) {
                case.lose_session().await;
            } else {
                // So that the sequencer decides, and not Redis.
                cluster.forget_slots(&case.world.contest);
            }
            case.run_to_end().await;
        }
    };
    stream::iter(cases.enumerate()).for_each_concurrent(MAX_CONCURRENT_CASES, run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_invariants_under_embedded_faults() {
    // A process that is killed takes the embedded intake with it: `cli` kills real ones.
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
    begun: Instant,
    /// A ballot of each of twenty voters.
    ballots: Vec<Item>,
    /// Second ballots of some of them, for another entry.
    doubles: Vec<Item>,
    /// Promised ballots that the intake has said to hold.
    kept: HashSet<BallotId>,
    told: NoticeRecorder,
}

impl Case {
    async fn begin(ground: Backends, id: &str, step: Step, fault: Fault) -> Self {
        let world = TestContest::open_on(ground, id).await;
        let told = NoticeRecorder::listen(&world);
        let vote =
            |voter: u8, entry| world.promised(&format!("voter-{voter}"), entry, voter.is_multiple_of(2));
        let ballots: Vec<Item> = (0..20).map(|voter| vote(voter, "p1")).collect();
        let doubles = (0..6).map(|voter| vote(voter, "p2")).collect();
        let name = format!("{step:?} {fault:?}");
        let mut case =
            Self { name, step, world, begun: Instant::now(), ballots, doubles, kept: HashSet::new(), told };
        // Some are recorded before anything goes wrong.
        let early: Vec<Item> = case.ballots.iter().take(3).cloned().collect();
        case.offer(&early, false).await;
        case.until("the first are recorded", async |case| case.recorded(&early).await == early.len()).await;
        case.world.faults.plan(step, [fault]);
        case
    }

    /// Puts ballots into the buffer, and another session in the place of this one, as an intake does that was set back.
    async fn lose_session(&mut self) {
        self.world.intake.stall();
        let waiting: Vec<Item> = self.ballots.iter().skip(3).take(5).cloned().collect();
        self.offer(&waiting, false).await;
        let session = self.session().await;
        let other = Session { epoch: session.epoch ^ 1, ..session };
        // Not planned to fail: it is not the engine that does this.
        while self.world.intake.inner().begin(&other).await.is_err() {}
        self.world.intake.resume();
    }

    async fn session(&self) -> Session {
        self.world.stores.database.contest(&self.world.contest).await.unwrap().unwrap().session()
    }

    /// Votes, closes, reloads, and checks.
    async fn run_to_end(mut self) {
        let all: Vec<Item> = self.ballots.iter().chain(&self.doubles).cloned().collect();
        let mut with_slots = true;
        loop {
            self.offer(&all, with_slots).await;
            with_slots = !with_slots;
            if self.decided().await {
                break;
            }
            self.pause("all are decided").await;
        }
        if self.step != Step::Seal {
            // A sequencer that rests asks the intake again.
            self.until("it goes wrong", async |case| case.world.faults.remaining() == 0).await;
        }
        self.world.clock.set(time("2021-03-31T22:01:00Z"));
        let closed = async |case: &Self| {
            let record = case.world.stores.database.contest(&case.world.contest).await;
            record.is_ok_and(|record| record.unwrap().state.phase == Phase::Closed)
        };
        self.until("it is closed", closed).await;
        // A checkpoint is shown a moment after it is committed.
        self.until("all is shown", async |case| {
            case.highest_shown() == case.world.lines().await.len() as u64
        })
        .await;
        assert_eq!(self.world.faults.remaining(), 0, "{}: it did not go wrong", self.name);
        self.check().await;
        self.world.restart().await.unwrap();
        self.check().await;
        self.world.stop().await;
    }

    /// Offers ballots as an API process does for voters who try again: all but those who were told `accepted`.
    async fn offer(&mut self, items: &[Item], with_slots: bool) {
        let session = self.session_or_none().await;
        let items: Vec<&Item> = items.iter().filter(|item| !self.kept.contains(&item.ballot)).collect();
        let slots = |item| if with_slots { slots(item) } else { Vec::new() };
        let offers: Vec<Submission> =
            items.iter().map(|item| Submission { item: Item::clone(item), slots: slots(item) }).collect();
        let Some(session) = session else { return };
        let submitting = self.world.stores.intake.submit(&session, &offers);
        // One whose process is killed hears nothing.
        let Ok(Ok(submitted)) = tokio::time::timeout(Duration::from_secs(4), submitting).await else {
            return;
        };
        for (item, submitted) in items.iter().zip(submitted) {
            if item.promised && submitted == SubmitOutcome::Buffered {
                self.kept.insert(item.ballot);
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

    /// Whether every voter has a vote, and every promise is kept or taken back.
    async fn decided(&self) -> bool {
        let database = &self.world.stores.database;
        for (voter, ballot) in self.ballots.iter().enumerate() {
            let double = self.doubles.get(voter);
            let votes = self.recorded(std::slice::from_ref(ballot)).await
                + self.recorded(double.map(std::slice::from_ref).unwrap_or_default()).await;
            if votes == 0 {
                return false;
            }
        }
        for ballot in &self.kept {
            let recorded = database.ballot(&self.world.contest, *ballot).await;
            let rejected = database.rejection(&self.world.contest, *ballot).await;
            if !matches!((recorded, rejected), (Ok(recorded), Ok(rejected)) if recorded.is_some() || rejected.is_some())
            {
                return false;
            }
        }
        true
    }

    async fn until(&mut self, what: &str, reached: impl AsyncFn(&Self) -> bool) {
        while !reached(self).await {
            self.pause(what).await;
        }
    }

    /// Waits a little; a process that was to be killed is, and another starts.
    async fn pause(&mut self, what: &str) {
        assert!(self.begun.elapsed() < CASE_TIMEOUT, "{}: {what}: not in time", self.name);
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
        let places = |ballot: BallotId| {
            let id = format!("\"id\":\"{ballot}\"");
            (0..)
                .zip(&lines)
                .filter(|(_, line)| line.contains(&id))
                .map(|(index, _)| index)
                .collect::<Vec<u64>>()
        };
        for (voter, ballot) in self.ballots.iter().enumerate() {
            let double = self.doubles.get(voter).map(|double| places(double.ballot).len());
            assert_eq!(places(ballot.ballot).len() + double.unwrap_or_default(), 1, "{name}: voter {voter}");
        }
        for (ballot, index) in self.told.recorded() {
            assert_eq!(places(ballot), [index], "{name}: told recorded");
        }
        assert!(self.decided().await, "{name}: a promise is not kept");
        self.check_shown(&lines);
    }

    /// The size of the newest checkpoint that was shown.
    fn highest_shown(&self) -> u64 {
        let newest = self.world.published_checkpoints.notes().pop();
        newest.map_or(0, |note| Checkpoint::open(note.as_bytes(), self.world.key().verifier()).unwrap().size)
    }

    /// Every checkpoint ever shown is the log's, and none is smaller than one before it.
    fn check_shown(&self, lines: &[String]) {
        let mut tree = Tree::without_tiles();
        let mut roots = BTreeMap::new();
        for line in lines {
            tree.append(leaf_hash(line.as_bytes()));
            roots.insert(tree.size(), tree.root());
        }
        let mut highest = 0;
        for note in self.world.published_checkpoints.notes() {
            let shown = Checkpoint::open(note.as_bytes(), self.world.key().verifier()).unwrap();
            assert_eq!(roots.get(&shown.size), Some(&shown.root), "{}: shown at {}", self.name, shown.size);
            assert!(shown.size >= highest, "{}: from {highest} back to {}", self.name, shown.size);
            highest = shown.size;
        }
        assert_eq!(highest, lines.len() as u64, "{}: not all is shown", self.name);
    }
}

/// The slots of a ballot, as the API writes them.
fn slots(item: &Item) -> Vec<Slot> {
    match LogEntry::decode(&item.entry) {
        Ok(LogEntry::Ballot(ballot)) => vec![Slot::new(ballot.voter, None, None, "a")],
        _ => Vec::new(),
    }
}

/// What was told of ballots. Each is looked for in the ledger the moment it is told.
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
        assert_eq!(*self.too_early.lock().unwrap(), [], "told before it was committed");
        self.recorded.lock().unwrap().clone()
    }
}

impl Drop for NoticeRecorder {
    fn drop(&mut self) {
        self.listening.abort();
    }
}
