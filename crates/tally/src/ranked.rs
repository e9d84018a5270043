//! Entries with figures, and entries in rank order.
//!
//! Ranks are competition ranks (1, 2, 2, 4). Equal entries have the order of the definition.

use std::cmp::Reverse;

use crate::{fraction::Fraction, numbers::EntryNumber};

/// An entry with its rank and its votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RankedEntry {
    pub(crate) entry: EntryNumber,
    pub(crate) rank: u64,
    pub(crate) votes: u64,
    pub(crate) tied: bool,
}

/// Entries with their figures, in the order of the definition.
#[derive(Debug, Clone, Default)]
pub(crate) struct EntryFigures(Vec<(EntryNumber, Fraction)>);

impl EntryFigures {
    /// The figure of an entry, if it has one.
    pub(crate) fn get(&self, entry: EntryNumber) -> Option<&Fraction> {
        let at = self.0.binary_search_by_key(&entry, |(entry, _)| *entry).ok()?;
        self.0.get(at).map(|(_, figure)| figure)
    }

    /// The entries in rank order, each with its rank and whether it is tied.
    pub(crate) fn ranked(&self) -> Vec<(EntryNumber, u64, bool)> {
        rank_by(self.0.iter().map(|(entry, figure)| (*entry, figure)).collect())
    }

    /// Each entry with its figure, in the order of the definition.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (EntryNumber, &Fraction)> {
        self.0.iter().map(|(entry, figure)| (*entry, figure))
    }
}

impl FromIterator<(EntryNumber, Fraction)> for EntryFigures {
    /// Collects entries, which must come in the order of the definition.
    fn from_iter<I: IntoIterator<Item = (EntryNumber, Fraction)>>(figures: I) -> Self {
        Self(figures.into_iter().collect())
    }
}

/// Ranks entries. Returns each entry with its rank and whether it is tied.
///
/// The entries must come in the order of the definition.
pub(crate) fn rank_by<F: Ord>(mut entries: Vec<(EntryNumber, F)>) -> Vec<(EntryNumber, u64, bool)> {
    // A stable sort keeps the order of the definition among equal entries.
    entries.sort_by(|(_, a), (_, b)| Reverse(a).cmp(&Reverse(b)));
    let mut ranked = Vec::with_capacity(entries.len());
    let mut before = 0;
    for equals in entries.chunk_by(|(_, a), (_, b)| a == b) {
        let tied = equals.len() > 1;
        ranked.extend(equals.iter().map(|(entry, _)| (*entry, before + 1, tied)));
        before += equals.len() as u64;
    }
    ranked
}
