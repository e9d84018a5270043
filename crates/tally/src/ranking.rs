//! Rankings: by votes, by shares over several channels, by scores, or by votes and scores together.

use acclaim_contest::rules::{Panel, PanelKind, WinnerRules, WinnersBy};
use num_bigint::BigInt;

use crate::{
    fraction::Fraction,
    numbers::{CategoryNumber, EntryNumber},
    ranked::{EntryFigures, RankedEntry},
    roster::Votes,
    tally::Tally,
};

/// The ranking for winners by scores, or by votes and scores.
#[derive(Debug, Clone)]
pub(crate) struct Ranking {
    pub(crate) places: Vec<RankedEntry>,
    figures: EntryFigures,
    by: WinnersBy,
}

impl Ranking {
    /// The figure of an entry.
    pub(crate) fn figure(&self, entry: EntryNumber) -> Option<&Fraction> {
        self.figures.get(entry)
    }

    /// Prints a figure: a score as a decimal, a weighted share as a percentage.
    pub(crate) fn print(&self, figure: &Fraction) -> String {
        if self.by == WinnersBy::Weighted { figure.percent() } else { figure.decimal() }
    }
}

impl Tally {
    /// The ranking of a category; `None` if the standings decide the winners or a panel chooses
    /// them.
    pub(crate) fn ranking(&self, category: CategoryNumber) -> Option<Ranking> {
        let winners = &self.header.as_ref()?.rules.winners;
        let figures = match winners.by {
            WinnersBy::Votes | WinnersBy::Choice => return None,
            WinnersBy::Scores => self.scored(category),
            WinnersBy::Weighted => self.weighted(category, winners),
        };
        let places = figures
            .ranked()
            .into_iter()
            .map(|(entry, rank, tied)| RankedEntry { entry, rank, tied, votes: self.roster.votes_of(entry) })
            .collect();
        Some(Ranking { places, figures, by: winners.by })
    }

    /// The figures of all panels together, for the standing entries with a figure at every panel.
    ///
    /// Means on a scale are averaged by the panels' weights. Points are multiplied by the weights
    /// and added.
    fn scored(&self, category: CategoryNumber) -> EntryFigures {
        let panels = self.header.as_ref().map_or(&[][..], |header| &header.rules.panels);
        let at_panel = |(number, panel): (usize, &Panel)| -> EntryFigures {
            let figures = self.panel_figures(number, category).figures.into_iter();
            figures.map(|figure| (figure.entry, figure.figure.times(panel.weight.into()))).collect()
        };
        let sums = panels.iter().enumerate().map(at_panel).reduce(|sums, own| added(&sums, &own));
        let on_scale = panels.first().is_some_and(|panel| panel.kind == PanelKind::Score);
        let weights: u64 = panels.iter().map(|panel| u64::from(panel.weight)).sum();
        let weights = Fraction::new(BigInt::from(if on_scale { weights } else { 1 }), BigInt::from(1_u32));
        sums.unwrap_or_default().iter().map(|(entry, sum)| (entry, sum.over(&weights))).collect()
    }

    /// The weighted mean of each entry's share of the votes and its share of the scores.
    ///
    /// The share of the scores is the entry's part of the sum of all figures.
    fn weighted(&self, category: CategoryNumber, rules: &WinnerRules) -> EntryFigures {
        let [votes, scores] =
            [rules.votes_weight, rules.scores_weight].map(|weight| u64::from(weight.unwrap_or(0)));
        let shares = self.shares(category);
        let scored = self.scored(category);
        let all = scored.iter().fold(Fraction::zero(), |sum, (_, figure)| sum.plus(figure));
        let weights = Fraction::new(BigInt::from(votes + scores), BigInt::from(1_u32));
        let weighted = |(entry, figure): (EntryNumber, &Fraction)| {
            let share = shares.get(entry).map_or_else(Fraction::zero, |share| share.times(votes));
            (entry, share.plus(&figure.over(&all).times(scores)).over(&weights))
        };
        scored.iter().map(weighted).collect()
    }

    /// Each standing entry's share of the votes that count.
    pub(crate) fn shares(&self, category: CategoryNumber) -> EntryFigures {
        self.shares_of(&self.standing_entries(category).collect::<Vec<_>>(), |votes| votes.with_rulings)
    }

    /// The shares of `entries` in the votes.
    ///
    /// An entry's share is the mean of its shares in the channels, by the channels' weights. A
    /// channel in which none of the entries has a vote is left out. The shares add up to one,
    /// unless no entry has a vote.
    pub(crate) fn shares_of(&self, entries: &[EntryNumber], votes: impl Fn(&Votes) -> u64) -> EntryFigures {
        let roster = &self.roster;
        let totals = (0..roster.channels()).map(|channel| {
            entries.iter().filter_map(|entry| roster.votes_by_channel(*entry).get(channel)).map(&votes).sum()
        });
        // All shares have the same denominator, so ranking compares integers.
        let totals: Vec<u64> = totals.collect();
        let voted = || totals.iter().enumerate().filter(|(_, total)| **total > 0);
        let common: BigInt = voted().map(|(_, total)| BigInt::from(*total)).product();
        let weights: u64 = voted().map(|(channel, _)| self.channel_weight(channel)).sum();
        let factors: Vec<BigInt> = totals
            .iter()
            .enumerate()
            .map(|(channel, total)| match total {
                0 => BigInt::ZERO,
                total => &common / *total * self.channel_weight(channel),
            })
            .collect();
        let denominator = common * weights;
        entries
            .iter()
            .map(|entry| {
                let own = roster.votes_by_channel(*entry).iter().map(&votes);
                let numerator: BigInt = own.zip(&factors).map(|(votes, factor)| factor * votes).sum();
                (*entry, Fraction::new(numerator, denominator.clone()))
            })
            .collect()
    }

    fn channel_weight(&self, channel: usize) -> u64 {
        let channels = self.header.as_ref().map_or(&[][..], |header| &header.rules.channels);
        channels.get(channel).map_or(1, |channel| u64::from(channel.weight))
    }
}

/// The sums of figures, for the entries that have both.
fn added(left: &EntryFigures, right: &EntryFigures) -> EntryFigures {
    left.iter().filter_map(|(entry, figure)| Some((entry, figure.plus(right.get(entry)?)))).collect()
}
