//! Standings: entries in rank order, by votes, or by shares where there are channels.
//!
//! Ranks are competition ranks (1, 2, 2, 4). Equal entries have the order of the definition.

use acclaim_contest::{EntryId, id::ChannelId};
use serde::Serialize;

use crate::{
    fraction::Fraction,
    numbers::{CategoryNumber, EntryNumber},
    ranked::{EntryFigures, RankedEntry, rank_by},
    tally::Tally,
};

/// An entry's place in its category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The entry's id.
    pub entry: EntryId,
    /// Competition rank, from 1.
    pub rank: u64,
    /// Number of counted votes.
    pub votes: u64,
    /// The share as a percentage with two decimals, rounded half up: `33.33`.
    ///
    /// The share is that of the category's counted votes. With channels it is the mean of the
    /// shares in the channels, by their weights. `0.00` where there are no votes.
    pub share: String,
    /// With channels: the share as a fraction in lowest terms, `10379/20000`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact: Option<String>,
    /// Whether another entry has the same figure.
    pub tied: bool,
    /// With channels: the entry's votes in each channel.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<ChannelStanding>,
}

/// An entry's votes in a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelStanding {
    /// The channel's id.
    pub channel: ChannelId,
    /// Number of counted votes.
    pub votes: u64,
    /// Percentage of the channel's counted votes in the category, two decimals, rounded half up.
    pub share: String,
}

/// Numbers of votes of counted ballots.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CategoryVotes {
    /// Votes for standing entries.
    pub(crate) counted: u64,
    /// Votes for withdrawn entries.
    pub(crate) withdrawn: u64,
}

impl Tally {
    /// The standings of a category, without withdrawn entries; `None` if there is no such category.
    #[must_use]
    pub fn standings(&self, category: &str) -> Option<Vec<Standing>> {
        self.roster.category_number(category).map(|number| self.standings_of(number))
    }

    pub(crate) fn standings_of(&self, category: CategoryNumber) -> Vec<Standing> {
        let total = self.votes_in(category).counted;
        let shares = self.has_channels().then(|| self.shares(category));
        let totals = self.votes_by_channel_in(category);
        let ranked = self.ranked_by(category, shares.as_ref());
        ranked.into_iter().map(|place| self.standing(place, total, shares.as_ref(), &totals)).collect()
    }

    fn standing(
        &self,
        place: RankedEntry,
        total: u64,
        shares: Option<&EntryFigures>,
        totals: &[CategoryVotes],
    ) -> Standing {
        let own = shares.and_then(|shares| shares.get(place.entry));
        Standing {
            entry: self.roster.entry(place.entry).id.clone(),
            rank: place.rank,
            votes: place.votes,
            share: own.map_or_else(|| share(place.votes, total), Fraction::percent),
            exact: own.map(Fraction::in_lowest_terms),
            tied: place.tied,
            channels: self.channel_standings(place.entry, totals),
        }
    }

    fn channel_standings(&self, entry: EntryNumber, totals: &[CategoryVotes]) -> Vec<ChannelStanding> {
        let channels = self.header.as_ref().map_or(&[][..], |header| &header.rules.channels);
        let votes = self.roster.votes_by_channel(entry).iter().map(|votes| votes.with_rulings);
        channels
            .iter()
            .zip(votes.zip(totals))
            .map(|(channel, (votes, total))| ChannelStanding {
                channel: channel.id.clone(),
                votes,
                share: share(votes, total.counted),
            })
            .collect()
    }

    pub(crate) fn has_channels(&self) -> bool {
        self.header.as_ref().is_some_and(|header| !header.rules.channels.is_empty())
    }

    /// The entries of a category that are not withdrawn, in the order of the definition.
    pub(crate) fn standing_entries(&self, category: CategoryNumber) -> impl Iterator<Item = EntryNumber> {
        let entries = self.roster.category(category).entries.iter().copied();
        entries.filter(|entry| self.roster.entry(*entry).withdrawn.is_none())
    }

