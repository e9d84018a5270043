//! The earlier rounds that a log names.

use acclaim_contest::ContestId;

/// Logs of a chain that are followed, at most.
pub(super) const MAX_ROUNDS: usize = 32;

/// The contest of an origin, if it is of the same installation as another one.
pub(super) fn contest_of(origin: &str, same_as: &str) -> Option<ContestId> {
    let (installation, contest) = origin.rsplit_once('/')?;
    let (same, _) = same_as.rsplit_once('/')?;
    if installation == same { contest.parse().ok() } else { None }
}
