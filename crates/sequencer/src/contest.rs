//! One contest's task: takes what comes next (an instant, a command, ballots) and records it.

use std::sync::Arc;

use acclaim_contest::{ContestId, Phase};
use acclaim_store::{
    ContestRecord, StoreError,
    hub::{Figures, Notice, Recording},
    intake::Session,
};
use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::{
        broadcast::{
            Receiver,
            error::{RecvError, TryRecvError},
        },
        watch,
    },
    task::JoinSet,
    time::Instant,
};

use crate::{
    Context,
    batch::Batch,
    clock_jump::{ClockJump, RETRY_DELAY},
    leases::HeldLease,
    log::Log,
    projection::{Reconciled, apply, reconcile},
    publish::Pace,
    reading::{LoadError, Reading},
    witnessing,
};

/// How often passes issued meanwhile are written into the log while voting goes on.
const ISSUED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// How long a contest that could not open waits before it tries again.
const OPENING_AGAIN: SignedDuration = SignedDuration::from_secs(1);

/// The owner of one contest's log, as long as it holds the contest's lease.
pub(crate) struct ContestTask {
    pub(crate) context: Context,
    pub(crate) record: ContestRecord,
    pub(crate) log: Log,
    notices: Receiver<Notice>,
    /// The instant of a closing that an organiser has asked for, until it is done.
    pub(crate) closing: Option<acclaim_contest::Instant>,
    /// Whether the command table may hold something new.
    pub(crate) commands_wait: bool,
    /// Whether the contest may have been changed by somebody else.
    pub(crate) may_have_changed: bool,
    /// When the newest publication was made; `None` if the log has moved on since a publication is due at once.
    pub(crate) published: Option<Timestamp>,
    /// Whether the log has moved on since the newest publication.
    pub(crate) unpublished: bool,
    /// Where readers say that they wait for a publication.
    pub(crate) figures: Arc<Figures>,
    /// How often publications are made.
    pub(crate) pace: Pace,
    /// When passes issued were last looked at.
    pub(crate) issued_checked: Timestamp,
    /// When the lease is to be prolonged.
    pub(crate) renew: Instant,
    /// Since when the lease lasts.
    pub(crate) leased: Instant,
    /// Has it prolonged with the process's others.
    _held: HeldLease,
    /// When it was made up last for what may have gone wrong beside the ledger.
    pub(crate) made_up: Option<Instant>,
    /// Why the contest did not open at its instant, and when it tries again.
    refused_opening: Option<(String, Timestamp)>,
    /// What is known of a clock that was set while the process ran.
    pub(crate) clock_jump: ClockJump,
    /// Whether a store did not answer when it was last asked.
    pub(crate) stores_away: bool,
    /// Has witnesses cosign; ends with the task, and is waited for by nobody.
    witnessing: JoinSet<()>,
}

/// Why a step ended the loop.
pub(crate) enum Halt {
    /// A store did not answer, and state is as the ledger has it: wait and do it again.
    Wait(StoreError),
    /// State may differ from the ledger: drop it and load again.
    Reload(StoreError),
    /// The task is to end.
    End(Ended),
}

/// Why a contest's task has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The contest was deleted.
    Gone,
    /// There was no contest when the task began.
    Absent,
    /// Another process has the lease, or the database was away at the start: try again later.
    Waiting,
    /// Somebody has to mend the cause.
    Stopped,
    /// The process ends.
    Told,
}

impl Halt {
    /// After a call on which state does not depend.
    pub(crate) fn of_call(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Unknown(_) => Self::Wait(error),
            other => Self::Reload(other),
        }
    }
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Reload(error)
    }
}

pub(crate) type Step = Result<(), Halt>;

