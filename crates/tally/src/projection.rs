//! The projection: the state of a contest that the log alone determines, without its figures.
//!
//! A database keeps a copy of parts of this state. The copy is derived from here.

use std::collections::BTreeSet;

use acclaim_contest::{BallotId, BallotState, EntryId, Instant, Phase};

use crate::{numbers::BallotNumber, tally::Tally};

/// The state of a contest by its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// The contest's phase.
    pub phase: Phase,
    /// The first instant at which ballots are refused.
    ///
    /// Once `closed` is logged, it is the instant of that entry. Before that, it is the closing of
    /// the definition, as amended.
    pub closes: Instant,
    /// The withdrawn entries.
    pub withdrawn: BTreeSet<EntryId>,
}

/// A recorded ballot as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedBallot {
    /// The ballot's index in the log.
    pub index: u64,
    /// The ballot's present state.
    pub state: BallotState,
}

impl Tally {
    /// The state of the contest; `None` before the log's first entry.
    #[must_use]
    pub fn projection(&self) -> Option<Projection> {
        let withdrawn = self.withdrawn().map(|(entry, _)| entry.clone()).collect();
        Some(Projection { phase: self.phase, closes: self.closed.or(self.closes)?, withdrawn })
    }

    /// A recorded ballot; `None` if no recorded ballot has this id.
    #[must_use]
    pub fn ballot(&self, id: &BallotId) -> Option<LoggedBallot> {
        let (_, ballot) = self.ballots.find(id)?;
        let index = self.ballots.record(ballot).index.into();
        Some(LoggedBallot { index, state: self.state(ballot) })
    }

    /// The ids and log indexes of all recorded ballots, in arbitrary order.
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
