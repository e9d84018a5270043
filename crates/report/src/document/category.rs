//! The result of one category.

use acclaim_contest::{CategoryId, EntryId, Instant, PanelId, id::ChannelId, rules::WinnersBy};
use serde::Deserialize;

use super::{
    counts::{Ballots, VoidedBallots},
    figure::{Figure, Fraction},
    panel::PanelResult,
};

/// The result of a category.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoryResult {
    /// The category's id.
    pub id: CategoryId,
    /// The title that voters read.
    pub title: String,
    /// The category's own numbers, which replace the contest's numbers. Version 2.
    pub own_rules: Option<OwnRules>,
    /// Counts of the ballots that have a vote in the category.
    pub counts: CategoryCounts,
    /// Entries that are not withdrawn, in rank order.
    pub standings: Vec<Standing>,
    /// The figures of each panel.
    #[serde(default)]
    pub panels: Vec<PanelResult>,
    /// The ranking that decides the winners; present if scores, or votes and scores, decide.
    pub ranking: Option<Vec<RankedEntry>>,
    /// The shortlist by votes, in order of place; absent if the contest has no champions.
    pub champions: Option<Vec<Place>>,
    /// The final choice.
    pub winners: Winners,
    /// Every tie in the category.
    pub ties: Vec<Tie>,
    /// The standings without any void or withdrawal.
    pub without_rulings: Vec<StandingWithoutRulings>,
}

/// A category's own numbers. Each is present if it differs from the contest's number. Version 2.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnRules {
    /// The least and the most votes of a ballot in the category.
    pub votes: Option<[u32; 2]>,
    /// The number of champions.
    pub champions: Option<u32>,
    /// The number of winners.
    pub winners: Option<u32>,
}

/// Counts of a category.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoryCounts {
    /// Ballots with a vote in the category, by outcome.
    pub ballots: Ballots,
    /// Voters with a recorded ballot in the category.
    pub voters: u64,
    /// Votes that count.
    pub votes: u64,
    /// Votes for withdrawn entries, on ballots that count.
    pub withdrawn_votes: u64,
    /// Voided ballots, by reason.
    pub voided: Vec<VoidedBallots>,
    /// Counts by channel; empty if the contest has no channels.
    #[serde(default)]
    pub channels: Vec<ChannelCounts>,
}

/// Counts of a channel in a category.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelCounts {
    /// The channel's id.
    pub channel: ChannelId,
    /// The weight of the channel's shares.
    pub weight: u64,
    /// Votes that count.
    pub votes: u64,
    /// Votes for withdrawn entries, on ballots that count.
    pub withdrawn_votes: u64,
}

/// An entry's place in the standings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// The entry's id.
    pub entry: EntryId,
    /// The title that voters read.
    pub title: String,
    /// The rank, from 1. Equal entries have the same rank.
    pub rank: u64,
    /// Counted votes.
    pub votes: u64,
    /// The share of the votes, in percent.
    pub share: Figure,
    /// The share as a fraction of one; present if the contest has channels.
    pub exact: Option<Fraction>,
    /// Whether other entries have the same rank.
    pub tied: bool,
    /// The entry's votes by channel; empty if the contest has no channels.
    #[serde(default)]
    pub channels: Vec<ChannelVotes>,
}

/// An entry's votes in one channel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelVotes {
    /// The channel's id.
    pub channel: ChannelId,
    /// Counted votes.
    pub votes: u64,
    /// The share of the channel's votes in the category, in percent.
    pub share: Figure,
}

/// An entry's place in the ranking.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankedEntry {
    /// The entry's id.
    pub entry: EntryId,
    /// The title that voters read.
    pub title: String,
    /// The rank, from 1. Equal entries have the same rank.
    pub rank: u64,
    /// The score; with votes and scores weighted, a percentage.
    pub figure: Figure,
    /// The figure as an exact fraction.
    pub exact: Fraction,
    /// Whether other entries have the same rank.
    pub tied: bool,
}

/// A place among champions or winners.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The entry's id.
    pub entry: EntryId,
    /// The title that voters read.
    pub title: String,
    /// The place after the rule for ties. With a choice, the position in the choice.
    pub place: u64,
    /// The rank in the ranking, or in the standings if there is no ranking.
    pub rank: u64,
    /// Counted votes.
    pub votes: u64,
    /// The figure in the ranking; absent if there is no ranking.
    pub figure: Option<Figure>,
    /// The rule that gave the entry its place.
    pub decided_by: Rule,
}

