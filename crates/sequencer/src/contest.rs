//! The task of one contest. It takes the next event (an instant, a command, ballots) and records
//! it.

use std::sync::Arc;

use acclaim_contest::{ContestId, Phase};
use acclaim_store::{
    ContestRecord, StoreError,
    hub::{Notice, Recording},
    intake::Session,
};
use jiff::Timestamp;
use tokio::{sync::watch, task::JoinSet};

use crate::{
    batch::Batch,
    context::Context,
    inbox::{HubClosed, Inbox},
    leases::LeaseTerm,
    log::Log,
    log_reader::{LoadError, LogReader},
    projection::{Reconciliation, apply, derive_change, reconcile},
    publish::Publisher,
    schedule::{RETRY_DELAY, Schedule},
    witnessing,
};

/// The owner of one contest's log while this process holds the contest's lease.
pub(crate) struct ContestTask {
    pub(crate) context: Context,
    pub(crate) record: ContestRecord,
    pub(crate) log: Log,
    pub(crate) inbox: Inbox,
    pub(crate) schedule: Schedule,
    pub(crate) publisher: Publisher,
    pub(crate) lease: LeaseTerm,
    /// Whether a store did not answer the last call.
    pub(crate) stores_away: bool,
    /// Has witnesses cosign checkpoints. It ends with the task, and nothing waits for it.
    witnessing: JoinSet<()>,
}

/// The reason why a step ended the loop.
pub(crate) enum StepError {
    /// A store did not answer, and the state equals the ledger's: wait, then repeat the step.
    Wait(StoreError),
    /// The state may differ from the ledger: drop it and load again.
    Reload(StoreError),
    /// The task must end.
    End(Exit),
}

/// The reason why a contest's task has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The contest was deleted.
    Deleted,
    /// There was no contest when the task began.
    Absent,
    /// Another process has the lease, or the database did not answer at the start: try again later.
    RetryLater,
    /// The operator must repair the cause.
    Failed,
    /// The process ends.
    Shutdown,
}

impl StepError {
    /// Converts the error of a call on which the task's state does not depend.
    pub(crate) fn retry_or_reload(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Unknown(_) => Self::Wait(error),
            other => Self::Reload(other),
        }
    }
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        Self::Reload(error)
    }
}

pub(crate) type StepResult = Result<(), StepError>;

impl ContestTask {
    /// Replays the unread part of the contest's log, and publishes its figures.
    ///
    /// The caller holds the lease.
    #[tracing::instrument(level = "debug", skip_all, fields(contest = %id))]
    pub(crate) async fn load(
        context: &Context,
        id: &ContestId,
        reader: LogReader,
    ) -> Result<Self, LoadError> {
        let hub = &context.stores.hub;
        let notices = hub.subscribe();
        hub.set_recording(id, Recording::Loading);
        let take_over = Log::take_over(reader, &context.stores);
        let (mut log, definition) = context.while_leased(id, take_over).await?;
        let reconcile_tables = reconcile(&context.stores, id, &mut log, definition);
        let Reconciliation { record, closing } = context.while_leased(id, reconcile_tables).await?;
        let witnessing = witnessing::begin(context, record.id(), log.newest());
        let mut task = Self {
            context: context.clone(),
            record,
            log,
            inbox: Inbox::new(id, notices),
            schedule: Schedule::new(&context.stores, context.settings.grace, closing),
            publisher: Publisher::new(&context.stores, id, context.settings.publish_interval),
            lease: LeaseTerm::begin(context.held.hold(id)),
            stores_away: false,
            witnessing,
        };
        task.set_recording(Recording::Healthy);
        task.publisher.publish_if_due(&task.log.replay);
        // A commit may have been made without a notice. It may have changed the contest's state or
        // decided waiting ballots.
        context.stores.hub.send(Notice::ContestChanged(task.id().clone()));
        Ok(task)
    }

    pub(crate) fn id(&self) -> &ContestId {
        self.record.id()
    }

