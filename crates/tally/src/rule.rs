//! What gives entries their places and resolves ties.

use acclaim_contest::EntryId;
use serde::Serialize;

/// What gave an entry its place, or resolved a tie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// More votes, or the larger share of them where there are channels.
    Votes,
    /// The higher score.
    Scores,
    /// Votes and scores, weighted.
    Weighted,
    /// Tied at the cut of the champions: all of them are.
    Include,
    /// Tied at the cut of the winners: all of them are.
    Report,
    /// Reached the total first, in the order of recording.
    Earliest,
    /// The lower lot.
    Draw,
    /// The higher figure at the panel that the rules name.
    Panel,
    /// The highest values from more single jurors.
    Countback,
    /// Nothing: equal is equal, and what is tied shares the place.
    Shared,
    /// The panel's choice.
    Choice,
}

/// An entry of a tie, and what the rule for ties went by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderedEntry {
    /// Which entry.
    pub entry: EntryId,
    /// `earliest`: the log index at which it last reached its total; absent if it never had a vote, which is before all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// `draw`: the lot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// `votes`, `panel`: the figure there; absent if it has none, which is behind all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figure: Option<String>,
    /// `countback`: the highest value given in the category and how many jurors gave it to the entry, then the next lower one, down to the
    /// one that decides; all of them if none does, and a hundred at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<(String, u64)>,
}
