//! The sequencer is the only writer of each contest's log.
//!
//! It drains the intake, admits ballots, orders them, appends them and publishes the result. Staff
//! commands go through it in order with the ballots. It opens and closes contests at their
//! instants.
//!
//! One task per contest owns all state of that contest's log (`log::Log`). The task builds this
//! state by replaying the ledger, at start and after every failed append. The replay runs the code
//! of the audit. If several processes run, the process that holds a contest's lease sequences it.
//! The other processes follow its log and are ready to take over.

mod batch;
mod commands;
mod contest;
mod context;
mod events;
mod inbox;
mod lease_renewer;
mod leases;
mod log;
mod log_reader;
mod projection;
mod publish;
mod schedule;
mod settings;
mod standby;
mod upkeep;
mod voting;
mod witnessing;

use std::{collections::HashMap, sync::Arc};

use acclaim_contest::ContestId;
use acclaim_store::{
    Keyring, StoreError, Stores,
    hub::{Notice, Recording},
};
use tokio::{
    sync::{
        broadcast::{Receiver, error::RecvError},
        watch,
    },
    task::{Id, JoinError, JoinSet},
};

pub use self::log_reader::{LoadError, LogReader, WholeLog};
pub use self::settings::Settings;
use self::{
    contest::{ContestTask, Exit},
    context::Context,
    lease_renewer::LeaseRenewer,
    leases::{HeldLeases, LeaseRenewals},
};

/// The tasks of all contests.
pub struct Sequencer {
    context: Context,
    tasks: JoinSet<Exit>,
    /// The contest of each running task.
    running: HashMap<Id, ContestId>,
    stop: watch::Receiver<bool>,
    notices: Receiver<Notice>,
    /// Renews all leases of this process, if leases expire.
    _lease_renewer: Option<LeaseRenewer>,
}

impl Sequencer {
    /// Reads every contest's log and checks it against the checkpoints published before.
    ///
    /// [`Sequencer::run`] ends when `stop` turns true.
    ///
    /// # Errors
    /// A doubtful start is refused.
    /// - [`LoadError::Damaged`]: the log of a contest is damaged. The error names the first such
    ///   contest.
    /// - [`LoadError::RolledBack`]: the log of a contest is older than a published checkpoint.
    /// - [`LoadError::Store`]: the database or the record of published checkpoints does not answer.
    /// - [`LoadError::Key`]: the installation's name or keys do not make a log, or the system gave
    ///   no random bytes.
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
        let (renewals_sender, prolonged) = watch::channel(LeaseRenewals::default());
        let context = Context { stores, keyring, settings, holder, held: HeldLeases::default(), prolonged };
        let leases_expire = context.stores.database.leases_expire();
        let lease_renewer = leases_expire.then(|| LeaseRenewer::start(context.clone(), renewals_sender));
        let (tasks, running) = (JoinSet::new(), HashMap::new());
        let mut sequencer = Self { context, tasks, running, stop, notices, _lease_renewer: lease_renewer };
        for record in contests {
            let id = record.id().clone();
            if sequencer.context.settings.without.contains(&id) {
                tracing::warn!(contest = %id, "contest ignored: ballots and commands are not recorded");
                continue;
            }
            let task = if sequencer.context.take_lease(&id).await? {
                let reader = LogReader::new(&sequencer.context.keyring, &id)?;
                match ContestTask::load(&sequencer.context, &id, reader).await {
                    // The former holder of the lease still appended entries, or the contest was
                    // deleted. The contest's task tries again.
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

    /// Runs until `stop` turns true. Returns when every contest's task has ended.
    pub async fn run(mut self) {
        while !*self.stop.borrow() {
            tokio::select! {
                _ = self.stop.changed() => break,
                notice = self.notices.recv() => match notice {
                    Ok(Notice::ContestChanged(id)) => self.ensure_task(&id),
                    Ok(Notice::Missed) | Err(RecvError::Lagged(_)) => self.ensure_all_tasks().await,
                    Ok(_) => {}
                    Err(RecvError::Closed) => break,
                },
                Some(exit) = self.tasks.join_next_with_id() => self.handle_exit(exit),
            }
        }
        while self.tasks.join_next().await.is_some() {}
    }

    /// Starts a task for a contest that has none.
    fn ensure_task(&mut self, id: &ContestId) {
        let has_stopped = || {
            let recording = self.context.stores.hub.recording();
            recording.iter().any(|(contest, state)| contest == id && matches!(state, Recording::Stopped(_)))
        };
        let is_ignored = self.context.settings.without.contains(id);
        if !is_ignored && !self.running.values().any(|running| running == id) && !has_stopped() {
            self.spawn(id.clone(), None);
        }
    }

    /// Starts a task for every contest that has none. After missed notices any contest may be new.
    async fn ensure_all_tasks(&mut self) {
        match self.context.stores.database.contests().await {
            Ok(records) => records.iter().for_each(|record| self.ensure_task(record.id())),
            Err(error) => {
                tracing::error!(%error, "contests could not be listed");
                // Delivers the notice again, so that the listing is repeated.
                tokio::time::sleep(self.context.settings.retry_after).await;
                self.context.stores.hub.deliver(Notice::Missed);
            }
        }
    }

    fn handle_exit(&mut self, exit: Result<(Id, Exit), JoinError>) {
        let task = match &exit {
            Ok((task, _)) => *task,
            Err(error) => error.id(),
        };
        let Some(id) = self.running.remove(&task) else { return };
        match exit {
            // A new draft can have the same id.
            Ok((_, Exit::Deleted)) => self.ensure_task(&id),
            Ok((_, Exit::Absent | Exit::Failed | Exit::Shutdown | Exit::RetryLater)) => {}
            Err(error) => self.context.report_failure(&id, &error),
        }
    }
}