    /// Runs until the contest is deleted or damaged, another process has the lease, or the process
    /// stops.
    ///
    /// Returns the session at that time as well.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) -> (Exit, Session) {
        let stores = self.context.stores.clone();
        let exit = loop {
            // The check stands here because a step with constant work may never wait for `stop`.
            if *stop.borrow() {
                break Exit::Shutdown;
            }
            let step_error = match self.step(&mut stop).await {
                Ok(()) => continue,
                Err(step_error) => step_error,
            };
            match step_error {
                StepError::End(exit) => break exit,
                StepError::Wait(error) => {
                    if let Err(StepError::End(exit)) = self.wait_for_stores(&error, &mut stop).await {
                        break exit;
                    }
                }
                StepError::Reload(error) => match self.reload(error, &mut stop).await {
                    Ok(()) => {}
                    Err(exit) => break exit,
                },
            }
        };
        match exit {
            Exit::Deleted => {
                self.witnessing.shutdown().await;
                self.context.forget(&self.record.session()).await;
            }
            Exit::RetryLater => stores.hub.set_recording(self.id(), Recording::Elsewhere),
            Exit::Absent | Exit::Failed => {}
            Exit::Shutdown => {
                let id = self.id();
                if let Err(error) = stores.database.release_lease(id, self.context.holder).await {
                    tracing::warn!(contest = %id, %error, "the lease was not released: it expires by itself");
                }
            }
        }
        (exit, self.record.session())
    }

    /// Drops all state and loads it again, until loading succeeds or the task must end.
    #[tracing::instrument(level = "debug", skip_all, fields(contest = %self.id()))]
    async fn reload(&mut self, mut error: StoreError, stop: &mut watch::Receiver<bool>) -> Result<(), Exit> {
        loop {
            tracing::warn!(contest = %self.id(), %error, "recording fails");
            self.set_recording(Recording::Failing(error.to_string()));
            tokio::select! {
                _ = stop.changed() => return Err(Exit::Shutdown),
                () = tokio::time::sleep(self.context.settings.retry_after) => {}
            }
            let database = &self.context.stores.database;
            match database.revision(self.id()).await {
                Ok(Some(_)) => {}
                Ok(None) => return Err(Exit::Deleted),
                Err(new_error) => {
                    error = new_error;
                    continue;
                }
            }
            match self.context.take_lease(self.id()).await {
                Ok(true) => {}
                Ok(false) => return Err(Exit::RetryLater),
                Err(new_error) => {
                    error = new_error;
                    continue;
                }
            }
            let loaded = match LogReader::new(&self.context.keyring, self.id()) {
                Ok(reader) => Self::load(&self.context, self.id(), reader).await,
                Err(error) => Err(error),
            };
            match loaded {
                Ok(mut task) => {
                    task.schedule.keep_clock_of(&mut self.schedule);
                    *self = task;
                    return Ok(());
                }
                Err(LoadError::Store(new_error)) => error = new_error,
                Err(damage) => {
                    self.context.report_failure(self.id(), &damage);
                    return Err(Exit::Failed);
                }
            }
        }
    }

    pub(crate) fn set_recording(&self, recording: Recording) {
        self.context.stores.hub.set_recording(self.id(), recording);
    }

    /// Does the next piece of work, or waits for one.
    async fn step(&mut self, stop: &mut watch::Receiver<bool>) -> StepResult {
        let stores = self.context.stores.clone();
        self.keep_lease().await?;
        self.publisher.publish_if_due(&self.log.replay);
        if self.inbox.is_record_stale() {
            self.refresh_record().await?;
        }
        if self.stores_away && self.can_reach_stores().await {
            self.stores_away = false;
            self.set_recording(Recording::Healthy);
        }
        let phase = self.record.state.phase;
        let is_due = self.schedule.is_due(&self.record);
        // The clock is read after the waits above and after `is_due`. So no entry is dated before
        // the reading that made it due.
        let now = stores.clock.now();
        match phase {
            Phase::Draft if is_due => return self.open_on_schedule(now).await,
            Phase::Open | Phase::Suspended if self.has_pending_session() => {
                return self.enter_session().await;
            }
            Phase::Open | Phase::Suspended if is_due => return self.close().await,
            Phase::Open | Phase::Suspended if self.schedule.is_issued_due(now) => {
                self.log_issued().await?;
            }
            _ => {}
        }
        if self.inbox.take_commands_wait() {
            self.process_commands().await?;
            // Commands may arrive without end, so waiting ballots are recorded in between.
            return self.record_waiting().await;
        }
        let session = self.record.session();
        let (cursors, max_batch) = (self.log.cursors.clone(), self.context.settings.batch);
        // This is also true while voting is suspended. A ballot that arrives then is rejected, and
        // its voter gets the rejection.
        let takes_ballots = self.record.state.phase.is_voting();
        let (wake, renew) = (self.next_instant(), self.lease.renew());
        let is_waiting_for_clock = self.schedule.is_waiting_for_clock();
        let figures = self.publisher.figures();
        // The future is kept while notices about other contests arrive. If each notice restarted
        // it, it would never finish while other contests are busy.
        let mut drain = std::pin::pin!(stores.intake.drain(&session, &cursors, max_batch));
        tokio::select! {
            biased;
            _ = stop.changed() => Err(StepError::End(Exit::Shutdown)),
            received = self.inbox.wait_for_notice() => received.map_err(|HubClosed| StepError::End(Exit::Shutdown)),
            drain_outcome = &mut drain, if takes_ballots => match drain_outcome {
                Ok(drain_outcome) => self.record_drained(drain_outcome).await,
                Err(error) => Err(StepError::retry_or_reload(error)),
            },
            () = figures.wait_for_reader() => Ok(()),
            () = sleep_until(&stores, wake) => Ok(()),
            () = tokio::time::sleep_until(renew) => Ok(()),
            () = tokio::time::sleep(RETRY_DELAY), if is_waiting_for_clock => Ok(()),
        }
    }

    /// When the clock gives the next reason to act.
    fn next_instant(&self) -> Option<Timestamp> {
        self.publisher.due().into_iter().chain(self.schedule.next_instant(&self.record)).min()
    }

    /// Opens the contest at its instant.
    ///
    /// If the contest cannot open, the task tries again later, and logs each reason once.
    async fn open_on_schedule(&mut self, now: Timestamp) -> StepResult {
        let obstacle = self.find_opening_obstacle().await.map_err(StepError::retry_or_reload)?;
        let Some(why) = obstacle.or_else(|| self.refused_texts()) else {
            return self.open(self.record.definition.opens, Vec::new()).await;
        };
        if self.schedule.note_opening_obstacle(&why, now) {
            tracing::warn!(contest = %self.id(), why, "the contest cannot open");
        }
        Ok(())
    }

    /// Reads the contest's row again.
    ///
    /// Other parts edit drafts, and delete drafts and tests.
    #[tracing::instrument(level = "debug", skip_all, fields(contest = %self.id()))]
    async fn refresh_record(&mut self) -> StepResult {
        let database = &self.context.stores.database;
        if database.revision(self.id()).await.map_err(StepError::retry_or_reload)?
            == Some(self.record.version())
        {
            self.inbox.set_record_stale(false);
            return Ok(());
        }
        let record = database.contest(self.id()).await.map_err(StepError::retry_or_reload)?;
        let record = record.ok_or(StepError::End(Exit::Deleted))?;
        match (self.record.state.phase, record.state.phase) {
            (Phase::Draft, Phase::Draft) => {
                self.record = record;
                self.schedule.forget_refusal();
                self.inbox.set_record_stale(false);
            }
            _ => return Err(StoreError::Conflict("the contest's row changed unexpectedly".to_owned()).into()),
        }
        Ok(())
    }

    /// Commits a batch with the change of the contest's row that follows from it, and sends
    /// notices.
    #[tracing::instrument(level = "debug", skip_all, fields(contest = %self.id()))]
    pub(crate) async fn commit(&mut self, batch: Batch) -> StepResult {
        let closing = self.schedule.requested_closing();
        let change = derive_change(&self.record, self.log.replay.tally(), closing, &batch)?;
        let moves_cursors = batch.cursors.as_ref().is_some_and(|cursors| *cursors != self.log.cursors);
        if batch.is_empty() && change.is_none() && !moves_cursors {
            return Ok(());
        }
        let closing = batch.closing;
        let session = self.record.session();
        let decisions = self.log.commit(&self.context.stores, &session, batch, change.clone()).await?;
        let hub = Arc::clone(&self.context.stores.hub);
        let contest_changed = change.is_some();
        if let Some(change) = change {
            apply(&mut self.record, change);
        }
        if let Some(closing) = closing {
            self.schedule.set_closing(closing);
        }
        self.publisher.handle_log_growth(!decisions.commands.is_empty() || contest_changed, &self.log.replay);
        hub.send(Notice::Decided(Arc::new(decisions)));
        if contest_changed {
            hub.send(Notice::ContestChanged(self.id().clone()));
        }
        Ok(())
    }
}

/// Returns the error for an entry that the sequencer made and the log does not admit.
pub(crate) fn damaged(error: &acclaim_tally::ReplayError) -> StoreError {
    StoreError::Corrupt(format!("the log does not admit an entry of the sequencer: {error}"))
}

async fn sleep_until(stores: &acclaim_store::Stores, time: Option<Timestamp>) {
    match time {
        Some(time) => stores.clock.sleep_until(time).await,
        None => std::future::pending().await,
    }
}
