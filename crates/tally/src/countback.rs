//! Countback: of tied entries the one comes first to which more single jurors gave the highest value; where these are as many, the next lower
//! value decides, and so on.
//!
//! Values are those of all panels of kind `points` or `rank` together, untrimmed and unweighted. Where all of these panels give ranks, the
//! values are the places: 1, then 2. Where some give points, a rank is the points of its place in the panel's table. Who is recused for an entry
//! gives it no value, and a value of nothing is none.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use acclaim_contest::rules::{Panel, PanelKind};

use crate::panel::points;
use crate::roster::{CategoryNumber, EntryNumber};
use crate::scores::{ONE, Score};
use crate::tally::Tally;

/// A value that a juror can give, the highest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Points(Reverse<Score>),
    Place(Score),
}

/// How many jurors gave each value to each entry of a category, the highest value first.
#[derive(Debug, Default)]
pub(crate) struct Countback(BTreeMap<Value, BTreeMap<EntryNumber, u64>>);

impl Countback {
    /// What an entry comes by: the lower comes first.
    pub(crate) fn key(&self, entry: EntryNumber) -> Vec<Reverse<u64>> {
        self.0.values().map(|by_entry| Reverse(by_entry.get(&entry).copied().unwrap_or(0))).collect()
    }

    /// How many values, from the highest on, tell these entries apart as far as any do; all of them if none does.
    pub(crate) fn depth(&self, tied: &[EntryNumber]) -> usize {
        let mut keys: Vec<_> = tied.iter().map(|entry| self.key(*entry)).collect();
        keys.sort_unstable();
        let differs = |(one, other): (&Vec<_>, &Vec<_>)| one.iter().zip(other).position(|(a, b)| a != b);
        let deepest = keys.iter().zip(keys.iter().skip(1)).filter_map(differs).max();
        deepest.map_or(self.0.len(), |deepest| deepest + 1)
    }

    /// Each of the highest values and how many jurors gave it to an entry.
    pub(crate) fn counts(&self, entry: EntryNumber, depth: usize) -> Vec<(String, u64)> {
        let count = |(value, by_entry): (&Value, &BTreeMap<EntryNumber, u64>)| {
            (value.print(), by_entry.get(&entry).copied().unwrap_or(0))
        };
        self.0.iter().take(depth).map(count).collect()
    }
}

impl Value {
    fn print(self) -> String {
        let (Self::Points(Reverse(score)) | Self::Place(score)) = self;
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
                        *counted.0.entry(value).or_default().entry(*entry).or_default() += 1;
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
