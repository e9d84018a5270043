//! The sequencer: the only writer of each contest's log. It drains the intake, admits, orders, appends and publishes; staff commands go through it in
//! order with the ballots; it opens and closes contests at their instants.
//!
//! One task a contest owns all state of that contest's log (`log::Log`). State is built by replaying the ledger, at start and after any
//! failed append, by the code that audits. Of several processes, the one with a contest's lease sequences it; the others follow its log, ready to
//! take over.

mod batch;
mod commands;
mod contest;
mod events;
mod inbox;
mod leases;
mod log;
mod log_reader;
mod projection;
mod publish;
mod schedule;
mod standby;
mod upkeep;
mod voting;
mod witnessing;

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    fmt::Display,
    sync::Arc,
    time::Duration,
};

use acclaim_contest::ContestId;
use acclaim_store::{
    Keyring, StoreError, Stores, Witness,
    hub::{Notice, Recording},
    intake::Session,
};
use contest::{ContestTask, Exit};
use leases::{HeldLeases, LeaseRenewals, LeaseRenewer};
pub use log_reader::{LoadError, LogReader, WholeLog};
use tokio::{
    sync::{
        broadcast::{Receiver, error::RecvError},
        watch,
    },
    task::{Id, JoinError, JoinSet},
};

/// Time between two looks after a contest whose lease does not run out.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(30);

/// What an installation can set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long after the closing instant a ballot that arrived in time can still be on its way: the API's longest request
    /// deadline and a margin. `closed` is appended after it.
    pub grace: Duration,
    /// Most ballots of one append, about.
    pub batch: usize,
    /// Shortest time between two publications of a live tally.
    pub publish_interval: Duration,
    /// How long to wait after a failure before trying again.
    pub retry_after: Duration,
    /// Shards of the intake of contests that open from now on.
    pub shards: u16,
    /// How long a lease lasts: when its holder dies, another process takes over after at most so much and a quarter.
    pub lease: Duration,
    /// Who cosigns the checkpoints shown.
    pub witnesses: Vec<Arc<dyn Witness>>,
    /// Shortest time between two checkpoints of a contest that go to witnesses.
    pub witness_interval: Duration,
    /// How long a witness may take to answer.
    pub witness_timeout: Duration,
    /// Contests that are left alone: their logs are not what they were, and the others are to go on.
    pub without: HashSet<ContestId>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(6),
            batch: 4_096,
            publish_interval: Duration::from_millis(250),
            retry_after: Duration::from_millis(500),
            shards: 1,
            lease: Duration::from_secs(3),
            witnesses: Vec::new(),
            witness_interval: Duration::from_secs(1),
            witness_timeout: Duration::from_secs(5),
            without: HashSet::new(),
        }
    }
}

/// What every contest's task needs.
#[derive(Clone)]
struct Context {
    stores: Stores,
    keyring: Arc<Keyring>,
    settings: Settings,
    /// This process, among those that want leases.
    holder: u64,
    /// Those of them that it works on.
    held: HeldLeases,
    /// What these leases were prolonged by last.
    prolonged: watch::Receiver<LeaseRenewals>,
}

impl Context {
    async fn take_lease(&self, contest: &ContestId) -> Result<bool, StoreError> {
        self.stores.database.take_lease(contest, self.holder, self.settings.lease).await
    }

    /// Time between two looks after a contest beside its work.
    fn upkeep_interval(&self) -> Duration {
        if self.stores.database.leases_expire() { self.settings.lease / 2 } else { UPKEEP_INTERVAL }
    }

    /// Does something that can take long, and prolongs the contest's lease meanwhile.
    async fn while_leased<T>(&self, contest: &ContestId, work: impl Future<Output = T>) -> T {
        tokio::select! {
            done = work => done,
            never = self.prolong_lease(contest) => match never {},
        }
    }

    async fn prolong_lease(&self, contest: &ContestId) -> Infallible {
        loop {
            tokio::time::sleep(self.settings.lease / 4).await;
            if !matches!(self.take_lease(contest).await, Ok(true)) {
                // The work is finished all the same: the loss shows at the next step.
                tracing::warn!(%contest, "the lease was not prolonged");
            }
        }
    }

    /// Clears up behind a contest that was deleted.
    async fn forget(&self, session: &Session) {
        let (stores, contest) = (&self.stores, &session.contest);
        stores.hub.forget(contest);
        // Of a draft there is nothing else, and another one may have its id by now.
        if session.epoch == 0 {
            return;
        }
        let forgotten = match stores.published_checkpoints.forget(contest).await {
            Ok(()) => stores.intake.forget(session).await,
            Err(error) => Err(error),
        };
        if let Err(error) = forgotten {
            // Harmless: its id is never used again.
            tracing::warn!(%contest, %error, "something is left of a deleted contest");
        }
    }