    /// The ranks by votes that count, or by shares with channels. Withdrawn entries have none.
    pub(crate) fn ranked(&self, category: CategoryNumber) -> Vec<RankedEntry> {
        let shares = self.has_channels().then(|| self.shares(category));
        self.ranked_by(category, shares.as_ref())
    }

    fn ranked_by(&self, category: CategoryNumber, shares: Option<&EntryFigures>) -> Vec<RankedEntry> {
        let votes = |entry| self.roster.votes_of(entry);
        let ranked = match shares {
            None => rank_by(self.standing_entries(category).map(|entry| (entry, votes(entry))).collect()),
            Some(shares) => shares.ranked(),
        };
        ranked
            .into_iter()
            .map(|(entry, rank, tied)| RankedEntry { entry, rank, tied, votes: votes(entry) })
            .collect()
    }

    /// The ranks as they would be without any void or withdrawal. With channels, also the shares.
    pub(crate) fn ranked_without_rulings(
        &self,
        category: CategoryNumber,
    ) -> (Vec<RankedEntry>, Option<EntryFigures>) {
        let entries = &self.roster.category(category).entries;
        let votes = |entry| self.roster.votes_without_rulings(entry);
        let shares = self.has_channels().then(|| self.shares_of(entries, |votes| votes.without_rulings));
        let ranked = match &shares {
            None => rank_by(entries.iter().map(|entry| (*entry, votes(*entry))).collect()),
            Some(shares) => shares.ranked(),
        };
        let ranked = ranked.into_iter().map(|(entry, rank, tied)| RankedEntry {
            entry,
            rank,
            tied,
            votes: votes(entry),
        });
        (ranked.collect(), shares)
    }

    /// The votes of counted ballots in a category.
    pub(crate) fn votes_in(&self, category: CategoryNumber) -> CategoryVotes {
        self.votes_by_channel_in(category).iter().fold(CategoryVotes::default(), |sum, votes| CategoryVotes {
            counted: sum.counted + votes.counted,
            withdrawn: sum.withdrawn + votes.withdrawn,
        })
    }

    /// The votes of counted ballots in a category, by channel; one value where there are no
    /// channels.
    pub(crate) fn votes_by_channel_in(&self, category: CategoryNumber) -> Vec<CategoryVotes> {
        let mut sums = vec![CategoryVotes::default(); self.roster.channels()];
        for entry in &self.roster.category(category).entries {
            let withdrawn = self.roster.entry(*entry).withdrawn.is_some();
            for (sum, votes) in sums.iter_mut().zip(self.roster.votes_by_channel(*entry)) {
                *(if withdrawn { &mut sum.withdrawn } else { &mut sum.counted }) += votes.with_rulings;
            }
        }
        sums
    }
}

/// `votes / total` as a percentage.
///
/// Hundredths of a percent are rounded half up from the exact fraction.
fn share(votes: u64, total: u64) -> String {
    let (votes, total) = (u128::from(votes), u128::from(total));
    let hundredths = (votes * 20_000 + total).checked_div(2 * total).unwrap_or(0);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_half_up_from_the_exact_fraction() {
        for (votes, total, expected) in [
            (0, 0, "0.00"),
            (1, 2, "50.00"),
            (1, 3, "33.33"),
            (2, 3, "66.67"),
            (1, 1, "100.00"),
            (1, 20_000, "0.01"),
            (1, 20_001, "0.00"),
            (3, 20_000, "0.02"),
            (u64::MAX, u64::MAX, "100.00"),
        ] {
            assert_eq!(share(votes, total), expected, "{votes} of {total}");
        }
    }

    #[test]
    fn skips_ranks_after_a_tie() {
        let ranked = rank_by(vec![(0, 1), (1, 7), (2, 7), (3, 9), (4, 1)]);
        assert_eq!(ranked, [(3, 1, false), (1, 2, true), (2, 2, true), (0, 4, true), (4, 4, true)]);
    }
}
