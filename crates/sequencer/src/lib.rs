//! The sequencer: the only writer of each contest's log. It drains the intake, admits, orders, appends and publishes; staff commands go through it in
//! order with the ballots; it opens and closes contests at their instants.
//!
//! One task a contest owns all state of that contest's log (`log::Log`). State is built by replaying the ledger, at start and after any
//! failed append, by the code that audits.

mod batch;
mod contest;
mod events;
mod log;
mod publish;

use std::{collections::HashMap, sync::Arc, time::Duration};

use acclaim_contest::ContestId;
use acclaim_store::{
    Keyring, Stores,
    hub::{Notice, Recording},
};
use tokio::{
    sync::{broadcast::error::RecvError, watch},
    task::{Id, JoinSet},
};

pub use log::LoadError;

/// What an installation can set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long after the closing instant a ballot that arrived in time can still be on its way: the API's longest request
    /// deadline and a margin. `closed` is appended after it.
    pub grace: Duration,
    /// Most ballots of one append.
    pub batch: usize,
    /// Shortest time between two publications of a live tally.
    pub publish_every: Duration,
    /// How long to wait after a failure before trying again.
    pub retry_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(6),
            batch: 4_096,
            publish_every: Duration::from_millis(250),
            retry_after: Duration::from_millis(500),
        }
    }
}

/// What every contest's task needs.
#[derive(Clone)]
struct Context {
    stores: Stores,
    keyring: Arc<Keyring>,
    settings: Settings,
}

/// All contests' tasks.
pub struct Sequencer {
    context: Context,
    tasks: JoinSet<()>,
    /// Which contest a task is for.
    running: HashMap<Id, ContestId>,
    stop: watch::Receiver<bool>,
    notices: tokio::sync::broadcast::Receiver<Notice>,
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
        let context = Context { stores, keyring, settings };
        let mut sequencer = Self { context, tasks: JoinSet::new(), running: HashMap::new(), stop, notices };
        for record in contests {
            let task = contest::ContestTask::load(&sequencer.context, record).await?;
            sequencer.spawn(task);
        }
        Ok(sequencer)
    }

    fn spawn(&mut self, task: contest::ContestTask) {
        let id = task.id().clone();
        let handle = self.tasks.spawn(task.run(self.stop.clone()));
        self.running.insert(handle.id(), id);
    }

    /// Works until told to stop; returns when every contest's task has ended.
    pub async fn run(mut self) {
        while !*self.stop.borrow() {
            tokio::select! {
                _ = self.stop.changed() => break,
                notice = self.notices.recv() => match notice {
                    Ok(Notice::ContestChanged(id)) => self.begin(&id).await,
                    Err(RecvError::Lagged(_)) => self.begin_all().await,
                    Ok(_) => {}
                    Err(RecvError::Closed) => break,
                },
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended).await,
            }
        }
        while self.tasks.join_next().await.is_some() {}
    }

    /// Starts a task for a contest that has none.
    async fn begin(&mut self, id: &ContestId) {
        if self.running.values().any(|running| running == id) {
            return;
        }
        match self.context.stores.database.contest(id).await {
            Ok(Some(record)) => match contest::ContestTask::load(&self.context, record).await {
                Ok(task) => self.spawn(task),
                Err(error) => stopped(&self.context, id, &error),
            },
            Ok(None) => {}
            Err(error) => stopped(&self.context, id, &error),
        }
    }

    /// After missed notices: any contest may be new.
    async fn begin_all(&mut self) {
        match self.context.stores.database.contests().await {
            Ok(records) => {
                for record in records {
                    self.begin(record.id()).await;
                }
            }
            Err(error) => tracing::error!(%error, "contests cannot be listed"),
        }
    }

    async fn ended(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        let task = match &ended {
            Ok((task, ())) => *task,
            Err(error) => error.id(),
        };
        let Some(id) = self.running.remove(&task) else { return };
        match ended {
            // Deleted, and perhaps created again under the same id meanwhile.
            Ok(_) if !self.is_stopped(&id) => self.begin(&id).await,
            Ok(_) => {}
            Err(error) => stopped(&self.context, &id, &error),
        }
    }

    fn is_stopped(&self, id: &ContestId) -> bool {
        let recording = self.context.stores.hub.recording();
        recording.iter().any(|(contest, state)| contest == id && matches!(state, Recording::Stopped(_)))
    }
}

fn stopped(context: &Context, id: &ContestId, error: &dyn std::fmt::Display) {
    tracing::error!(contest = %id, %error, "recording has stopped");
    context.stores.hub.set_recording(id, Recording::Stopped(error.to_string()));
}
