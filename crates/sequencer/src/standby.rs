//! The work of one process for one contest.
//!
//! The process sequences the contest while it holds the lease. Otherwise it follows the log of the
//! lease holder. A takeover then reads only the last entries and not the whole log.

use acclaim_contest::ContestId;
use acclaim_store::{
    ContestRecord,
    hub::{Notice, Recording},
    intake::Session,
};
use tokio::{
    sync::{broadcast::Receiver, watch},
    time::{Instant, sleep_until},
};

use crate::{
    contest::{ContestTask, Exit},
    context::Context,
    inbox::concerns,
    log::catch_up,
    log_reader::{LoadError, LogReader},
};

/// Sequences a contest or stands by, until the contest is deleted or damaged, or the process stops.
///
/// `task` is the task that was loaded at the start of the process.
pub(crate) async fn sequence(
    context: Context,
    id: ContestId,
    mut task: Option<ContestTask>,
    mut stop: watch::Receiver<bool>,
) -> Exit {
    let mut standby = Standby::new(&context, &id);
    loop {
        let exit = match task.take() {
            Some(task) => {
                let (exit, session) = task.run(stop.clone()).await;
                standby.session = Some(session);
                exit
            }
            None => match standby.try_take_over().await {
                Ok(TakeoverOutcome::Task(loaded)) => {
                    task = Some(*loaded);
                    continue;
                }
                Ok(TakeoverOutcome::Elsewhere) => Exit::RetryLater,
                Ok(TakeoverOutcome::Absent) => {
                    standby.forget().await;
                    Exit::Absent
                }
                // An error affects only this contest.
                Err(LoadError::Store(error)) => {
                    tracing::warn!(contest = %id, %error, "a contest could not be read");
                    context.stores.hub.set_recording(&id, Recording::Failing(error.to_string()));
                    Exit::RetryLater
                }
                Err(damage) => {
                    context.report_failure(&id, &damage);
                    Exit::Failed
                }
            },
        };
        let wait = async {
            match exit {
                Exit::RetryLater => standby.wait().await,
                Exit::Failed => standby.wait_until_deleted().await,
                _ => {}
            }
        };
        tokio::select! {
            biased;
            () = wait => if exit != Exit::RetryLater {
                return exit;
            },
            _ = stop.changed() => return Exit::Shutdown,
        }
    }
}

enum TakeoverOutcome {
    /// This process has the lease.
    Task(Box<ContestTask>),
    /// Another process has the lease.
    Elsewhere,
    /// There is no such contest.
    Absent,
}

/// A process that does not hold the lease and follows the contest's log.
struct Standby<'a> {
    context: &'a Context,
    id: &'a ContestId,
    notices: Receiver<Notice>,
    /// The contest's row, read after the last notice of a change.
    ///
    /// A definition can be large, so it is not read at each attempt.
    known: Option<ContestRecord>,
    /// The contest's session; `None` if it is unknown.
    session: Option<Session>,
    /// The part of the contest's log that has been read.
    followed: Option<LogReader>,
}

impl<'a> Standby<'a> {
    fn new(context: &'a Context, id: &'a ContestId) -> Self {
        let notices = context.stores.hub.subscribe();
        Self { context, id, notices, known: None, session: None, followed: None }
    }

    async fn try_take_over(&mut self) -> Result<TakeoverOutcome, LoadError> {
        let (context, id) = (self.context, self.id);
        let leased = context.take_lease(id).await?;
        if leased || self.known.is_none() {
            self.known = context.stores.database.contest(id).await?;
        }
        let Some(record) = self.known.clone() else { return Ok(TakeoverOutcome::Absent) };
        self.session = Some(record.session());
        if !leased {
            context.stores.hub.set_recording(id, Recording::Elsewhere);
            // Outside of voting a takeover may be slow, so the memory is freed.
            if !record.state.phase.is_voting() {
                self.followed = None;
                return Ok(TakeoverOutcome::Elsewhere);
            }
        }
        let reader = match &mut self.followed {
            Some(reader) => reader,
            followed => followed.insert(LogReader::new(&context.keyring, id)?),
        };
        if !leased {
            return match catch_up(reader, &context.stores).await {
                // A contest can be deleted while its log is read.
                Err(_) if matches!(context.stores.database.contest(id).await, Ok(None)) => {
                    Ok(TakeoverOutcome::Absent)
                }
                caught_up => caught_up.map(|()| TakeoverOutcome::Elsewhere),
            };
        }
        // The reader stays in `self` while it catches up. If a store fails meanwhile, the read part
        // is kept.
        context.while_leased(id, catch_up(reader, &context.stores)).await?;
        let reader = match self.followed.take() {
            Some(reader) => reader,
            None => LogReader::new(&context.keyring, id)?,
        };
        self.known = None;
        Ok(TakeoverOutcome::Task(Box::new(ContestTask::load(context, id, reader).await?)))
    }

    /// Waits until the next attempt to take the lease.
    ///
    /// If a notice reports a change of the contest meanwhile, the attempt reads the contest's row
    /// again.
    async fn wait(&mut self) {
        let until = Instant::now() + self.context.settings.lease / 4;
        loop {
            tokio::select! {
                notice = self.notices.recv() => if concerns(&notice, self.id) {
                    self.known = None;
                },
                () = sleep_until(until) => return,
            }
        }
    }

    /// Waits until the contest is deleted, and removes its remaining state.
    async fn wait_until_deleted(&mut self) {
        self.followed = None;
        loop {
            match self.context.stores.database.contest(self.id).await {
                Ok(None) => return self.forget().await,
                Ok(Some(record)) => self.session = Some(record.session()),
                Err(_) => {}
            }
            while !concerns(&self.notices.recv().await, self.id) {}
        }
    }

    async fn forget(&self) {
        match &self.session {
            Some(session) => self.context.forget(session).await,
            None => self.context.stores.hub.forget(self.id),
        }
    }
}
