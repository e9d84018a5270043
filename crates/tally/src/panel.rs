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
            let mut scores = by_entry.remove(&entry).unwrap_or_default();
            if rules.kind != PanelKind::Score {
                scores.resize(jurors.len(), BigUint::ZERO);
            }
            let jurors = scores.len() as u64;
            match figure(rules, scores) {
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

/// An entry's figure from what its jurors give; `None` if they are too few.
fn figure(rules: &Panel, mut scores: Vec<BigUint>) -> Option<Exact> {
    let trim = rules.trim as usize;
    if scores.len() < rules.minimum_jurors as usize {
        return None;
    }
    scores.sort_unstable();
    let kept = scores.get(trim..scores.len().checked_sub(trim)?)?;
    let sum: BigUint = kept.iter().sum();
    let jurors = if rules.kind == PanelKind::Score { kept.len() } else { 1 };
    (!kept.is_empty()).then(|| Exact::new(sum, divisor(rules) * jurors))
}