/// The final choice.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Winners {
    /// The method that decides the winners.
    pub by: WinnersBy,
    /// Whether the winners are decided.
    pub decision: Decision,
    /// The reasons why the winners are not decided. Version 2.
    #[serde(default)]
    pub undecided: Vec<Undecided>,
    /// The winners. While they are undecided, the entries that would win as things stand.
    pub entries: Vec<Place>,
    /// Chosen entries that were withdrawn since, or are no longer champions.
    pub no_longer_eligible: Vec<EntryId>,
    /// The panel's choice; absent if none is logged.
    pub choice: Option<Choice>,
}

/// Whether the winners are decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// The winners are decided. The list can be empty.
    Decided,
    /// The winners are not decided. In version 1 this means that the panel has not chosen.
    Undecided,
}

/// A reason why winners are not decided. Version 2.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undecided {
    /// The kind of reason.
    pub reason: UndecidedReason,
    /// The reason as a sentence, which programs can show unchanged.
    pub text: String,
    /// The panel concerned.
    pub panel: Option<PanelId>,
    /// The jurors concerned, by name.
    #[serde(default)]
    pub jurors: Vec<String>,
    /// The entries concerned.
    #[serde(default)]
    pub entries: Vec<EntryId>,
}

/// A kind of reason why winners are not decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UndecidedReason {
    /// The panel has not chosen.
    NoChoice,
    /// Chosen entries were withdrawn since, or are no longer champions.
    ChosenNotEligible,
    /// No juror of the panel has scored.
    NoScores,
    /// Fewer jurors than the rules ask for have scored the entries.
    TooFewJurors,
    /// Jurors of the panel have not scored.
    MissingJurors,
    /// Jurors of the panel have scored some entries and not all.
    IncompleteScores,
    /// The panel that breaks ties has no figure for the entries.
    TiedWithoutFigure,
    /// The entries are tied, and the lots that decide are not drawn.
    LotsNotDrawn,
}

/// The panel's choice, as logged.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The log index of the choice.
    pub index: u64,
    /// The name of the staff key that entered the choice.
    pub by: String,
    /// A remark on the choice.
    pub note: Option<String>,
    /// The instant of the choice.
    pub at: Instant,
}

/// The rule that gave a place, or resolved a tie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// More votes.
    Votes,
    /// Higher scores.
    Scores,
    /// Votes and scores, weighted.
    Weighted,
    /// Tied at the cut of the champions: all of these entries are champions.
    Include,
    /// Tied winners: all share the place.
    Report,
    /// The entry reached its total first, in the order of recording.
    Earliest,
    /// Lots, from the logged seed.
    Draw,
    /// The higher figure at the panel that the rules name.
    Panel,
    /// More jurors gave the highest value; if equally many did, the next lower value decides.
    /// Version 2.
    Countback,
    /// Nothing breaks the tie: the entries share the place.
    Shared,
    /// The panel's choice.
    Choice,
}

/// The list that a tie is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Concern {
    /// The standings.
    Standings,
    /// The ranking.
    Ranking,
    /// The champions.
    Champions,
    /// The winners.
    Winners,
}

/// A tie: entries that are equal in one list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tie {
    /// The list that the tie is in.
    pub concerns: Concern,
    /// The rank that the entries share.
    pub rank: u64,
    /// The votes of each tied entry.
    pub votes: Option<u64>,
    /// The figure of each tied entry.
    pub figure: Option<Figure>,
    /// The tied entries.
    pub entries: Vec<EntryId>,
    /// The number of places left for the tied entries; present at a cut.
    pub places: Option<u64>,
    /// The rule that resolved the tie.
    pub resolved_by: Rule,
    /// The order that the rule gave; empty if the rule gives none.
    #[serde(default)]
    pub order: Vec<OrderedEntry>,
}

/// An entry in the order that a rule gave, with the value that the rule compared.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderedEntry {
    /// The entry's id.
    pub entry: EntryId,
    /// The log index at which the entry reached its total.
    pub index: Option<u64>,
    /// The entry's lot, in hexadecimal.
    pub lot: Option<String>,
    /// The entry's figure at the panel, or its votes.
    pub figure: Option<String>,
    /// Values, the highest first, each with the number of jurors who gave it. Version 2.
    #[serde(default)]
    pub counts: Vec<(String, u64)>,
}

/// An entry's place in the standings without any void or withdrawal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingWithoutRulings {
    /// The entry's id.
    pub entry: EntryId,
    /// The rank, from 1. Equal entries have the same rank.
    pub rank: u64,
    /// The votes of the entry.
    pub votes: u64,
    /// The share of the votes, in percent.
    pub share: Option<Figure>,
    /// Whether other entries have the same rank.
    pub tied: bool,
}
