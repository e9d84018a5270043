//! The earlier rounds of a contest, which a log names.

use acclaim_contest::ContestId;

/// The largest number of logs of a chain that are followed.
pub(super) const MAX_ROUNDS: usize = 32;

/// Returns the contest of an origin, if the origin belongs to the same installation as `same_as`.
pub(super) fn contest_of(origin: &str, same_as: &str) -> Option<ContestId> {
    let (installation, contest) = origin.rsplit_once('/')?;
    let (same, _) = same_as.rsplit_once('/')?;
    if installation == same { contest.parse().ok() } else { None }
}
