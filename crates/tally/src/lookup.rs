//! What can be asked of a tally besides figures: the contest, its window, ballots and voters.

use acclaim_ballot_log::entry::ContestHeader;
use acclaim_contest::{BallotId, EntryId, Instant, VoterTag};

use crate::ballots::{BallotNumber, Lookup};
use crate::count::BallotCounts;
use crate::phase::Phase;
use crate::rulings::Withdrawal;
use crate::tally::Tally;

/// What became of a recorded ballot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BallotStanding {
    /// It stands.
    Recorded,
    /// Another ballot of the voter took its place.
    Replaced,
    /// A ruling says that it does not count, whether replaced or not.
    Voided {
        /// The reason that the ruling gave.
        reason: String,
    },
}

/// Where a recorded ballot is, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BallotStatus {
    /// Log index.
    pub index: u64,
    /// What became of it.
    pub standing: BallotStanding,
    /// Whether another ballot of the voter took its place, voided or not.
    pub replaced: bool,
}

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

    /// Whether rulings are over: `frozen` was logged, and not reopened since.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen
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

    /// A recorded ballot; `None` if there is none of this id.
    #[must_use]
    pub fn ballot(&self, id: &BallotId) -> Option<BallotStatus> {
        self.ballots.find(id).map(|(_, ballot)| self.status(ballot))
    }

    /// A voter's ballots, newest first.
    pub fn ballots_of(&self, voter: &VoterTag) -> impl Iterator<Item = (BallotId, BallotStatus)> {
        let known = match self.ballots.voter(voter) {
            Lookup::Known(voter) => Some(voter),
            Lookup::New { .. } => None,
        };
        known.into_iter().flat_map(move |voter| {
            self.ballots.of(voter).map(move |ballot| (self.ballots.id(voter, ballot), self.status(ballot)))
        })
    }

    fn status(&self, ballot: BallotNumber) -> BallotStatus {
        let record = self.ballots.record(ballot);
        let standing = if let Some(reason) = self.voids.reason(ballot) {
            BallotStanding::Voided { reason: reason.to_owned() }
        } else if record.is_replaced() {
            BallotStanding::Replaced
        } else {
            BallotStanding::Recorded
        };
        BallotStatus { index: record.index.into(), standing, replaced: record.is_replaced() }
    }
}
