//! What the jurors' scores of a panel come to in a category.
//!
//! - `score`: a juror's figure for an entry is the mean of the juror's scores for all criteria, by their weights; who has not scored all of
//!   them does not count for that entry. The panel's figure is the mean of the jurors' figures.
//! - `points`: the sum of the jurors' points. Who has scored in the category gives 0 to every entry that is not named.
//! - `rank`: ranks become points by the panel's table, 0 beyond its end, and then as `points`.
//!
//! `trim` drops so many of the lowest and of the highest of an entry's jurors. An entry with fewer than `minimum_jurors` has no figure.

use std::collections::BTreeMap;

use acclaim_contest::rules::{Panel, PanelKind};
use num_bigint::BigUint;

use crate::exact::Exact;
use crate::ranking::Figured;
use crate::roster::{CategoryNumber, EntryNumber};
use crate::scores::{JurorLists, ONE, Score};
use crate::tally::Tally;

/// A panel's figures in a category, for the entries that stand.
#[derive(Debug, Default)]
pub(crate) struct PanelFigures {
    /// Who has scored in the category.
    pub(crate) jurors: u64,
    /// In the order of the definition.
    pub(crate) figures: Vec<PanelFigure>,
    /// Entries that too few jurors have scored, and how many have.
    pub(crate) without: Vec<(EntryNumber, u64)>,
}

/// A panel's figure for an entry.
#[derive(Debug)]
pub(crate) struct PanelFigure {
    pub(crate) entry: EntryNumber,
    pub(crate) figure: Exact,
    /// Who counts for it, before trimming.
    pub(crate) jurors: u64,
}

impl PanelFigures {
    /// The figures alone.
    pub(crate) fn figured(&self) -> Figured {
        self.figures.iter().map(|figure| (figure.entry, figure.figure.clone())).collect()
    }
}

impl Tally {
    /// The figures of the panel at a position of the rules.
    pub(crate) fn panel_figures(&self, panel: usize, category: CategoryNumber) -> PanelFigures {
        let Some(rules) = self.header.as_ref().and_then(|header| header.rules.panels.get(panel)) else {
            return PanelFigures::default();
        };
        let jurors = self.scores.by_juror(panel, category);
        let mut by_entry = by_entry(rules, &jurors);
        let mut result = PanelFigures { jurors: jurors.len() as u64, ..PanelFigures::default() };
        for entry in self.standing_entries(category) {
            let scores = by_entry.remove(&entry).unwrap_or_default();
            let counted = if rules.kind == PanelKind::Score { scores.len() } else { jurors.len() };
            let jurors = counted as u64;
            match figure(rules, scores, counted) {
                Some(figure) => result.figures.push(PanelFigure { entry, figure, jurors }),
                None => result.without.push((entry, jurors)),
            }
        }
        result
    }
}

/// What each juror gives to each entry, times [`divisor`].
fn by_entry(rules: &Panel, jurors: &[JurorLists<'_>]) -> BTreeMap<EntryNumber, Vec<BigUint>> {
    let mut by_entry: BTreeMap<EntryNumber, Vec<BigUint>> = BTreeMap::new();
    for lists in jurors {
        for (entry, score) in of_juror(rules, lists) {
            by_entry.entry(entry).or_default().push(score);
        }
    }
    by_entry
}

fn of_juror(rules: &Panel, lists: &JurorLists<'_>) -> Vec<(EntryNumber, BigUint)> {
    let criteria = rules.criteria.len().max(1);
    let mut sums: BTreeMap<EntryNumber, (usize, BigUint)> = BTreeMap::new();
    for (criterion, scores) in lists {
        let weight = rules.criteria.get(*criterion).map_or(1, |(_, weight)| *weight);
        for (entry, score) in *scores {
            let (scored, sum) = sums.entry(*entry).or_default();
            *scored += 1;
            *sum += BigUint::from(points(rules, *score)) * weight;
        }
    }
    let complete = sums.into_iter().filter(|(_, (scored, _))| *scored == criteria);
    complete.map(|(entry, (_, sum))| (entry, sum)).collect()
}

/// A rank's points; others stay as they are.
fn points(rules: &Panel, score: Score) -> Score {
    if rules.kind != PanelKind::Rank {
        return score;
    }
    let place = usize::try_from((score / ONE).saturating_sub(1)).unwrap_or(usize::MAX);
    rules.points.get(place).map_or(0, |points| Score::from(*points) * ONE)
}

/// What the sums of [`by_entry`] are to be divided by: scores are ten-thousandths, and weighted.
fn divisor(rules: &Panel) -> BigUint {
    let weights: u64 = rules.criteria.iter().map(|(_, weight)| u64::from(*weight)).sum();
    BigUint::from(ONE) * weights.max(1)
}

/// An entry's figure from what its jurors give, in any order; who of all that count gives nothing gives 0. `None` if they are too few.
fn figure(rules: &Panel, mut scores: Vec<BigUint>, jurors: usize) -> Option<Exact> {
    let trim = rules.trim as usize;
    let kept = jurors.checked_sub(trim.checked_mul(2)?)?;
    if jurors < rules.minimum_jurors as usize || kept == 0 {
        return None;
    }
    scores.sort_unstable();
    // Those who give nothing are not written out: they are the lowest, and go first.
    let lowest = trim.saturating_sub(jurors - scores.len());
    let highest = scores.len().saturating_sub(trim);
    let sum: BigUint = scores.get(lowest..highest).unwrap_or_default().iter().sum();
    let divided_by = if rules.kind == PanelKind::Score { kept } else { 1 };
    Some(Exact::new(sum, divisor(rules) * divided_by))
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
        fn who_gives_nothing_counts_as_a_zero_written_out(
            given in prop::collection::vec(0_u32..5, 0..9), silent in 0_usize..9, trim in 0_u32..4,
        ) {
            let scores: Vec<BigUint> = given.iter().map(|points| BigUint::from(*points)).collect();
            let mut written = scores.clone();
            written.resize(given.len() + silent, BigUint::ZERO);
            let jurors = written.len();
            let rules = panel(trim);
            prop_assert_eq!(figure(&rules, scores, jurors), figure(&rules, written.clone(), jurors));
            written.sort_unstable();
            let kept = written.get(trim as usize..jurors.saturating_sub(trim as usize)).filter(|k| !k.is_empty());
            let expected = kept.map(|kept| Exact::new(kept.iter().sum(), BigUint::from(ONE)));
            prop_assert_eq!(figure(&rules, written, jurors), expected);
        }
    }
}
