//! Ballots by what became of them.

use serde::Serialize;

/// Ballots by what became of them. `recorded` is the sum of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct BallotCounts {
    /// All in the log.
    pub recorded: u64,
    /// Their votes count.
    pub counted: u64,
    /// Another ballot of the voter took their place, and they are not voided.
    pub replaced: u64,
    /// A ruling says that they do not count, whether replaced or not.
    pub voided: u64,
    /// They stand, but there is no vote in every category beside them and the contest asks for that.
    pub incomplete: u64,
}

/// What became of a ballot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Counted,
    Replaced,
    Voided,
    Incomplete,
}

/// Takes part in the figures, or stops doing so.
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
    /// Counts a ballot of a class in or out.
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
    /// Only what came in goes out, so nothing falls below zero.
    pub(crate) fn apply(self, figure: &mut u64, applies: bool) {
        match self {
            Self::Add => *figure += u64::from(applies),
            Self::Remove => *figure -= u64::from(applies),
        }
    }
}
