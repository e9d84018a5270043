//! The changes of a corrected result against the result that was certified before it. Version 2.

use acclaim_contest::{CategoryId, EntryId};
use serde::Deserialize;

use super::figure::{Figure, Fraction};

/// The result that was certified before, and the categories in which this result differs from it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// The log index of the former result's `certified` entry.
    pub index: u64,
    /// SHA-256 of the former result document, lowercase hex.
    pub result: String,
    /// The categories that differ, in the order of the definition.
    pub categories: Vec<CategoryCorrection>,
}

/// The differences in one category.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoryCorrection {
    /// The category's id.
    pub id: CategoryId,
    /// The champions, if they differ.
    pub champions: Option<Change>,
    /// The winners, if they differ.
    pub winners: Option<Change>,
    /// The entries whose rank or votes differ.
    #[serde(default)]
    pub standings: Vec<EntryChange<RankAndVotes>>,
    /// The entries whose rank or figure in the ranking of the winners differs.
    #[serde(default)]
    pub ranking: Vec<EntryChange<RankAndFigure>>,
}

/// Entries by place, before and after. Each inner list holds the entries that share one place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The places in the former result.
    pub before: Vec<Vec<EntryId>>,
    /// The places in this result.
    pub after: Vec<Vec<EntryId>>,
}

/// The values of one entry, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryChange<T> {
    /// The entry's id.
    pub entry: EntryId,
    /// In the former result; absent if the entry was withdrawn there, or had no figure there.
    pub before: Option<T>,
    /// In this result; absent if the entry is withdrawn, or has no figure.
    pub after: Option<T>,
}

/// An entry's rank and votes in the standings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankAndVotes {
    /// The rank, from 1. Equal entries have the same rank.
    pub rank: u64,
    /// Counted votes.
    pub votes: u64,
}

/// An entry's rank and figure in the ranking of the winners.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankAndFigure {
    /// The rank, from 1. Equal entries have the same rank.
    pub rank: u64,
    /// The score; with votes and scores weighted, a percentage.
    pub figure: Figure,
    /// The figure as an exact fraction.
    pub exact: Fraction,
}