    fn report_failure(&self, id: &ContestId, error: &dyn Display) {
        tracing::error!(contest = %id, %error, "recording has stopped");
        self.stores.hub.set_recording(id, Recording::Stopped(error.to_string()));
    }
}

/// All contests' tasks.
pub struct Sequencer {
    context: Context,
    tasks: JoinSet<Exit>,
    /// Which contest a task is for.
    running: HashMap<Id, ContestId>,
    stop: watch::Receiver<bool>,
    notices: Receiver<Notice>,
    /// Where leases run out.
    _keeper: Option<LeaseRenewer>,
}

impl Sequencer {
    /// Reads every contest's log and checks it against what has been shown before. `stop` turning true ends [`Sequencer::run`].
    ///
    /// # Errors
    /// [`LoadError`] of the first contest whose log is damaged, unreachable, or older than a checkpoint that was shown: a doubtful start is
    /// refused.
    pub async fn start(
        stores: Stores,
        keyring: Arc<Keyring>,
        settings: Settings,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, LoadError> {
        let notices = stores.hub.subscribe();
        let contests = stores.database.contests().await?;
        let holder = u64::from_le_bytes(
            acclaim_store::keyring::random_bytes().map_err(|error| LoadError::Key(error.to_string()))?,
        );
        let (prolonging, prolonged) = watch::channel(LeaseRenewals::default());
        let context = Context { stores, keyring, settings, holder, held: HeldLeases::default(), prolonged };
        let leases_expire = context.stores.database.leases_expire();
        let keeper = leases_expire.then(|| LeaseRenewer::start(context.clone(), prolonging));
        let (tasks, running) = (JoinSet::new(), HashMap::new());
        let mut sequencer = Self { context, tasks, running, stop, notices, _keeper: keeper };
        for record in contests {
            let id = record.id().clone();
            if sequencer.context.settings.without.contains(&id) {
                tracing::warn!(contest = %id, "the contest is left alone: nothing of it is recorded");
                continue;
            }
            let task = if sequencer.context.take_lease(&id).await? {
                let reading = LogReader::new(&sequencer.context.keyring, &id)?;
                match ContestTask::load(&sequencer.context, &id, reading).await {
                    // Its former holder was still at it, or it was deleted: its own task tries again.
                    Err(LoadError::Store(StoreError::Conflict(_))) => None,
                    loaded => Some(loaded.map_err(|error| error.of_contest(&id))?),
                }
            } else {
                sequencer.context.stores.hub.set_recording(&id, Recording::Elsewhere);
                None
            };
            sequencer.spawn(id, task);
        }
        Ok(sequencer)
    }

    fn spawn(&mut self, id: ContestId, task: Option<ContestTask>) {
        let sequencing = standby::sequence(self.context.clone(), id.clone(), task, self.stop.clone());
        let handle = self.tasks.spawn(sequencing);
        self.running.insert(handle.id(), id);
    }

    /// Works until told to stop; returns when every contest's task has ended.
    pub async fn run(mut self) {
        while !*self.stop.borrow() {
            tokio::select! {
                _ = self.stop.changed() => break,
                notice = self.notices.recv() => match notice {
                    Ok(Notice::ContestChanged(id)) => self.begin(&id),
                    Ok(Notice::Missed) | Err(RecvError::Lagged(_)) => self.begin_all().await,
                    Ok(_) => {}
                    Err(RecvError::Closed) => break,
                },
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
            }
        }
        while self.tasks.join_next().await.is_some() {}
    }

    /// Starts a task for a contest that has none.
    fn begin(&mut self, id: &ContestId) {
        let stopped = || {
            let recording = self.context.stores.hub.recording();
            recording.iter().any(|(contest, state)| contest == id && matches!(state, Recording::Stopped(_)))
        };
        let left_alone = self.context.settings.without.contains(id);
        if !left_alone && !self.running.values().any(|running| running == id) && !stopped() {
            self.spawn(id.clone(), None);
        }
    }

    /// After missed notices: any contest may be new.
    async fn begin_all(&mut self) {
        match self.context.stores.database.contests().await {
            Ok(records) => records.iter().for_each(|record| self.begin(record.id())),
            Err(error) => {
                tracing::error!(%error, "contests cannot be listed");
                // To be told again.
                tokio::time::sleep(self.context.settings.retry_after).await;
                self.context.stores.hub.deliver(Notice::Missed);
            }
        }
    }

    fn ended(&mut self, ended: Result<(Id, Exit), JoinError>) {
        let task = match &ended {
            Ok((task, _)) => *task,
            Err(error) => error.id(),
        };
        let Some(id) = self.running.remove(&task) else { return };
        match ended {
            // A draft can have been created again under the same id meanwhile.
            Ok((_, Exit::Deleted)) => self.begin(&id),
            Ok((_, Exit::Absent | Exit::Failed | Exit::Shutdown | Exit::RetryLater)) => {}
            Err(error) => self.context.report_failure(&id, &error),
        }
    }
}
