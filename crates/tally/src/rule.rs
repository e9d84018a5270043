//! Rules that give entries their places and resolve ties.

use acclaim_contest::EntryId;
use serde::Serialize;

/// The rule that gave an entry its place, or resolved a tie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// More votes. With channels: the larger share of the votes.
    Votes,
    /// The higher score.
    Scores,
    /// The higher weighted figure of votes and scores.
    Weighted,
    /// All entries tied at the cut of the champions are champions.
    Include,
    /// All entries tied at the cut of the winners are winners.
    Report,
    /// The total was reached first, in the order of recording.
    Earliest,
    /// The lower lot.
    Draw,
    /// The higher figure at the panel that the rules name.
    Panel,
    /// The highest values from more single jurors.
    Countback,
    /// No rule separates the entries, so they share the place.
    Shared,
    /// The panel's choice.
    Choice,
}

/// An entry of a tie, and the value by which the rule for ties ordered it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderedEntry {
    /// The entry's id.
    pub entry: EntryId,
    /// For `earliest`: the log index at which the entry last reached its total.
    ///
    /// Absent if the entry never had a vote. Such an entry comes before all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// For `draw`: the lot, in lowercase hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// For `votes` and `panel`: the figure by that rule.
    ///
    /// Absent if the entry has none. Such an entry comes after all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figure: Option<String>,
    /// For `countback`: each value and the number of jurors who gave it to the entry.
    ///
    /// The highest value given to the tied entries comes first, then the next lower ones. The list
    /// ends at the value that decides. If no value decides, it has all values. It has at most 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<(String, u64)>,
}
