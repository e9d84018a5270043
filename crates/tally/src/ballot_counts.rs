//! Numbers of ballots by class: counted, replaced, voided or incomplete.

use serde::Serialize;

/// Numbers of ballots by class. `recorded` is the sum of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct BallotCounts {
    /// Ballots in the log.
    pub recorded: u64,
    /// Ballots whose votes count.
    pub counted: u64,
    /// Ballots that another ballot of the voter replaced, and that are not voided.
    pub replaced: u64,
    /// Ballots that a ruling voided. They may be replaced as well.
    pub voided: u64,
    /// Standing ballots on a sheet without a vote in every category, if the contest requires one.
    pub incomplete: u64,
}

/// The class of a ballot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Counted,
    Replaced,
    Voided,
    Incomplete,
}

/// Whether a ballot is added to the figures or removed from them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CountChange {
    Add,
    Remove,
}

impl std::ops::AddAssign for BallotCounts {
    fn add_assign(&mut self, other: Self) {
        self.recorded += other.recorded;
        self.counted += other.counted;
        self.replaced += other.replaced;
        self.voided += other.voided;
        self.incomplete += other.incomplete;
    }
}

impl BallotCounts {
    /// Adds a ballot of a class to the counts, or removes it.
    pub(crate) fn step(&mut self, class: Class, step: CountChange) {
        let figure = match class {
            Class::Counted => &mut self.counted,
            Class::Replaced => &mut self.replaced,
            Class::Voided => &mut self.voided,
            Class::Incomplete => &mut self.incomplete,
        };
        step.apply(figure, true);
        step.apply(&mut self.recorded, true);
    }
}

impl CountChange {
    /// Adds one to a figure or subtracts one, if `applies`.
    ///
    /// Only what was added is removed, so no figure falls below zero.
    pub(crate) fn apply(self, figure: &mut u64, applies: bool) {
        match self {
            Self::Add => *figure += u64::from(applies),
            Self::Remove => *figure -= u64::from(applies),
        }
    }
}
