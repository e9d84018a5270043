//! Counts of ballots, voters and votes.

use serde::Deserialize;

/// Ballots by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ballots {
    /// Recorded ballots: the sum of the other fields.
    pub recorded: u64,
    /// Ballots that count.
    pub counted: u64,
    /// Ballots replaced by later ballots of the same voters.
    pub replaced: u64,
    /// Ballots voided by staff.
    pub voided: u64,
    /// Ballots of voters who have not voted in every category, where the rules require that.
    pub incomplete: u64,
}

/// Counts of the whole contest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Ballots by outcome.
    pub ballots: Ballots,
    /// Voters with a recorded ballot.
    pub voters: u64,
    /// The number of these voters who do not count, because none of their sheets is complete.
    pub incomplete_voters: u64,
    /// Votes that count.
    pub votes: u64,
    /// Votes for withdrawn entries, on ballots that count.
    pub withdrawn_votes: u64,
    /// Voided ballots, by reason.
    pub voided: Vec<VoidedBallots>,
    /// Issued passes, by way of admission.
    pub passes: Vec<Passes>,
}

/// Ballots voided for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoidedBallots {
    /// The reason, as in the ruling.
    pub reason: String,
    /// The number of ballots.
    pub ballots: u64,
}

/// The passes that were issued through one way of admission.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passes {
    /// The way of admission.
    pub source: String,
    /// The number of passes.
    pub issued: u64,
}
