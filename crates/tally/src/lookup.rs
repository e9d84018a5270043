//! Methods of [`Tally`] that read the contest, the times of voting, and the numbers of voters and
//! ballots.

use acclaim_ballot_log::entry::ContestHeader;
use acclaim_contest::{EntryId, Instant, Phase};

use crate::{ballot_counts::BallotCounts, rulings::Withdrawal, tally::Tally};

impl Tally {
    /// The number of passes that a source has issued, by the newest log entry about the source.
    ///
    /// 0 if there is no such entry.
    #[must_use]
    pub fn issued(&self, source: &str) -> u64 {
        self.issued.get(source).copied().unwrap_or(0)
    }

    /// The number of log entries that are folded so far.
    ///
    /// The figures belong to a log of this size.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The contest's phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The entry at index 0; `None` before it is folded.
    #[must_use]
    pub fn header(&self) -> Option<&ContestHeader> {
        self.header.as_ref()
    }

    /// The instant at which voting began; `None` before that.
    #[must_use]
    pub fn opened(&self) -> Option<Instant> {
        self.opened
    }

    /// The planned end of voting, with amendments: the first instant after voting.
    ///
    /// `None` before the log's first entry. Voting may have ended earlier, see [`Self::closed`].
    #[must_use]
    pub fn closes(&self) -> Option<Instant> {
        self.closes
    }

    /// The instant at which voting really ended; `None` before that.
    #[must_use]
    pub fn closed(&self) -> Option<Instant> {
        self.closed
    }

    /// Withdrawn entries with their withdrawals, in the order of the definition.
    pub fn withdrawn(&self) -> impl Iterator<Item = (&EntryId, &Withdrawal)> {
        self.roster.entries.iter().filter_map(|entry| Some((&entry.id, entry.withdrawn.as_deref()?)))
    }

    /// The number of voters with a recorded ballot, including replaced and voided ballots.
    #[must_use]
    pub fn voters(&self) -> u64 {
        self.sum.as_ref().map_or_else(|| self.ballots.voters(), |sum| sum.voters)
    }

    /// The numbers of ballots by class: counted, replaced, voided or incomplete.
    #[must_use]
    pub fn ballot_counts(&self) -> BallotCounts {
        self.totals
    }
}
