//! What one category came to.

use acclaim_contest::{CategoryId, EntryId, Instant, PanelId, id::ChannelId, rules::WinnersBy};
use serde::Deserialize;

use super::{
    counts::{Ballots, VoidedBallots},
    figure::{Figure, Fraction},
    panel::PanelResult,
};

/// A category.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoryResult {
    /// Which category.
    pub id: CategoryId,
    /// What voters read.
    pub title: String,
    /// The category's own numbers in place of the contest's. Version 2.
    pub own_rules: Option<OwnRules>,
    /// Of ballots with a vote in it.
    pub counts: CategoryCounts,
    /// Entries that are not withdrawn, in rank order.
    pub standings: Vec<Standing>,
    /// What panels gave.
    #[serde(default)]
    pub panels: Vec<PanelResult>,
    /// What winners by scores, or by votes and scores, are decided by.
    pub ranking: Option<Vec<RankedEntry>>,
    /// The shortlist, if the contest has one.
    pub champions: Option<Vec<Place>>,
    /// The final choice.
    pub winners: Winners,
    /// Every tie.
    pub ties: Vec<Tie>,
    /// Standings as they would be without any void or withdrawal.
    pub without_rulings: Vec<StandingWithoutRulings>,
}

/// A category's own numbers, each there if it differs from the contest's. Version 2.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnRules {
    /// Least and most votes of a ballot in the category.
    pub votes: Option<[u32; 2]>,
    /// Places of champions.
    pub champions: Option<u32>,
    /// Places of winners.
    pub winners: Option<u32>,
}

/// Counts of a category.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoryCounts {
    /// By what became of them.
    pub ballots: Ballots,
    /// With a recorded ballot in it.
    pub voters: u64,
    /// Votes that count.
    pub votes: u64,
    /// Votes of ballots that count, for withdrawn entries.
    pub withdrawn_votes: u64,
    /// Voided ballots by reason.
    pub voided: Vec<VoidedBallots>,
    /// By channel.
    #[serde(default)]
    pub channels: Vec<ChannelCounts>,
}

/// Counts of a channel in a category.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelCounts {
    /// Which channel.
    pub channel: ChannelId,
    /// Weight of its shares.
    pub weight: u64,
    /// Votes that count.
    pub votes: u64,
    /// Votes of ballots that count, for withdrawn entries.
    pub withdrawn_votes: u64,
}

/// An entry's place in the standings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// Which entry.
    pub entry: EntryId,
    /// What voters read.
    pub title: String,
    /// From 1; what is equal has the same.
    pub rank: u64,
    /// Counted votes.
    pub votes: u64,
    /// Percent.
    pub share: Figure,
    /// The share as a fraction of one, with channels.
    pub exact: Option<Fraction>,
    /// Whether others have the same rank.
    pub tied: bool,
    /// By channel.
    #[serde(default)]
    pub channels: Vec<ChannelVotes>,
}

/// An entry's votes in one channel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelVotes {
    /// Which channel.
    pub channel: ChannelId,
    /// Counted votes.
    pub votes: u64,
    /// Percent of the channel's votes in the category.
    pub share: Figure,
}

/// An entry's place in the ranking.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankedEntry {
    /// Which entry.
    pub entry: EntryId,
    /// What voters read.
    pub title: String,
    /// From 1; what is equal has the same.
    pub rank: u64,
    /// Scores, or percent with votes and scores.
    pub figure: Figure,
    /// The same as a fraction.
    pub exact: Fraction,
    /// Whether others have the same rank.
    pub tied: bool,
}

/// A place among champions or winners.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Which entry.
    pub entry: EntryId,
    /// What voters read.
    pub title: String,
    /// The place after the rule for ties; with a choice, the order of the choice.
    pub place: u64,
    /// In the ranking, or in the standings if there is no ranking.
    pub rank: u64,
    /// Counted votes.
    pub votes: u64,
    /// In the ranking.
    pub figure: Option<Figure>,
    /// What gave it the place.
    pub decided_by: Rule,
}

/// The final choice.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Winners {
    /// What decides.
    pub by: WinnersBy,
    /// Whether it has.
    pub decision: Decision,
    /// Why they are not decided. Version 2.
    #[serde(default)]
    pub undecided: Vec<Undecided>,
    /// The winners; as long as they are not decided, those that win as things stand.
    pub entries: Vec<Place>,
    /// Chosen, but withdrawn since or no champions any more.
    pub no_longer_eligible: Vec<EntryId>,
    /// The panel's choice.
    pub choice: Option<Choice>,
}

/// Whether winners are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// They are; there may be none.
    Decided,
    /// They are not. In a document of version 1 the panel has not chosen.
    Undecided,
}

/// A reason why winners are not decided. Version 2.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undecided {
    /// What is missing.
    pub reason: UndecidedReason,
    /// The same as a sentence, for programs that show it as it is.
    pub text: String,
    /// The panel that it is about.
    pub panel: Option<PanelId>,
    /// The jurors that it is about.
    #[serde(default)]
    pub jurors: Vec<String>,
    /// The entries that it is about.
    #[serde(default)]
    pub entries: Vec<EntryId>,
}

/// What is missing before winners are decided.
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
    /// The jurors have not scored.
    MissingJurors,
    /// The jurors have not scored every entry.
    IncompleteScores,
    /// The panel that breaks ties has no figure for the entries.
    TiedWithoutFigure,
    /// The entries are tied, and no lots are drawn.
    LotsNotDrawn,
}

/// The panel's choice, as it is logged.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Log index.
    pub index: u64,
    /// The staff key's name.
    pub by: String,
    /// Remark.
    pub note: Option<String>,
    /// When.
    pub at: Instant,
}

/// What gave a place, or resolved a tie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// More votes.
    Votes,
    /// Higher scores.
    Scores,
    /// Votes and scores, weighted.
    Weighted,
    /// Tied at the cut of the champions: all of them are.
    Include,
    /// Tied winners: all share the place.
    Report,
    /// Reached the total first.
    Earliest,
    /// Lots.
    Draw,
    /// The higher figure at a panel.
    Panel,
    /// The highest values from more jurors. Version 2.
    Countback,
    /// Nothing.
    Shared,
    /// The panel's choice.
    Choice,
}

/// What a tie is about.
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

/// Entries that are equal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tie {
    /// What it is about.
    pub concerns: Concern,
    /// The rank that they share.
    pub rank: u64,
    /// The votes of each.
    pub votes: Option<u64>,
    /// The figure of each.
    pub figure: Option<Figure>,
    /// Which entries.
    pub entries: Vec<EntryId>,
    /// Places left for them at a cut.
    pub places: Option<u64>,
    /// What resolved it.
    pub resolved_by: Rule,
    /// The order that the rule gave them.
    #[serde(default)]
    pub order: Vec<OrderedEntry>,
}

/// An entry in the order that a rule gave.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderedEntry {
    /// Which entry.
    pub entry: EntryId,
    /// Log index at which it reached its total.
    pub index: Option<u64>,
    /// Its lot, in hexadecimal.
    pub lot: Option<String>,
    /// Its figure at the panel, or its votes.
    pub figure: Option<String>,
    /// Values, the highest first, and how many jurors gave each to the entry. Version 2.
    #[serde(default)]
    pub counts: Vec<(String, u64)>,
}

/// A place in the standings as they would be without rulings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingWithoutRulings {
    /// Which entry.
    pub entry: EntryId,
    /// From 1; what is equal has the same.
    pub rank: u64,
    /// Votes.
    pub votes: u64,
    /// Percent.
    pub share: Option<Figure>,
    /// Whether others have the same rank.
    pub tied: bool,
}
