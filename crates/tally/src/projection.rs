//! What the log alone determines of how a contest stands, beside its figures: what a database keeps of it is derived from here.

use std::collections::BTreeSet;

use acclaim_contest::{BallotId, BallotState, EntryId, Instant, Phase};

use crate::numbers::BallotNumber;
use crate::tally::Tally;

/// How a contest stands by its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// The phase.
    pub phase: Phase,
    /// The first instant at which ballots are refused: that of `closed` once it is logged, before that the definition's, as amended.
    pub closes: Instant,
    /// Entries that no longer stand.
    pub withdrawn: BTreeSet<EntryId>,
}

/// A recorded ballot by the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedBallot {
    /// Its index in the log.
    pub index: u64,
    /// What it is now.
    pub state: BallotState,
}

impl Tally {
    /// How the contest stands; `None` before the log's first entry.
    #[must_use]
    pub fn projection(&self) -> Option<Projection> {
        let withdrawn = self.withdrawn().map(|(entry, _)| entry.clone()).collect();
        Some(Projection { phase: self.phase, closes: self.closed.or(self.closes)?, withdrawn })
    }

    /// A recorded ballot; `None` if there is none of this id.
    #[must_use]
    pub fn ballot(&self, id: &BallotId) -> Option<LoggedBallot> {
        let (_, ballot) = self.ballots.find(id)?;
        let index = self.ballots.record(ballot).index.into();
        Some(LoggedBallot { index, state: self.state(ballot) })
    }

    /// Ids and indexes of all recorded ballots, in no order of use.
    pub fn ballots(&self) -> impl Iterator<Item = (BallotId, u64)> {
        self.ballots.all().map(|(id, record)| (id, record.index.into()))
    }

    fn state(&self, ballot: BallotNumber) -> BallotState {
        let replaced = self.ballots.record(ballot).is_replaced();
        match self.voids.reason(ballot) {
            Some(reason) => BallotState::Voided { reason: reason.to_owned(), replaced },
            None if replaced => BallotState::Replaced,
            None => BallotState::Recorded,
        }
    }
}
