//! The outcome of a comparison of what a server shows with what it showed before.

use acclaim_ballot_log::Checkpoint;

/// The discrepancies, each with the index of its entry if it has one. Empty if all is right.
pub(super) type Discrepancies = Vec<(Option<u64>, String)>;

/// The outcome of one poll.
pub(super) enum Comparison {
    /// The poll is consistent with all earlier ones.
    Consistent,
    /// The poll is not consistent, but a later one may be.
    Inconclusive(Discrepancies),
    /// The poll is not consistent, and no later one can be.
    Discrepancies(Discrepancies),
}

/// The discrepancy of a checkpoint that has another root than an earlier one of the same size.
pub(super) fn two_roots(checkpoint: &Checkpoint) -> Discrepancies {
    vec![(None, format!("another history: a second root over {} entries", checkpoint.size))]
}
