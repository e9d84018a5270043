//! The correction: the changes of a result against the result that was certified before it.

use std::collections::BTreeMap;

use acclaim_contest::{CategoryId, EntryId};
use serde::Serialize;

use crate::{
    certified_snapshot::{CertifiedCategory, CertifiedSnapshot, Places, RankAndFigure, RankAndVotes},
    numbers::{CategoryNumber, EntryNumber},
    outcome::Place,
    ranking::Ranking,
    tally::Tally,
};

/// The changes of a result against the former result.
#[derive(Debug, Serialize)]
pub(crate) struct Correction<'a> {
    /// Log index of the former result's `certified` entry.
    index: u64,
    /// SHA-256 of the former result document, in lowercase hex.
    result: &'a str,
    /// The categories in which something differs, in the order of the definition.
    categories: Vec<CategoryCorrection<'a>>,
}

#[derive(Debug, Serialize)]
struct CategoryCorrection<'a> {
    id: &'a CategoryId,
    #[serde(skip_serializing_if = "Option::is_none")]
    champions: Option<Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    winners: Option<Change>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    standings: Vec<EntryChange<RankAndVotes>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ranking: Vec<EntryChange<RankAndFigure>>,
}

#[derive(Debug, Serialize)]
struct Change {
    before: Places,
    after: Places,
}

#[derive(Debug, Serialize)]
struct EntryChange<T> {
    entry: EntryId,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<T>,
}

impl Tally {
    /// Saves the present result, which the entry at the present index certifies.
    ///
    /// `result` is the SHA-256 of its document.
    pub(crate) fn save_certified_result(&mut self, result: &str) {
        let categories = self.category_numbers().map(|category| self.certified_category(category)).collect();
        self.last_certified =
            Some(Box::new(CertifiedSnapshot { index: self.size, result: result.to_owned(), categories }));
    }

    /// The changes of the present result against the one certified before; `None` if there was
    /// none.
    pub(crate) fn correction(&self) -> Option<Correction<'_>> {
        let former = self.last_certified.as_deref()?;
        let categories = self
            .category_numbers()
            .zip(&former.categories)
            .filter_map(|(number, before)| self.category_correction(number, before))
            .collect();
        Some(Correction { index: former.index, result: &former.result, categories })
    }

    fn certified_category(&self, category: CategoryNumber) -> CertifiedCategory {
        let ranking = self.ranking(category);
        let outcome = self.outcome_of(category, ranking.as_ref());
        let mut ranked = self.ranked(category);
        ranked.sort_unstable_by_key(|place| place.entry);
        let standing = |entry: &u32| {
            let at = ranked.binary_search_by_key(entry, |place| place.entry).ok()?;
            ranked.get(at).map(|place| RankAndVotes { rank: place.rank, votes: place.votes })
        };
        let entries = self.roster.category(category).entries.iter();
        CertifiedCategory {
            champions: outcome.champions.as_deref().map(by_place),
            winners: by_place(&outcome.winners),
            standings: entries.map(|entry| (self.roster.entry(*entry).id.clone(), standing(entry))).collect(),
            ranking: ranking.map(|ranking| self.ranked_figures(category, &ranking)).unwrap_or_default(),
        }
    }

    /// Rank and figure of each entry of a category, in the order of the definition.
    fn ranked_figures(
        &self,
        category: CategoryNumber,
        ranking: &Ranking,
    ) -> Vec<(EntryId, Option<RankAndFigure>)> {
        let places: BTreeMap<EntryNumber, u64> =
            ranking.places.iter().map(|place| (place.entry, place.rank)).collect();
        let ranked = |entry: &EntryNumber| {
            let exact = ranking.figure(*entry)?;
            let (rank, figure) = (*places.get(entry)?, ranking.print(exact));
            Some(RankAndFigure { rank, figure, exact: exact.in_lowest_terms() })
        };
        let entries = self.roster.category(category).entries.iter();
        entries.map(|entry| (self.roster.entry(*entry).id.clone(), ranked(entry))).collect()
    }

    fn category_correction(
        &self,
        number: CategoryNumber,
        before: &CertifiedCategory,
    ) -> Option<CategoryCorrection<'_>> {
        let after = self.certified_category(number);
        if after == *before {
            return None;
        }
        let champions = match (&before.champions, after.champions) {
            (Some(before), Some(after)) if *before != after => Some(Change { before: before.clone(), after }),
            _ => None,
        };
        let winners = (before.winners != after.winners)
            .then(|| Change { before: before.winners.clone(), after: after.winners.clone() });
        Some(CategoryCorrection {
            id: &self.roster.category(number).id,
            champions,
            winners,
            standings: changed(&before.standings, after.standings),
            ranking: changed(&before.ranking, after.ranking),
        })
    }
}

/// Groups entries by place: entries that share a place are in one list.
fn by_place(places: &[Place]) -> Places {
    let equal = places.chunk_by(|a, b| a.place == b.place);
    equal.map(|equal| equal.iter().map(|place| place.entry.clone()).collect()).collect()
}

/// The entries that differ between two lists. Both lists have the order of the definition.
fn changed<T: Clone + PartialEq>(
    before: &[(EntryId, Option<T>)],
    after: Vec<(EntryId, Option<T>)>,
) -> Vec<EntryChange<T>> {
    let differing = before.iter().zip(after).filter(|(before, after)| *before != after);
    differing
        .map(|((_, before), (entry, after))| EntryChange { entry, before: before.clone(), after })
        .collect()
}
