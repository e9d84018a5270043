//! Countback: of tied entries the one comes first to which more single jurors gave the highest value; where these are as many, the next lower
//! value decides, and so on.
//!
//! Values are those of all panels of kind `points` or `rank` together, untrimmed and unweighted. Where all of these panels give ranks, the
//! values are the places: 1, then 2. Where some give points, a rank is the points of its place in the panel's table. Who is recused for an entry
//! gives it no value, and a value of nothing is none.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

use acclaim_contest::rules::{Panel, PanelKind};

use crate::numbers::{CategoryNumber, EntryNumber};
use crate::panel::points;
use crate::scores::{ONE, Score};
use crate::tally::Tally;

/// The most values that the document names for an entry: with many jurors and decimals there are thousands.
const MAX_NAMED: usize = 100;

/// A value that a juror can give, the highest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    Points(Reverse<Score>),
    Place(Score),
    /// Comes after all others, at the end of an entry's values.
    End,
}

/// How many jurors gave each value to each entry of a category, the highest value first. A value that no juror gave is absent.
#[derive(Debug, Default)]
pub(crate) struct Countback(BTreeMap<EntryNumber, BTreeMap<Value, u64>>);

impl Countback {
    /// Which of two entries comes first; equal if nothing tells them apart.
    pub(crate) fn compare(&self, one: EntryNumber, other: EntryNumber) -> Ordering {
        self.key(one).cmp(self.key(other))
    }

    /// An entry's values from the highest on: who lacks a value that another one has comes behind it.
    fn key(&self, entry: EntryNumber) -> impl Iterator<Item = (Value, Reverse<u64>)> {
        let values = self.0.get(&entry).into_iter().flatten();
        values.map(|(value, jurors)| (*value, Reverse(*jurors))).chain([(Value::End, Reverse(0))])
    }

    /// The highest values that were given to entries, down to the one that tells them apart as far as any does, and all if none does; at
    /// most [`MAX_NAMED`]. The entries come in the order that countback gives them.
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

    /// Each of some values and how many jurors gave it to an entry.
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
    /// The values that jurors gave in a category.
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