impl ContestTask {
    /// Replays the contest's log, as far as it has not been read yet, and publishes what it says. The caller holds the lease.
    pub(crate) async fn load(
        context: &Context,
        record: ContestRecord,
        reading: Reading,
    ) -> Result<Self, LoadError> {
        let hub = &context.stores.hub;
        let id = record.id().clone();
        let notices = hub.subscribe();
        hub.set_recording(record.id(), Recording::Loading);
        let taking_over = Log::take_over(reading, &context.stores);
        let (mut log, definition) = context.while_leased(record.id(), taking_over).await?;
        let reconciling = reconcile(&context.stores, record, &mut log, definition);
        let Reconciled { record, closing } = context.while_leased(&id, reconciling).await?;
        let now = context.stores.clock.now();
        let witnessing = witnessing::begin(context, record.id(), log.newest());
        let mut task = Self {
            context: context.clone(),
            record,
            log,
            notices,
            closing,
            commands_wait: true,
            may_have_changed: true,
            published: None,
            unpublished: true,
            figures: hub.figures(&id),
            pace: Pace::default(),
            issued_checked: now,
            renew: Instant::now(),
            leased: Instant::now(),
            _held: context.held.hold(&id),
            made_up: None,
            refused_opening: None,
            clock_jump: ClockJump::accepting(context.stores.clock.jump()),
            stores_away: false,
            witnessing,
        };
        task.set_recording(Recording::Well);
        task.publish_if_due(now);
        // What was committed without anybody hearing of it may have changed how the contest stands, and what became of ballots that wait.
        context.stores.hub.send(Notice::ContestChanged(task.id().clone()));
        Ok(task)
    }

    pub(crate) fn id(&self) -> &ContestId {
        self.record.id()
    }

