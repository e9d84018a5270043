//! Countback orders tied entries by the values that single jurors gave them.
//!
//! The entry comes first to which more jurors gave the highest value. If the numbers are equal, the
//! next lower value decides, and so on.
//!
//! The values come from all panels of kind `points` or `rank` together, untrimmed and unweighted.
//! If all of these panels give ranks, the values are places: 1, then 2. If some give points, a rank
//! counts as the points of its place in the panel's table. A juror who is recused for an entry
//! gives it no value. A value of 0 points is no value.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BTreeSet},
};

use acclaim_contest::rules::{Panel, PanelKind};

use crate::{
    numbers::{CategoryNumber, EntryNumber},
    panel::points,
    scores::{ONE, Score},
    tally::Tally,
};

/// Maximum number of values that the document lists for an entry.
///
/// With many jurors and decimals there are thousands.
const MAX_NAMED: usize = 100;

/// A value that a juror can give. The highest value comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    Points(Reverse<Score>),
    Place(Score),
    /// Comes after all other values, at the end of an entry's values.
    End,
}

/// The number of jurors who gave each value to each entry of a category, highest value first.
///
/// A value that no juror gave is absent.
#[derive(Debug, Default)]
pub(crate) struct Countback(BTreeMap<EntryNumber, BTreeMap<Value, u64>>);

impl Countback {
    /// The order of two entries. Equal if no value separates them.
    pub(crate) fn compare(&self, one: EntryNumber, other: EntryNumber) -> Ordering {
        self.key(one).cmp(self.key(other))
    }

    /// An entry's values from the highest on, with the numbers of jurors.
    ///
    /// An entry that lacks a value comes after an entry that has it.
    fn key(&self, entry: EntryNumber) -> impl Iterator<Item = (Value, Reverse<u64>)> {
        let values = self.0.get(&entry).into_iter().flatten();
        values.map(|(value, jurors)| (*value, Reverse(*jurors))).chain([(Value::End, Reverse(0))])
    }

    /// The values of the entries, down to the lowest value that separates two neighbours.
    ///
    /// Returns all values if none separates any neighbours, and at most [`MAX_NAMED`]. `ordered`
    /// has the entries in the order of countback.
    pub(crate) fn deciding(&self, ordered: &[EntryNumber]) -> Vec<Value> {
        let differ = |(one, other): (&EntryNumber, &EntryNumber)| {
            let pairs = self.key(*one).zip(self.key(*other));
            pairs.filter(|(a, b)| a != b).map(|(a, b)| a.0.min(b.0)).next()
        };
        let deepest = ordered.iter().zip(ordered.iter().skip(1)).filter_map(differ).max();
        let given = ordered.iter().filter_map(|entry| self.0.get(entry)).flat_map(BTreeMap::keys);
        let values: BTreeSet<Value> =
            given.filter(|value| deepest.is_none_or(|deepest| **value <= deepest)).copied().collect();
        values.into_iter().take(MAX_NAMED).collect()
    }

    /// Each of `values`, and the number of jurors who gave it to the entry.
    pub(crate) fn counts(&self, entry: EntryNumber, values: &[Value]) -> Vec<(String, u64)> {
        let own = self.0.get(&entry);
        let jurors = |value: &Value| own.and_then(|own| own.get(value)).copied().unwrap_or(0);
        values.iter().map(|value| (value.print(), jurors(value))).collect()
    }
}

impl Value {
    fn print(self) -> String {
        let score = match self {
            Self::Points(Reverse(score)) | Self::Place(score) => score,
            Self::End => 0,
        };
        let (whole, places) = (score / ONE, score % ONE);
        match places {
            0 => whole.to_string(),
            _ => format!("{whole}.{places:04}").trim_end_matches('0').to_owned(),
        }
    }
}

impl Tally {
    /// Counts the values that jurors gave in a category.
    pub(crate) fn countback(&self, category: CategoryNumber) -> Countback {
        let panels = self.header.as_ref().map_or(&[][..], |header| &header.rules.panels);
        let by_points = panels.iter().any(|panel| panel.kind == PanelKind::Points);
        let mut counted = Countback::default();
        for (number, panel) in panels.iter().enumerate() {
            for lists in self.scores.by_juror(number, category).into_values() {
                for (entry, score) in lists.into_iter().flat_map(|(_, scores)| scores) {
                    if let Some(value) = value(panel, *score, by_points) {
                        *counted.0.entry(*entry).or_default().entry(value).or_default() += 1;
                    }
                }
            }
        }
        counted
    }
}

fn value(panel: &Panel, score: Score, by_points: bool) -> Option<Value> {
    match panel.kind {
        PanelKind::Score => None,
        PanelKind::Rank if !by_points => Some(Value::Place(score)),
        PanelKind::Points | PanelKind::Rank => Some(points(panel, score))
            .filter(|points| *points > 0)
            .map(|points| Value::Points(Reverse(points))),
    }
}
