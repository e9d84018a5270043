//! Positions by which categories, entries, voters and ballots are known in a tally.

/// Position of a ballot among the ballots.
pub(crate) type BallotNumber = u32;

/// Position of a voter among the voters, in order of first ballots.
pub(crate) type VoterNumber = u32;

/// Stands for no ballot.
pub(crate) const NONE: u32 = u32::MAX;

/// Position of a category in the definition.
pub(crate) type CategoryNumber = u32;

/// Position of an entry in the definition.
pub(crate) type EntryNumber = u32;