    /// Works until the contest is deleted, damaged, another's, or the process stops. Returns the session of then, too.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) -> (Ended, Session) {
        let stores = self.context.stores.clone();
        let ended = loop {
            // Where there is always something to do nobody waits for this.
            if *stop.borrow() {
                break Ended::Told;
            }
            let halt = match self.step(&mut stop).await {
                Ok(()) => continue,
                Err(halt) => halt,
            };
            match halt {
                Halt::End(ended) => break ended,
                Halt::Wait(error) => {
                    if let Err(Halt::End(ended)) = self.wait_for_stores(&error, &mut stop).await {
                        break ended;
                    }
                }
                Halt::Reload(error) => match self.reload(error, &mut stop).await {
                    Ok(()) => {}
                    Err(ended) => break ended,
                },
            }
        };
        match ended {
            Ended::Gone => {
                self.witnessing.shutdown().await;
                self.context.forget(&self.record.session()).await;
            }
            Ended::Waiting => stores.hub.set_recording(self.id(), Recording::Elsewhere),
            Ended::Absent | Ended::Stopped => {}
            Ended::Told => {
                let id = self.id();
                if let Err(error) = stores.database.give_lease_back(id, self.context.holder).await {
                    tracing::warn!(contest = %id, %error, "the lease runs out by itself");
                }
            }
        }
        (ended, self.record.session())
    }

    /// Drops all state and builds it anew, as often as it takes.
    async fn reload(&mut self, mut error: StoreError, stop: &mut watch::Receiver<bool>) -> Result<(), Ended> {
        loop {
            tracing::warn!(contest = %self.id(), %error, "recording fails");
            self.set_recording(Recording::Failing(error.to_string()));
            tokio::select! {
                _ = stop.changed() => return Err(Ended::Told),
                () = tokio::time::sleep(self.context.settings.retry_after) => {}
            }
            let database = &self.context.stores.database;
            let record = match database.contest(self.id()).await {
                Ok(Some(record)) => record,
                Ok(None) => return Err(Ended::Gone),
                Err(again) => {
                    error = again;
                    continue;
                }
            };
            match self.context.take_lease(self.id()).await {
                Ok(true) => {}
                Ok(false) => return Err(Ended::Waiting),
                Err(again) => {
                    error = again;
                    continue;
                }
            }
            let loaded = match Reading::new(&self.context.keyring, self.id()) {
                Ok(reading) => Self::load(&self.context, record, reading).await,
                Err(error) => Err(error),
            };
            match loaded {
                Ok(task) => {
                    let clock_jump = std::mem::take(&mut self.clock_jump);
                    *self = Self { clock_jump, ..task };
                    return Ok(());
                }
                Err(LoadError::Store(again)) => error = again,
                Err(damage) => {
                    self.context.stopped(self.id(), &damage);
                    return Err(Ended::Stopped);
                }
            }
        }
    }

    pub(crate) fn set_recording(&self, recording: Recording) {
        self.context.stores.hub.set_recording(self.id(), recording);
    }

    /// Does the next thing, or waits for one.
    async fn step(&mut self, stop: &mut watch::Receiver<bool>) -> Step {
        let stores = self.context.stores.clone();
        let now = stores.clock.now();
        self.keep_lease().await?;
        self.publish_if_due(now);
        if self.may_have_changed {
            self.look_again().await?;
        }
        if self.stores_away && self.stores_answer().await {
            self.stores_away = false;
            self.set_recording(Recording::Well);
        }
        let phase = self.record.state.phase;
        let is_due = self.is_due();
        match phase {
            Phase::Draft if is_due => return self.open_by_itself(now).await,
            Phase::Open | Phase::Suspended if self.session_waits() => return self.enter_session().await,
            Phase::Open | Phase::Suspended if is_due => return self.close(now).await,
            Phase::Open | Phase::Suspended if self.is_issued_due(now) => {
                self.log_issued(now).await?;
            }
            _ => {}
        }
        if std::mem::take(&mut self.commands_wait) {
            self.work_off_commands(now).await?;
            // Of commands there may be no end.
            return self.record_waiting().await;
        }
        let session = self.record.session();
        let (cursors, most) = (self.log.cursors.clone(), self.context.settings.batch);
        // While voting is suspended too: a ballot that slips through is rejected, and its voter learns it.
        let takes_ballots = self.record.state.phase.is_voting();
        let (id, wake, renew) = (self.id().clone(), self.next_instant(), self.renew);
        let waits_for_clock = self.clock_jump.is_waiting;
        let figures = Arc::clone(&self.figures);
        // Kept over notices that concern others: begun anew for each, it would never end while they are busy.
        let mut drain = std::pin::pin!(stores.intake.drain(&session, &cursors, most));
        loop {
            tokio::select! {
                biased;
                _ = stop.changed() => return Err(Halt::End(Ended::Told)),
                notice = self.notices.recv() => {
                    if concerns(&notice, &id) {
                        return self.heed(notice);
                    }
                }
                drained = &mut drain, if takes_ballots => {
                    return match drained {
                        Ok(drained) => self.take(drained).await,
                        Err(error) => Err(Halt::of_call(error)),
                    };
                }
                () = figures.wanted() => return Ok(()),
                () = sleep_until(&stores, wake) => return Ok(()),
                () = tokio::time::sleep_until(renew) => return Ok(()),
                () = tokio::time::sleep(RETRY_DELAY), if waits_for_clock => return Ok(()),
            }
        }
    }

    /// From then on, by this process's clock, no ballot that arrived in time can still be on its way to the intake. API processes keep to the intake's
    /// clock: where that is behind, the sealing waits for it.
    pub(crate) fn sealing_time(&self) -> Timestamp {
        let grace = SignedDuration::try_from(self.context.settings.grace).unwrap_or(SignedDuration::MAX);
        let behind = self.context.stores.intake.condition().slowest.min(SignedDuration::ZERO);
        let grace = grace.saturating_sub(behind);
        self.record.state.closes.timestamp().saturating_add(grace).unwrap_or(Timestamp::MAX)
    }

    /// When the contest opens by itself, or tries again.
    pub(crate) fn opening_time(&self) -> Timestamp {
        let again = self.refused_opening.as_ref().map_or(Timestamp::MIN, |(_, again)| *again);
        again.max(self.record.definition.opens.timestamp())
    }

    /// Opens at the contest's instant, unless it cannot: then it keeps trying, and each reason is told once.
    async fn open_by_itself(&mut self, now: Timestamp) -> Step {
        let refused = self.refuses_opening().await.map_err(Halt::of_call)?;
        let Some(why) = refused.or_else(|| self.refused_texts()) else {
            return self.open(self.record.definition.opens, Vec::new()).await;
        };
        if self.refused_opening.as_ref().is_none_or(|(told, _)| *told != why) {
            tracing::warn!(contest = %self.id(), why, "the contest cannot open");
        }
        self.refused_opening = Some((why, now.saturating_add(OPENING_AGAIN).unwrap_or(Timestamp::MAX)));
        Ok(())
    }

    /// Whether passes issued are to be looked at. After a clock was set back that instant lies ahead.
    fn is_issued_due(&self, now: Timestamp) -> bool {
        now < self.issued_checked || now.duration_since(self.issued_checked) >= ISSUED_EVERY
    }

    /// When the clock gives the next reason to act.
    fn next_instant(&self) -> Option<Timestamp> {
        let publish = self.unpublished.then(|| self.publish_time());
        let phase = match self.record.state.phase {
            Phase::Draft | Phase::Open | Phase::Suspended if self.clock_jump.is_waiting => None,
            Phase::Draft => Some(self.opening_time()),
            Phase::Open | Phase::Suspended => {
                let issued = self.issued_checked.saturating_add(ISSUED_EVERY).unwrap_or(Timestamp::MAX);
                Some(self.sealing_time().min(issued))
            }
            Phase::Closed | Phase::Frozen | Phase::Certified => None,
        };
        publish.into_iter().chain(phase).min()
    }

    /// Acts on a notice that concerns the contest, and on those that have come behind it.
    fn heed(&mut self, first: Result<Notice, RecvError>) -> Step {
        self.commands_wait = true;
        let mut next = Some(first);
        while let Some(notice) = next {
            match notice {
                Ok(Notice::CommandQueued(_)) => {}
                Err(RecvError::Closed) => return Err(Halt::End(Ended::Told)),
                // The contest has changed, or anything may have.
                other => self.may_have_changed |= concerns(&other, self.id()),
            }
            next = match self.notices.try_recv() {
                Ok(notice) => Some(Ok(notice)),
                Err(TryRecvError::Lagged(missed)) => Some(Err(RecvError::Lagged(missed))),
                Err(TryRecvError::Empty | TryRecvError::Closed) => None,
            };
        }
        Ok(())
    }

    /// Drafts are edited, and drafts and tests deleted, by others than this task.
    async fn look_again(&mut self) -> Step {
        let database = &self.context.stores.database;
        if database.revision(self.id()).await.map_err(Halt::of_call)? == Some(self.record.version()) {
            self.may_have_changed = false;
            return Ok(());
        }
        let record = database.contest(self.id()).await.map_err(Halt::of_call)?;
        let record = record.ok_or(Halt::End(Ended::Gone))?;
        match (self.record.state.phase, record.state.phase) {
            (Phase::Draft, Phase::Draft) => {
                self.record = record;
                self.refused_opening = None;
                self.may_have_changed = false;
            }
            _ => return Err(StoreError::Conflict("the contest is not the one it was".to_owned()).into()),
        }
        Ok(())
    }

    /// Commits a batch, with what follows from it for the contest's row, and tells everyone.
    pub(crate) async fn commit(&mut self, batch: Batch) -> Step {
        let change = self.change_by(&batch)?;
        let closing = batch.closing.or(self.closing);
        let moved = batch.cursors.as_ref().is_some_and(|cursors| *cursors != self.log.cursors);
        if batch.is_empty() && change.is_none() && !moved {
            return Ok(());
        }
        let session = self.record.session();
        let decided = self.log.commit(&self.context.stores, &session, batch, change.clone()).await?;
        let hub = Arc::clone(&self.context.stores.hub);
        self.unpublished = true;
        let changed = change.is_some();
        if let Some(change) = change {
            apply(&mut self.record, change);
        }
        self.closing = closing;
        // Whoever hears of a ruling finds it in the figures.
        if !decided.commands.is_empty() || changed {
            self.published = None;
            self.publish_if_due(self.context.stores.clock.now());
        } else if self.pace.comes_before_answers() {
            self.publish_if_due(self.context.stores.clock.now());
        }
        hub.send(Notice::Decided(Arc::new(decided)));
        if changed {
            hub.send(Notice::ContestChanged(self.id().clone()));
        }
        Ok(())
    }
}

/// An entry of the sequencer's own making that the log does not admit.
pub(crate) fn damaged(error: &acclaim_tally::ReplayError) -> StoreError {
    StoreError::Corrupt(format!("an entry that must be admitted is not: {error}"))
}

/// Whether a notice is a reason for a contest's task to act.
pub(crate) fn concerns(notice: &Result<Notice, RecvError>, contest: &ContestId) -> bool {
    match notice {
        Ok(Notice::CommandQueued(id) | Notice::ContestChanged(id)) => id == contest,
        Ok(Notice::Missed) | Err(_) => true,
        Ok(_) => false,
    }
}

async fn sleep_until(stores: &acclaim_store::Stores, time: Option<Timestamp>) {
    match time {
        Some(time) => stores.clock.sleep_until(time).await,
        None => std::future::pending().await,
    }
}
