//! A snapshot of the result that was certified last.
//!
//! A correction compares the next result with it.

use acclaim_contest::EntryId;
use serde::Serialize;

/// The parts of a certified result that a later result is compared with.
#[derive(Debug, Clone)]
pub(crate) struct CertifiedSnapshot {
    /// Log index of the result's `certified` entry.
    pub(crate) index: u64,
    /// SHA-256 of the result document, in lowercase hex.
    pub(crate) result: String,
    pub(crate) categories: Vec<CertifiedCategory>,
}

/// A category of the certified result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertifiedCategory {
    pub(crate) champions: Option<Places>,
    pub(crate) winners: Places,
    /// The standings, in the order of the definition. A withdrawn entry has `None`.
    pub(crate) standings: Vec<(EntryId, Option<RankAndVotes>)>,
    /// The ranking, in the order of the definition. An entry without a figure has `None`.
    ///
    /// Empty if winners have no ranking of their own.
    pub(crate) ranking: Vec<(EntryId, Option<RankAndFigure>)>,
}

/// Entries by place, the first place first. Entries that share a place are in one list.
pub(crate) type Places = Vec<Vec<EntryId>>;

/// The rank and the figure of an entry in the ranking of the winners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RankAndFigure {
    pub(crate) rank: u64,
    pub(crate) figure: String,
    pub(crate) exact: String,
}

/// The rank and the votes of an entry in the standings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct RankAndVotes {
    pub(crate) rank: u64,
    pub(crate) votes: u64,
}
