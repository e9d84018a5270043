//! What can be asked of a tally besides figures: the contest, its window, how many voters and ballots there are.

use acclaim_ballot_log::entry::ContestHeader;
use acclaim_contest::{EntryId, Instant, Phase};

use crate::ballot_counts::BallotCounts;
use crate::rulings::Withdrawal;
use crate::tally::Tally;

impl Tally {
    /// How many passes a source had issued when it was last logged.
    #[must_use]
    pub fn issued(&self, source: &str) -> u64 {
        self.issued.get(source).copied().unwrap_or(0)
    }

    /// Entries folded: the size of the log that the figures belong to.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where the contest stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The entry at index 0, once it is folded.
    #[must_use]
    pub fn header(&self) -> Option<&ContestHeader> {
        self.header.as_ref()
    }

    /// When voting began.
    #[must_use]
    pub fn opened(&self) -> Option<Instant> {
        self.opened
    }

    /// The first instant after voting, as amended; it may have been closed earlier.
    #[must_use]
    pub fn closes(&self) -> Option<Instant> {
        self.closes
    }

    /// When voting ended.
    #[must_use]
    pub fn closed(&self) -> Option<Instant> {
        self.closed
    }

    /// Withdrawn entries with their withdrawals, in the order of the definition.
    pub fn withdrawn(&self) -> impl Iterator<Item = (&EntryId, &Withdrawal)> {
        self.roster.entries.iter().filter_map(|entry| Some((&entry.id, entry.withdrawn.as_deref()?)))
    }

    /// Voters with a recorded ballot, whatever became of it.
    #[must_use]
    pub fn voters(&self) -> u64 {
        self.sum.as_ref().map_or_else(|| self.ballots.voters(), |sum| sum.voters)
    }

    /// Ballots by what became of them.
    #[must_use]
    pub fn ballot_counts(&self) -> BallotCounts {
        self.totals
    }
}
