//! What a contest is certified as: what contests that take their entries from it are bound to.

use acclaim_contest::{ContestId, Phase, Rounds};

use crate::{
    Command, CommandOutcome, Database,
    command::{CommandFilter, QueuedCommand, for_each_recorded},
    error::{Result, StoreError},
};

/// The newest `certified` entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certification {
    /// Size of the log just after it.
    pub size: u64,
    /// Root of the log there, base64.
    pub root: String,
    /// SHA-256 of the result document, lowercase hex.
    pub result: String,
}

/// What a contest is certified as; `None` if there is no such contest, or it is not certified, or not any more.
///
/// # Errors
/// As any read; `Corrupt` if it is certified and nobody asked for it.
pub async fn certification(database: &dyn Database, contest: &ContestId) -> Result<Option<Certification>> {
    let record = database.contest(contest).await?;
    if record.is_none_or(|record| record.state.phase != Phase::Certified) {
        return Ok(None);
    }
    let mut newest = None;
    let take = |queued: QueuedCommand, outcome| newest = Some((queued.command, outcome));
    for_each_recorded(database, contest, CommandFilter::Certifications, take).await?;
    match newest {
        Some((Command::Certify { result, .. }, CommandOutcome::Recorded { size, root, .. })) => {
            Ok(Some(Certification { size, root, result }))
        }
        _ => Err(StoreError::Corrupt(format!("{contest} is certified, and no command certified it"))),
    }
}

/// Whether a contest was ever certified, also if it has been reopened since.
///
/// # Errors
/// As any read.
pub async fn was_certified(database: &dyn Database, contest: &ContestId) -> Result<bool> {
    Ok(!database.recorded_commands(contest, CommandFilter::Certifications, 0, 1).await?.is_empty())
}

/// Why a contest whose entries come from another one cannot open: that one must still be certified with the very result. `None` if it can. What happens
/// to the other contest after this was asked does not matter any more: the opened log is bound to that result.
///
/// # Errors
/// As [`certification`].
pub async fn find_opening_obstacle(database: &dyn Database, rounds: &Rounds) -> Result<Option<String>> {
    let from = &rounds.from;
    let Some(previous) = &rounds.previous else {
        return Ok(Some(format!(
            "the champions of {from} have not been looked up: put the definition again"
        )));
    };
    let bound =
        Certification { size: previous.size, root: previous.root.clone(), result: previous.result.clone() };
    Ok(match certification(database, from).await? {
        Some(found) if found == bound => None,
        Some(_) => Some(format!(
            "{from} was certified again since its champions were looked up: put the definition again"
        )),
        None => Some(format!("{from} is not certified any more")),
    })
}
