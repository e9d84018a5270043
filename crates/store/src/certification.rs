//! Certifications: the certified result of a contest, to which a following contest is bound.
//!
//! A following contest takes its entries from the champions of this one.

use acclaim_contest::{ContestId, Phase, Rounds};

use crate::{
    Command, CommandOutcome, Database,
    command::{CommandFilter, QueuedCommand, for_each_recorded},
    error::{Result, StoreError},
};

/// The newest `certified` entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certification {
    /// Size of the log including this entry.
    pub size: u64,
    /// Root of the log at this size, base64.
    pub root: String,
    /// SHA-256 of the result document, lowercase hex.
    pub result: String,
}

/// The current certification of a contest.
///
/// `None` if there is no such contest, or if it is not certified or was reopened.
///
/// # Errors
/// The errors of a read. `Corrupt` if the contest is certified but no command certified it.
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
        _ => Err(StoreError::Corrupt(format!("{contest} is certified, but no command certified it"))),
    }
}

/// Whether a contest was ever certified, even if it was reopened later.
///
/// # Errors
/// The errors of a read.
pub async fn was_certified(database: &dyn Database, contest: &ContestId) -> Result<bool> {
    Ok(!database.recorded_commands(contest, CommandFilter::Certifications, 0, 1).await?.is_empty())
}

/// The reason why a contest with entries from another one cannot open; `None` if it can.
///
/// The other contest must still be certified with exactly the result that the definition names.
/// Later changes of the other contest do not matter: the opened log is bound to that result.
///
/// # Errors
/// The errors of [`certification`].
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
        Some(current) if current == bound => None,
        Some(_) => Some(format!(
            "{from} was certified again since its champions were looked up: put the definition again"
        )),
        None => Some(format!("{from} is not certified any more")),
    })
}
