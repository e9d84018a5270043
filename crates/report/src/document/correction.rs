//! What a result changes against the one that was certified before it. Version 2.

use acclaim_contest::{CategoryId, EntryId};
use serde::Deserialize;

use super::figure::{Figure, Fraction};

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
    pub standings: Vec<EntryChange<RankAndVotes>>,
    /// Entries whose rank or figure in the ranking of the winners differs.
    #[serde(default)]
    pub ranking: Vec<EntryChange<RankAndFigure>>,
}

/// Entries by place before and after; those of one place share it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// In the result certified before.
    pub before: Vec<Vec<EntryId>>,
    /// In this one.
    pub after: Vec<Vec<EntryId>>,
}

/// An entry before and after.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryChange<T> {
    /// Which entry.
    pub entry: EntryId,
    /// In the result certified before; absent if the entry was withdrawn there, or had no figure.
    pub before: Option<T>,
    /// In this one; absent if the entry is withdrawn, or has no figure.
    pub after: Option<T>,
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

/// An entry's place in the ranking of the winners.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankAndFigure {
    /// From 1; what is equal has the same.
    pub rank: u64,
    /// Scores, or percent with votes and scores.
    pub figure: Figure,
    /// The same as a fraction.
    pub exact: Fraction,
}
