//! Numbers of categories, entries, voters and ballots: their positions in the lists of a tally.

/// Position of a ballot in the list of ballots.
pub(crate) type BallotNumber = u32;

/// Position of a voter in the list of voters, which has the order of first ballots.
pub(crate) type VoterNumber = u32;

/// The number that stands for no ballot.
pub(crate) const NONE: u32 = u32::MAX;

/// Position of a category in the definition.
pub(crate) type CategoryNumber = u32;

/// Position of an entry in the definition.
pub(crate) type EntryNumber = u32;
