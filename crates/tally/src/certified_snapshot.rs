//! The result that was certified before this one, if any, as far as a correction compares the two.

use acclaim_contest::EntryId;
use serde::Serialize;

/// A result as it was certified, as far as a later one is compared with it.
#[derive(Debug, Clone)]
pub(crate) struct CertifiedSnapshot {
    /// Log index of its `certified` entry.
    pub(crate) index: u64,
    /// SHA-256 of its document, lowercase hex.
    pub(crate) result: String,
    pub(crate) categories: Vec<CertifiedCategory>,
}

/// A category of a former result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertifiedCategory {
    pub(crate) champions: Option<Places>,
    pub(crate) winners: Places,
    /// In the order of the definition; withdrawn entries have none.
    pub(crate) standings: Vec<(EntryId, Option<RankAndVotes>)>,
    /// Likewise, if winners have a ranking of their own; entries without a figure have none.
    pub(crate) ranking: Vec<(EntryId, Option<RankAndFigure>)>,
}

/// Entries by place, from the first on: those of one place share it.
pub(crate) type Places = Vec<Vec<EntryId>>;

/// An entry's place in the ranking of the winners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RankAndFigure {
    pub(crate) rank: u64,
    pub(crate) figure: String,
    pub(crate) exact: String,
}

/// An entry's place in the standings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct RankAndVotes {
    pub(crate) rank: u64,
    pub(crate) votes: u64,
}
