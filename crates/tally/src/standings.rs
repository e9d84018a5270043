//! Standings: entries in rank order. Ranks are competition ranks (1, 2, 2, 4); equals are listed in the order of the definition.

use acclaim_contest::EntryId;
use serde::Serialize;

use crate::roster::{CategoryNumber, EntryNumber};
use crate::tally::Tally;

/// An entry's place in its category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Which entry.
    pub entry: EntryId,
    /// Competition rank, from 1.
    pub rank: u64,
    /// Counted votes.
    pub votes: u64,
    /// Percentage of the category's counted votes, two decimals, half up: `33.33`. `0.00` where there are none.
    pub share: String,
    /// Whether another entry has the same number of votes.
    pub tied: bool,
}

/// A place by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ranked {
    pub(crate) entry: EntryNumber,
    pub(crate) rank: u64,
    pub(crate) votes: u64,
    pub(crate) tied: bool,
}

impl Tally {
    /// The standings of a category; `None` if there is no such category. Withdrawn entries are not in them.
    #[must_use]
    pub fn standings(&self, category: &str) -> Option<Vec<Standing>> {
        self.roster.category_number(category).map(|number| self.standings_of(number))
    }

    pub(crate) fn standings_of(&self, category: CategoryNumber) -> Vec<Standing> {
        let total = self.votes_in(category).counted;
        self.ranked(category)
            .into_iter()
            .map(|place| Standing {
                entry: self.roster.entry(place.entry).id.clone(),
                rank: place.rank,
                votes: place.votes,
                share: share(place.votes, total),
                tied: place.tied,
            })
            .collect()
    }

    /// Ranks by counted votes, without withdrawn entries.
    pub(crate) fn ranked(&self, category: CategoryNumber) -> Vec<Ranked> {
        let entries = self.roster.category(category).entries.iter();
        let standing = entries.filter(|entry| self.roster.entry(**entry).withdrawn.is_none());
        rank(standing.map(|entry| (*entry, self.roster.entry(*entry).votes)).collect())
    }

    /// Ranks as they would be without any void or withdrawal.
    pub(crate) fn ranked_without_rulings(&self, category: CategoryNumber) -> Vec<Ranked> {
        let entries = self.roster.category(category).entries.iter();
        rank(entries.map(|entry| (*entry, self.roster.entry(*entry).unruled)).collect())
    }

    /// Votes of counted ballots in a category.
    pub(crate) fn votes_in(&self, category: CategoryNumber) -> Votes {
        let mut votes = Votes::default();
        for entry in &self.roster.category(category).entries {
            let entry = self.roster.entry(*entry);
            let figure = if entry.withdrawn.is_some() { &mut votes.withdrawn } else { &mut votes.counted };
            *figure += entry.votes;
        }
        votes
    }
}

/// Votes of counted ballots.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Votes {
    /// For entries that stand.
    pub(crate) counted: u64,
    /// For withdrawn entries.
    pub(crate) withdrawn: u64,
}

/// Ranks entries given in the order of the definition.
fn rank(mut entries: Vec<(EntryNumber, u64)>) -> Vec<Ranked> {
    // A stable sort keeps the order of the definition among equals.
    entries.sort_by_key(|(_, votes)| std::cmp::Reverse(*votes));
    let mut ranked = Vec::with_capacity(entries.len());
    let mut before = 0;
    for equals in entries.chunk_by(|(_, a), (_, b)| a == b) {
        let tied = equals.len() > 1;
        ranked.extend(equals.iter().map(|(entry, votes)| Ranked {
            entry: *entry,
            rank: before + 1,
            votes: *votes,
            tied,
        }));
        before += equals.len() as u64;
    }
    ranked
}

/// `votes / total` as a percentage: hundredths of a percent are rounded half up from the exact fraction.
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
    fn ranks_leave_out_as_many_as_are_tied() {
        let ranked = rank(vec![(0, 1), (1, 7), (2, 7), (3, 9), (4, 1)]);
        let seen: Vec<_> = ranked.iter().map(|place| (place.entry, place.rank, place.tied)).collect();
        assert_eq!(seen, [(3, 1, false), (1, 2, true), (2, 2, true), (0, 4, true), (4, 4, true)]);
    }
}
