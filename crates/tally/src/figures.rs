//! Every figure that is a sum over voters, so that those of shares can be added up.

use std::collections::BTreeMap;

use crate::ballot_counts::BallotCounts;
use crate::roster::Votes;

/// Voided ballots by the reason that their rulings gave.
pub(crate) type ByReason = BTreeMap<String, u64>;

/// Voided ballots by reason, in all and by category.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct VoidedByReason {
    pub(crate) in_all: ByReason,
    pub(crate) by_category: Vec<ByReason>,
}

/// See the [module](self).
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    pub(crate) totals: BallotCounts,
    pub(crate) voters: u64,
    pub(crate) complete_voters: u64,
    /// By entry and channel.
    pub(crate) votes: Vec<Votes>,
    /// By category: ballots, and voters whose slot is filled.
    pub(crate) categories: Vec<(BallotCounts, u64)>,
    pub(crate) voided: VoidedByReason,
    /// By entry: the log index at which it reached its total, if a rule asks for that. The latest of all voters is the contest's.
    pub(crate) reached: Vec<Option<u32>>,
}

impl Figures {
    /// Adds those of other voters of the same contest.
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

/// What a choice in a category depends on.
#[derive(Debug, Clone, Default)]
pub(crate) struct CategoryFigures {
    /// By entry of the category, and channel.
    pub(crate) votes: Vec<u64>,
    /// By entry of the category, if a rule asks for it.
    pub(crate) reached: Vec<Option<u32>>,
}

/// Figures as they stood before an entry that depends on them.
#[derive(Debug, Clone)]
pub(crate) enum FigureSnapshot {
    /// Before a choice.
    Category(CategoryFigures),
    /// Before a certification.
    Whole(Box<Figures>),
}

impl FigureSnapshot {
    /// How much memory it takes, in figures.
    pub(crate) fn len(&self) -> usize {
        1 + match self {
            Self::Category(figures) => figures.votes.len() + figures.reached.len(),
            Self::Whole(figures) => {
                let counts = figures.votes.len() + figures.categories.len() + figures.reached.len();
                counts + figures.voided.len()
            }
        }
    }

    /// Adds that of other voters, before the same entry.
    pub(crate) fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Category(figures), Self::Category(other)) => figures.add(other),
            (Self::Whole(figures), Self::Whole(other)) => figures.add(other),
            // The same entry is of one type.
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
    /// How much memory it takes, in figures of 16 bytes: reasons are as long as an entry lets them be.
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
