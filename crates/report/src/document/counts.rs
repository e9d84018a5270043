//! Ballots, voters and votes in numbers.

use serde::Deserialize;

/// Ballots by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ballots {
    /// The sum of the others.
    pub recorded: u64,
    /// Those that count.
    pub counted: u64,
    /// By later ballots of the same voters.
    pub replaced: u64,
    /// By staff.
    pub voided: u64,
    /// Of voters without a vote in every category, where the rules ask for that.
    pub incomplete: u64,
}

/// Counts of the whole contest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// By what became of them.
    pub ballots: Ballots,
    /// With a recorded ballot.
    pub voters: u64,
    /// Of these, those that do not count for want of a complete sheet.
    pub incomplete_voters: u64,
    /// Votes that count.
    pub votes: u64,
    /// Votes of ballots that count, for withdrawn entries.
    pub withdrawn_votes: u64,
    /// Voided ballots by reason.
    pub voided: Vec<VoidedBallots>,
    /// Passes by way of admission.
    pub passes: Vec<Passes>,
}

/// Ballots voided for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoidedBallots {
    /// As the ruling gave it.
    pub reason: String,
    /// How many.
    pub ballots: u64,
}

/// Passes issued in one way.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passes {
    /// The way of admission.
    pub source: String,
    /// How many.
    pub issued: u64,
}
