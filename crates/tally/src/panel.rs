//! A panel's figures in a category, computed from the jurors' scores.
//!
//! - `score`: A juror's figure for an entry is the mean of the juror's scores for all criteria, by
//!   their weights. A juror who has not scored all criteria does not count for that entry. The
//!   panel's figure is the mean of the jurors' figures.
//! - `points`: The panel's figure is the sum of the jurors' points. A juror who has scored in the
//!   category gives 0 to every entry that the juror does not name.
//! - `rank`: Ranks become points by the panel's table, and 0 beyond its end. Then the rule of
//!   `points` applies.
//!
//! `trim` drops that number of the lowest and of the highest values of an entry's jurors. An entry
//! with fewer jurors than `minimum_jurors` has no figure.
//!
//! A juror who is recused for an entry does not count for it. N jurors gave scores or are recused
//! in the category, and r of them are recused for the entry. A mean is taken over the remaining
//! jurors, and `trim` and `minimum_jurors` apply to them. No entry loses points by a recusal: a sum
//! is multiplied by `(N - 2 trim) / (N - r - 2 trim)`.

use std::collections::{BTreeMap, BTreeSet};

use acclaim_contest::rules::{Panel, PanelKind};
use num_bigint::BigInt;

use crate::{
    fraction::Fraction,
    numbers::{CategoryNumber, EntryNumber},
    ranked::EntryFigures,
    scores::{JurorLists, ONE, Score},
    tally::Tally,
};

/// A panel's figures in a category, for the standing entries.
#[derive(Debug, Default)]
pub(crate) struct PanelFigures {
    /// Number of jurors who have scored in the category.
    pub(crate) jurors: u64,
    /// The figures, in the order of the definition.
    pub(crate) figures: Vec<PanelFigure>,
    /// Entries that too few jurors have scored: the number of jurors who have, and of recused ones.
    pub(crate) without: Vec<(EntryNumber, u64, u64)>,
}

/// A panel's figure for an entry.
#[derive(Debug)]
pub(crate) struct PanelFigure {
    pub(crate) entry: EntryNumber,
    pub(crate) figure: Fraction,
    /// Number of jurors who count for the entry, before trimming.
    pub(crate) jurors: u64,
    /// Number of jurors who are recused for the entry.
    pub(crate) recused: u64,
}

impl PanelFigures {
    /// The figures by entry, without the numbers of jurors.
    pub(crate) fn entry_figures(&self) -> EntryFigures {
        self.figures.iter().map(|figure| (figure.entry, figure.figure.clone())).collect()
    }
}

impl Tally {
    /// Computes the figures of a panel, which is given by its position in the rules.
    pub(crate) fn panel_figures(&self, panel: usize, category: CategoryNumber) -> PanelFigures {
        let Some(rules) = self.header.as_ref().and_then(|header| header.rules.panels.get(panel)) else {
            return PanelFigures::default();
        };
        let scored = self.scores.by_juror(panel, category);
        let recusals = self.recusals.by_juror(panel, category);
        let recused_of = recused_by_entry(&recusals);
        let names: BTreeSet<&str> = scored.keys().chain(recusals.keys()).copied().collect();
        let mut by_entry = by_entry(rules, scored.values());
        let mut result = PanelFigures { jurors: scored.len() as u64, ..PanelFigures::default() };
        for entry in self.standing_entries(category) {
            let scores = by_entry.remove(&entry).unwrap_or_default();
            let recused = recused_of.get(&entry).copied().unwrap_or(0);
            let counted = match rules.kind {
                PanelKind::Score => scores.len(),
                PanelKind::Points | PanelKind::Rank => names.len() - recused,
            };
            let jurors = counted as u64;
            match figure(rules, scores, counted, recused) {
                Some(figure) => {
                    result.figures.push(PanelFigure { entry, figure, jurors, recused: recused as u64 });
                }
                None => result.without.push((entry, jurors, recused as u64)),
            }
        }
        result
    }
}

/// The number of jurors who are recused for each entry.
fn recused_by_entry(recusals: &BTreeMap<&str, Vec<EntryNumber>>) -> BTreeMap<EntryNumber, usize> {
    let mut recused = BTreeMap::new();
    for entry in recusals.values().flatten() {
        *recused.entry(*entry).or_default() += 1;
    }
    recused
}

