//! Tie-breaks order tied entries: by the earliest total, lots, votes, a panel, or countback.

use std::collections::{BTreeMap, BTreeSet};

use acclaim_contest::PanelId;

use crate::{
    fraction::Fraction,
    numbers::{CategoryNumber, EntryNumber},
    ranked::RankedEntry,
    rule::{OrderedEntry, Rule},
    tally::Tally,
};

/// A rule for ties that orders entries.
pub(crate) enum TieBreaker {
    Earliest,
    Draw,
    Votes,
    /// A panel, by its position in the rules.
    Panel(usize),
    Countback,
}

/// The order that a rule gives to entries.
#[derive(Debug)]
pub(crate) struct TieBreak {
    rule: Rule,
    /// Sort key and value of each entry. A lower key comes first. An entry without a key comes
    /// last.
    known: BTreeMap<EntryNumber, (u64, TieBreakValue)>,
}

/// The value that a rule has for an entry.
#[derive(Debug, Clone)]
pub(crate) struct TieBreakValue {
    entry: EntryNumber,
    index: Option<u32>,
    lot: Option<String>,
    figure: Option<String>,
    counts: Vec<(String, u64)>,
}

impl TieBreak {
    pub(crate) fn rule(&self) -> Rule {
        self.rule
    }

    /// The sort key of an entry. A lower key comes first.
    pub(crate) fn key(&self, entry: EntryNumber) -> u64 {
        self.known.get(&entry).map_or(u64::MAX, |(key, _)| *key)
    }

    /// Whether the rule has no value for an entry.
    pub(crate) fn lacks(&self, entry: EntryNumber) -> bool {
        !self.known.contains_key(&entry)
    }

    pub(crate) fn known(&self, entry: EntryNumber) -> TieBreakValue {
        self.known.get(&entry).map_or_else(|| TieBreakValue::empty(entry), |(_, known)| known.clone())
    }
}

impl TieBreakValue {
    fn empty(entry: EntryNumber) -> Self {
        Self { entry, index: None, lot: None, figure: None, counts: Vec::new() }
    }

    /// The value as it is written in the result document, with the entry's id.
    pub(crate) fn to_ordered_entry(&self, tally: &Tally) -> OrderedEntry {
        let Self { entry, index, lot, figure, counts } = self.clone();
        OrderedEntry { entry: tally.roster.entry(entry).id.clone(), index, lot, figure, counts }
    }
}

impl Tally {
    /// The rule of lots, once the seed of the draw is logged.
    pub(crate) fn draw_tie_breaker(&self) -> Option<TieBreaker> {
        self.drawn.as_ref().map(|_| TieBreaker::Draw)
    }

    /// The rule of a panel, by the panel's id; `None` if there is no such panel.
    pub(crate) fn panel_tie_breaker(&self, id: &PanelId) -> Option<TieBreaker> {
        let panels = &self.header.as_ref()?.rules.panels;
        panels.iter().position(|panel| panel.id == *id).map(TieBreaker::Panel)
    }

    /// The order that a rule gives to the tied entries of a pool.
    pub(crate) fn tie_break(
        &self,
        category: CategoryNumber,
        breaker: &TieBreaker,
        pool: &[RankedEntry],
    ) -> TieBreak {
        let tied: BTreeSet<EntryNumber> =
            pool.iter().filter(|place| place.tied).map(|place| place.entry).collect();
        match breaker {
            TieBreaker::Earliest => self.by_index(&tied),
            TieBreaker::Draw => self.by_lot(category, &tied),
            TieBreaker::Votes => self.by_votes(category, &tied),
            TieBreaker::Panel(panel) => self.by_panel(category, *panel, &tied),
            TieBreaker::Countback => self.by_countback(category, pool),
        }
    }

    fn by_index(&self, tied: &BTreeSet<EntryNumber>) -> TieBreak {
        let reached = if tied.is_empty() { &[] } else { self.reached() };
        let known = tied.iter().map(|entry| {
            let index = reached.get(*entry as usize).copied().flatten();
            // An entry without any vote had its total before the first vote.
            let key = index.map_or(0, |index| u64::from(index) + 1);
            (*entry, (key, TieBreakValue { index, ..TieBreakValue::empty(*entry) }))
        });
        TieBreak { rule: Rule::Earliest, known: known.collect() }
    }

    fn by_lot(&self, category: CategoryNumber, tied: &BTreeSet<EntryNumber>) -> TieBreak {
        let category = &self.roster.category(category).id;
        let lot = |entry: &EntryNumber| {
            Some((self.drawn.as_ref()?.lot(category, &self.roster.entry(*entry).id), *entry))
        };
        let mut lots: Vec<(String, EntryNumber)> = tied.iter().filter_map(lot).collect();
        lots.sort_unstable();
        let known = (0..).zip(lots).map(|(key, (lot, entry))| {
            (entry, (key, TieBreakValue { lot: Some(lot), ..TieBreakValue::empty(entry) }))
        });
        TieBreak { rule: Rule::Draw, known: known.collect() }
    }

    fn by_votes(&self, category: CategoryNumber, tied: &BTreeSet<EntryNumber>) -> TieBreak {
        let shares = self.has_channels().then(|| self.shares(category));
        let share = |entry: EntryNumber| Some(shares.as_ref()?.get(entry)?.percent());
        let standings = self.ranked(category).into_iter().filter(|place| tied.contains(&place.entry));
        let known = standings.map(|place| {
            let figure = share(place.entry).unwrap_or_else(|| place.votes.to_string());
            (
                place.entry,
                (place.rank, TieBreakValue { figure: Some(figure), ..TieBreakValue::empty(place.entry) }),
            )
        });
        TieBreak { rule: Rule::Votes, known: known.collect() }
    }

    fn by_countback(&self, category: CategoryNumber, pool: &[RankedEntry]) -> TieBreak {
        let values = self.countback(category);
        let mut known = BTreeMap::new();
        for equals in pool.chunk_by(|a, b| a.rank == b.rank).filter(|equals| equals.len() > 1) {
            let tied: Vec<EntryNumber> = equals.iter().map(|place| place.entry).collect();
            let mut ordered = tied;
            ordered.sort_by(|one, other| values.compare(*one, *other));
            let deciding = values.deciding(&ordered);
            let equal_groups = ordered.chunk_by(|one, other| values.compare(*one, *other).is_eq());
            for (key, entries) in (0..).zip(equal_groups) {
                known.extend(entries.iter().map(|entry| {
                    let counts = values.counts(*entry, &deciding);
                    (*entry, (key, TieBreakValue { counts, ..TieBreakValue::empty(*entry) }))
                }));
            }
        }
        TieBreak { rule: Rule::Countback, known }
    }

    fn by_panel(&self, category: CategoryNumber, panel: usize, tied: &BTreeSet<EntryNumber>) -> TieBreak {
        let figures = self.panel_figures(panel, category).entry_figures();
        let ranked = figures.ranked().into_iter().filter(|(entry, ..)| tied.contains(entry));
        let known = ranked.map(|(entry, rank, _)| {
            let figure = figures.get(entry).map(Fraction::decimal);
            (entry, (rank, TieBreakValue { figure, ..TieBreakValue::empty(entry) }))
        });
        TieBreak { rule: Rule::Panel, known: known.collect() }
    }
}
