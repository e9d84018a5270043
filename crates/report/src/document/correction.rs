//! What a result changes against the one that was certified before it. Version 2.

use acclaim_contest::{CategoryId, EntryId};
use serde::Deserialize;

/// The result certified before, and the categories in which this one differs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// Log index of the `certified` entry of the result before.
    pub index: u64,
    /// SHA-256 of its document, lowercase hex.
    pub result: String,
    /// Categories in which something differs, in the order of the definition.
    pub categories: Vec<CategoryCorrection>,
}

/// What differs in one category.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoryCorrection {
    /// Which category.
    pub id: CategoryId,
    /// The champions, if they differ.
    pub champions: Option<Change>,
    /// The winners, if they differ.
    pub winners: Option<Change>,
    /// Entries whose rank or votes differ.
    #[serde(default)]
    pub standings: Vec<StandingChange>,
}

/// Entries before and after.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// In the result certified before.
    pub before: Vec<EntryId>,
    /// In this one.
    pub after: Vec<EntryId>,
}

/// An entry's standing before and after.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingChange {
    /// Which entry.
    pub entry: EntryId,
    /// In the result certified before; absent if the entry was withdrawn there.
    pub before: Option<RankAndVotes>,
    /// In this one; absent if the entry is withdrawn.
    pub after: Option<RankAndVotes>,
}

/// An entry's place in the standings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankAndVotes {
    /// From 1; what is equal has the same.
    pub rank: u64,
    /// Counted votes.
    pub votes: u64,
}
