//! Figures that are sums over voters, so that the figures of partitions can be added up.

use std::collections::BTreeMap;

use crate::{ballot_counts::BallotCounts, roster::Votes};

/// Number of voided ballots by the reason in their rulings.
pub(crate) type ByReason = BTreeMap<String, u64>;

/// Voided ballots by reason, in total and by category.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct VoidedByReason {
    pub(crate) in_all: ByReason,
    pub(crate) by_category: Vec<ByReason>,
}

/// All sums over voters: see the [module](self).
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    pub(crate) totals: BallotCounts,
    pub(crate) voters: u64,
    pub(crate) complete_voters: u64,
    /// Votes by entry and channel.
    pub(crate) votes: Vec<Votes>,
    /// Ballots, and voters with a filled slot, by category.
    pub(crate) categories: Vec<(BallotCounts, u64)>,
    pub(crate) voided: VoidedByReason,
    /// Log index at which each entry reached its total; empty if no rule needs it.
    ///
    /// The contest's index is the latest one of all voters.
    pub(crate) reached: Vec<Option<u32>>,
}

impl Figures {
    /// Adds the figures of other voters of the same contest.
    pub(crate) fn add(&mut self, other: &Self) {
        self.totals += other.totals;
        self.voters += other.voters;
        self.complete_voters += other.complete_voters;
        self.votes.resize(self.votes.len().max(other.votes.len()), Votes::default());
        for (sum, more) in self.votes.iter_mut().zip(&other.votes) {
            sum.with_rulings += more.with_rulings;
            sum.without_rulings += more.without_rulings;
        }
        self.categories.resize(self.categories.len().max(other.categories.len()), Default::default());
        for (sum, more) in self.categories.iter_mut().zip(&other.categories) {
            sum.0 += more.0;
            sum.1 += more.1;
        }
        self.voided.add(&other.voided);
        self.reached.resize(self.reached.len().max(other.reached.len()), None);
        for (latest, other) in self.reached.iter_mut().zip(&other.reached) {
            *latest = (*latest).max(*other);
        }
    }
}

/// The figures that a choice in a category depends on.
#[derive(Debug, Clone, Default)]
pub(crate) struct CategoryFigures {
    /// Votes by entry of the category and channel.
    pub(crate) votes: Vec<u64>,
    /// Log index at which each entry of the category reached its total; empty if no rule needs it.
    pub(crate) reached: Vec<Option<u32>>,
}

/// The figures before a log entry that depends on them.
#[derive(Debug, Clone)]
pub(crate) enum FigureSnapshot {
    /// The figures before a choice.
    Category(CategoryFigures),
    /// The figures before a certification.
    Whole(Box<Figures>),
}

impl FigureSnapshot {
    /// The size in memory, in figures.
    pub(crate) fn len(&self) -> usize {
        1 + match self {
            Self::Category(figures) => figures.votes.len() + figures.reached.len(),
            Self::Whole(figures) => {
                let counts = figures.votes.len() + figures.categories.len() + figures.reached.len();
                counts + figures.voided.len()
            }
        }
    }

    /// Adds the snapshot of other voters before the same log entry.
    pub(crate) fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Category(figures), Self::Category(other)) => figures.add(other),
            (Self::Whole(figures), Self::Whole(other)) => figures.add(other),
            // Both snapshots are from before the same log entry, so they have the same variant.
            _ => {}
        }
    }
}

impl CategoryFigures {
    fn add(&mut self, other: &Self) {
        self.votes.resize(self.votes.len().max(other.votes.len()), 0);
        self.votes.iter_mut().zip(&other.votes).for_each(|(sum, more)| *sum += more);
        self.reached.resize(self.reached.len().max(other.reached.len()), None);
        for (latest, other) in self.reached.iter_mut().zip(&other.reached) {
            *latest = (*latest).max(*other);
        }
    }
}

impl VoidedByReason {
    /// The size in memory, in figures of 16 bytes.
    ///
    /// A reason can be as long as a log entry allows.
    fn len(&self) -> usize {
        let reasons = self.by_category.iter().chain([&self.in_all]).flat_map(|by_reason| by_reason.keys());
        reasons.map(|reason| 4 + reason.len() / 16).sum()
    }

    fn add(&mut self, other: &Self) {
        self.by_category.resize(self.by_category.len().max(other.by_category.len()), ByReason::new());
        add_reasons(&mut self.in_all, &other.in_all);
        for (sum, more) in self.by_category.iter_mut().zip(&other.by_category) {
            add_reasons(sum, more);
        }
    }
}

fn add_reasons(sum: &mut ByReason, more: &ByReason) {
    for (reason, ballots) in more {
        *sum.entry(reason.clone()).or_default() += ballots;
    }
}