/// The values that the jurors give to each entry, times [`divisor`].
fn by_entry<'a>(
    rules: &Panel,
    jurors: impl Iterator<Item = &'a JurorLists<'a>>,
) -> BTreeMap<EntryNumber, Vec<BigInt>> {
    let mut by_entry: BTreeMap<EntryNumber, Vec<BigInt>> = BTreeMap::new();
    for lists in jurors {
        for (entry, score) in of_juror(rules, lists) {
            by_entry.entry(entry).or_default().push(score);
        }
    }
    by_entry
}

/// The values that a juror gives to the entries that the juror has scored by all criteria.
pub(crate) fn of_juror(rules: &Panel, lists: &JurorLists<'_>) -> Vec<(EntryNumber, BigInt)> {
    let criteria = rules.criteria.len().max(1);
    let mut sums: BTreeMap<EntryNumber, (usize, BigInt)> = BTreeMap::new();
    for (criterion, scores) in lists {
        let weight = rules.criteria.get(*criterion).map_or(1, |(_, weight)| *weight);
        for (entry, score) in *scores {
            let (scored, sum) = sums.entry(*entry).or_default();
            *scored += 1;
            *sum += BigInt::from(points(rules, *score)) * weight;
        }
    }
    let complete = sums.into_iter().filter(|(_, (scored, _))| *scored == criteria);
    complete.map(|(entry, (_, sum))| (entry, sum)).collect()
}

/// The points of a rank. Scores of other kinds stay as they are.
pub(crate) fn points(rules: &Panel, score: Score) -> Score {
    if rules.kind != PanelKind::Rank {
        return score;
    }
    let place = usize::try_from((score / ONE).saturating_sub(1)).unwrap_or(usize::MAX);
    rules.points.get(place).map_or(0, |points| Score::from(*points) * ONE)
}

/// The divisor of the sums of [`by_entry`]: scores are in ten-thousandths, and weighted.
fn divisor(rules: &Panel) -> BigInt {
    let weights: u64 = rules.criteria.iter().map(|(_, weight)| u64::from(*weight)).sum();
    BigInt::from(ONE) * weights.max(1)
}

/// An entry's figure from the values of its jurors, in any order; `None` if they are too few.
///
/// A juror who counts and gives no value gives 0.
fn figure(rules: &Panel, mut scores: Vec<BigInt>, jurors: usize, recused: usize) -> Option<Fraction> {
    let trim = rules.trim as usize;
    let remaining = jurors.checked_sub(trim.checked_mul(2)?)?;
    if jurors < rules.minimum_jurors as usize || remaining == 0 {
        return None;
    }
    scores.sort_unstable();
    // Values of 0 are not in the list. They are the lowest, so trimming drops them first.
    let lowest = trim.saturating_sub(jurors - scores.len());
    let highest = scores.len().saturating_sub(trim);
    let sum: BigInt = scores.get(lowest..highest).unwrap_or_default().iter().sum();
    Some(match (rules.kind, recused) {
        (PanelKind::Score, _) => Fraction::new(sum, divisor(rules) * remaining),
        (PanelKind::Points | PanelKind::Rank, 0) => Fraction::new(sum, divisor(rules)),
        (PanelKind::Points | PanelKind::Rank, recused) => {
            Fraction::new(sum * (remaining + recused), divisor(rules) * remaining)
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn panel(trim: u32) -> Panel {
        let panel = serde_json::json!({"id": "p", "kind": "points", "trim": trim,
            "minimum_jurors": 2 * trim + 1, "weight": 1});
        serde_json::from_value(panel).unwrap()
    }

    proptest! {
        #[test]
        fn counts_missing_points_as_zero(
            given in prop::collection::vec(0_u32..5, 0..9), silent in 0_usize..9, trim in 0_u32..4,
        ) {
            let scores: Vec<BigInt> = given.iter().map(|points| BigInt::from(*points)).collect();
            let mut written = scores.clone();
            written.resize(given.len() + silent, BigInt::ZERO);
            let jurors = written.len();
            let rules = panel(trim);
            prop_assert_eq!(figure(&rules, scores, jurors, 0), figure(&rules, written.clone(), jurors, 0));
            written.sort_unstable();
            let remaining = written.get(trim as usize..jurors.saturating_sub(trim as usize)).filter(|k| !k.is_empty());
            let expected = remaining.map(|remaining| Fraction::new(remaining.iter().sum(), BigInt::from(ONE)));
            prop_assert_eq!(figure(&rules, written, jurors, 0), expected);
        }
    }
}
