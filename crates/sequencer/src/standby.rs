//! What a process does for one contest: it sequences it while it has the lease, and follows the log of whoever has it otherwise, so that taking over
//! means reading the last entries and not the whole log.

use acclaim_contest::ContestId;
use acclaim_store::{ContestRecord, Phase, StoreError, hub::Recording};
use tokio::sync::watch;

use crate::{
    Context,
    contest::{ContestTask, Ended},
    log::catch_up,
    reading::{LoadError, Reading},
};

/// Sequences a contest or stands by, until it is gone, damaged, or the process stops. `task` is what was loaded at the process's start.
pub(crate) async fn sequence(
    context: Context,
    id: ContestId,
    mut task: Option<ContestTask>,
    mut stop: watch::Receiver<bool>,
) -> Ended {
    let mut followed = None;
    loop {
        let ended = match task.take() {
            Some(task) => task.run(stop.clone()).await,
            None => match begin(&context, &id, &mut followed).await {
                Ok(Begun::Task(loaded)) => {
                    task = Some(*loaded);
                    continue;
                }
                Ok(Begun::Elsewhere) => Ended::Waiting,
                Ok(Begun::Absent) => {
                    context.stores.hub.forget(&id);
                    Ended::Absent
                }
                // Whatever goes wrong is this contest's alone.
                Err(LoadError::Store(error)) => {
                    tracing::warn!(contest = %id, %error, "a contest cannot be read");
                    context.stores.hub.set_recording(&id, Recording::Failing(error.to_string()));
                    Ended::Waiting
                }
                Err(damage) => {
                    context.stopped(&id, &damage);
                    Ended::Stopped
                }
            },
        };
        if ended != Ended::Waiting {
            return ended;
        }
        tokio::select! {
            _ = stop.changed() => return Ended::Told,
            () = tokio::time::sleep(context.settings.lease / 4) => {}
        }
    }
}

enum Begun {
    /// This process has the lease.
    Task(Box<ContestTask>),
    /// Another one has it.
    Elsewhere,
    /// There is no such contest.
    Absent,
}

async fn begin(
    context: &Context,
    id: &ContestId,
    followed: &mut Option<Reading>,
) -> Result<Begun, LoadError> {
    let Some((record, leased)) = take(context, id).await? else { return Ok(Begun::Absent) };
    if !leased {
        context.stores.hub.set_recording(id, Recording::Elsewhere);
        // Where nobody votes taking over may take its time, and memory is better spent.
        if record.state.phase != Phase::Open {
            *followed = None;
            return Ok(Begun::Elsewhere);
        }
    }
    let reading = match followed {
        Some(reading) => reading,
        None => followed.insert(Reading::new(&context.keyring, id)?),
    };
    if !leased {
        return match catch_up(reading, &context.stores).await {
            // A contest can be deleted while its log is read.
            Err(_) if matches!(context.stores.database.contest(id).await, Ok(None)) => Ok(Begun::Absent),
            caught_up => caught_up.map(|()| Begun::Elsewhere),
        };
    }
    // Here, so that what has been read is not lost with a store that fails under way.
    context.while_leased(id, catch_up(reading, &context.stores)).await?;
    let reading = match followed.take() {
        Some(reading) => reading,
        None => Reading::new(&context.keyring, id)?,
    };
    Ok(Begun::Task(Box::new(ContestTask::load(context, record, reading).await?)))
}

/// The contest's record, and whether its lease was to be had; `None` if it is gone.
async fn take(context: &Context, id: &ContestId) -> Result<Option<(ContestRecord, bool)>, StoreError> {
    match context.stores.database.contest(id).await? {
        Some(record) => Ok(Some((record, context.take_lease(id).await?))),
        None => Ok(None),
    }
}
