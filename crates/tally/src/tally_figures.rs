//! The figures of a tally: taken from it, or set in a tally that counts no ballots itself.

use acclaim_ballot_log::Event;
use acclaim_contest::rules::{ChampionTies, WinnerTies};

use crate::{
    count::categories,
    figures::{ByReason, CategoryFigures, FigureSnapshot, Figures, VoidedByReason},
    numbers::{CategoryNumber, VoterNumber},
    tally::Tally,
};

impl Figures {
    /// The figures of a tally.
    pub(crate) fn of(tally: &Tally) -> Self {
        let roster = &tally.roster;
        Self {
            totals: tally.totals,
            voters: tally.voters(),
            complete_voters: tally.complete_voters,
            votes: roster.votes.clone(),
            categories: tally
                .category_numbers()
                .map(|category| (roster.category(category).ballots, tally.voters_in(category)))
                .collect(),
            voided: tally.voided_by_reason(),
            reached: if tally.needs_earliest() { tally.reached().to_vec() } else { Vec::new() },
        }
    }
}

impl FigureSnapshot {
    /// The figures that a log entry depends on; `None` if it depends on staff events alone.
    pub(crate) fn before(event: &Event, tally: &Tally) -> Option<Self> {
        match event {
            Event::Choice { category, .. } => {
                let number = tally.roster.category_number(category.as_str());
                let figures = number.map(|number| CategoryFigures::of(tally, number));
                Some(Self::Category(figures.unwrap_or_default()))
            }
            Event::Certified { .. } => Some(Self::Whole(Box::new(Figures::of(tally)))),
            _ => None,
        }
    }
}

impl CategoryFigures {
    fn of(tally: &Tally, category: CategoryNumber) -> Self {
        let entries = &tally.roster.category(category).entries;
        let reached = if tally.needs_earliest() { tally.reached() } else { &[] };
        Self {
            votes: entries
                .iter()
                .flat_map(|entry| tally.roster.votes_by_channel(*entry))
                .map(|votes| votes.with_rulings)
                .collect(),
            reached: entries.iter().filter_map(|entry| reached.get(*entry as usize).copied()).collect(),
        }
    }
}

impl Tally {
    /// Sets the figures of the whole contest, which other tallies have counted.
    pub(crate) fn set_figures(&mut self, figures: Figures) {
        self.totals = figures.totals;
        self.complete_voters = figures.complete_voters;
        self.roster.votes.iter_mut().zip(&figures.votes).for_each(|(own, votes)| *own = *votes);
        for (category, (ballots, _)) in self.roster.categories.iter_mut().zip(&figures.categories) {
            category.ballots = *ballots;
        }
        self.clear_cached_figures();
        self.sum = Some(Box::new(figures));
    }

    /// Sets the figures of one category, as they were before a choice.
    pub(crate) fn set_category_figures(&mut self, category: CategoryNumber, figures: &CategoryFigures) {
        let numbers = self.roster.category(category).entries.clone();
        let channels = self.roster.channels();
        for (entry, votes) in numbers.iter().zip(figures.votes.chunks(channels)) {
            for (channel, votes) in votes.iter().enumerate() {
                self.roster.votes_mut(*entry, channel).with_rulings = *votes;
            }
        }
        let sum = self.sum.get_or_insert_default();
        sum.reached.resize(self.roster.entries.len(), None);
        for (entry, reached) in numbers.iter().zip(&figures.reached) {
            if let Some(place) = sum.reached.get_mut(*entry as usize) {
                *place = *reached;
            }
        }
    }

    /// The number of voters with a slot of a category that a standing or voided ballot fills.
    pub(crate) fn voters_in(&self, category: CategoryNumber) -> u64 {
        let number = category as usize;
        if let Some(sum) = &self.sum {
            return sum.categories.get(number).map_or(0, |(_, voters)| *voters);
        }
        if !self.ballots.has_several_sheets() {
            return self.roster.category(category).slots;
        }
        let voters = self.category_voters.get_or_init(|| self.count_category_voters());
        voters.get(number).copied().unwrap_or(0)
    }

    /// Counts the voters by category in one pass over all ballots. A voter with several sheets
    /// counts once.
    fn count_category_voters(&self) -> Vec<u64> {
        let mut counted: Vec<(u64, Option<VoterNumber>)> = vec![(0, None); self.roster.categories.len()];
        let voters = 0..VoterNumber::try_from(self.ballots.voters()).unwrap_or(VoterNumber::MAX);
        for voter in voters {
            let filling = self.ballots.of(voter).filter(|ballot| !self.ballots.record(*ballot).is_replaced());
            for category in filling.flat_map(|ballot| categories(&self.ballots, &self.roster, ballot)) {
                if let Some((count, last)) = counted.get_mut(category as usize)
                    && last.replace(voter) != Some(voter)
                {
                    *count += 1;
                }
            }
        }
        counted.into_iter().map(|(count, _)| count).collect()
    }

    /// The voided ballots by reason, in one pass for all categories.
    pub(crate) fn voided_by_reason(&self) -> VoidedByReason {
        if let Some(sum) = &self.sum {
            return sum.voided.clone();
        }
        let by_category = vec![ByReason::new(); self.roster.categories.len()];
        let mut voided = VoidedByReason { in_all: ByReason::new(), by_category };
        for (ballot, reason) in self.voids.iter() {
            count(&mut voided.in_all, reason);
            for category in categories(&self.ballots, &self.roster, ballot) {
                if let Some(by_reason) = voided.by_category.get_mut(category as usize) {
                    count(by_reason, reason);
                }
            }
        }
        voided
    }

    /// Whether a rule needs the log indexes at which entries reached their totals.
    pub(crate) fn needs_earliest(&self) -> bool {
        self.header.as_ref().is_some_and(|header| {
            let champions = header.rules.champions.as_ref();
            champions.is_some_and(|champions| champions.ties == ChampionTies::Earliest)
                || header.rules.winners.ties == WinnerTies::Earliest
        })
    }
}

fn count(by_reason: &mut ByReason, reason: &str) {
    match by_reason.get_mut(reason) {
        Some(ballots) => *ballots += 1,
        None => drop(by_reason.insert(reason.to_owned(), 1)),
    }
}
