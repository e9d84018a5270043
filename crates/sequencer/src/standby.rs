//! What a process does for one contest: it sequences it while it has the lease, and follows the log of whoever has it otherwise, so that taking over
//! means reading the last entries and not the whole log.

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
    Context,
    contest::{ContestTask, Exit},
    inbox::concerns,
    log::catch_up,
    log_reader::{LoadError, LogReader},
};

/// Sequences a contest or stands by, until it is gone, damaged, or the process stops. `task` is what was loaded at the process's start.
pub(crate) async fn sequence(
    context: Context,
    id: ContestId,
    mut task: Option<ContestTask>,
    mut stop: watch::Receiver<bool>,
) -> Exit {
    let mut standby = Standby::new(&context, &id);
    loop {
        let ended = match task.take() {
            Some(task) => {
                let (ended, session) = task.run(stop.clone()).await;
                standby.session = Some(session);
                ended
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
                // Whatever goes wrong is this contest's alone.
                Err(LoadError::Store(error)) => {
                    tracing::warn!(contest = %id, %error, "a contest cannot be read");
                    context.stores.hub.set_recording(&id, Recording::Failing(error.to_string()));
                    Exit::RetryLater
                }
                Err(damage) => {
                    context.report_failure(&id, &damage);
                    Exit::Failed
                }
            },
        };
        let waits = async {
            match ended {
                Exit::RetryLater => standby.wait().await,
                Exit::Failed => standby.wait_until_gone().await,
                _ => {}
            }
        };
        tokio::select! {
            biased;
            () = waits => if ended != Exit::RetryLater {
                return ended;
            },
            _ = stop.changed() => return Exit::Shutdown,
        }
    }
}

enum TakeoverOutcome {
    /// This process has the lease.
    Task(Box<ContestTask>),
    /// Another one has it.
    Elsewhere,
    /// There is no such contest.
    Absent,
}

/// A process's place beside whoever has the lease.
struct Standby<'a> {
    context: &'a Context,
    id: &'a ContestId,
    notices: Receiver<Notice>,
    /// The contest as it was when its last change was heard of. A definition can be large: it is not read at each look.
    known: Option<ContestRecord>,
    /// Its session, as far as it is known.
    session: Option<Session>,
    /// Its log as far as it has been read.
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
            // Where nobody votes taking over may take its time, and memory is better spent.
            if !record.state.phase.is_voting() {
                self.followed = None;
                return Ok(TakeoverOutcome::Elsewhere);
            }
        }
        let reading = match &mut self.followed {
            Some(reading) => reading,
            followed => followed.insert(LogReader::new(&context.keyring, id)?),
        };
        if !leased {
            return match catch_up(reading, &context.stores).await {
                // A contest can be deleted while its log is read.
                Err(_) if matches!(context.stores.database.contest(id).await, Ok(None)) => {
                    Ok(TakeoverOutcome::Absent)
                }
                caught_up => caught_up.map(|()| TakeoverOutcome::Elsewhere),
            };
        }
        // Here, so that what has been read is not lost with a store that fails under way.
        context.while_leased(id, catch_up(reading, &context.stores)).await?;
        let reading = match self.followed.take() {
            Some(reading) => reading,
            None => LogReader::new(&context.keyring, id)?,
        };
        self.known = None;
        Ok(TakeoverOutcome::Task(Box::new(ContestTask::load(context, id, reading).await?)))
    }

    /// Waits until it is time to look again who has the lease. What is heard of the contest meanwhile is read anew then.
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

    /// Waits until the contest is deleted, and clears up behind it.
    async fn wait_until_gone(&mut self) {
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
