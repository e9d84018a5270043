//! The first so many of a ranking, and what becomes of those who are tied.

use std::collections::BTreeSet;

use crate::numbers::EntryNumber;
use crate::ranked::RankedEntry;
use crate::rule::Rule;
use crate::tie_break::{TieBreak, TieBreakValue};

/// The first so many of a pool.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    pub(crate) chosen: Vec<PlacedEntry>,
    /// The ties that had to be looked at.
    pub(crate) ties: Vec<CutTie>,
    /// Entries of ties that the rule for ties has still to look at, or of which it knows nothing.
    pub(crate) open: Vec<EntryNumber>,
}

/// An entry that is among the first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlacedEntry {
    pub(crate) ranked: RankedEntry,
    /// The rank after ties were broken.
    pub(crate) place: u64,
    pub(crate) rule: Rule,
}

/// Entries that are tied.
#[derive(Debug)]
pub(crate) struct CutTie {
    pub(crate) equals: Vec<RankedEntry>,
    /// Places left for them, if they are more.
    pub(crate) places: Option<u64>,
    pub(crate) resolved_by: Rule,
    /// If a rule orders them.
    pub(crate) order: Vec<TieBreakValue>,
}

/// What the rules say of ties.
pub(crate) struct TieRules {
    /// Says what those are who share the last place, and come in together.
    pub(crate) shared: Rule,
    /// What tells the tied apart; `None` if nothing does, or not yet.
    pub(crate) order: Option<TieBreak>,
    /// Whether lots decide and are not drawn yet.
    pub(crate) lots_due: bool,
    /// Whether it orders all who are tied, or only those at the cut.
    pub(crate) everywhere: bool,
}

impl Cut {
    /// The first `count` of a pool in rank order, and whoever shares the last place with them. `by` is what ranks them.
    pub(crate) fn new(pool: &[RankedEntry], count: u32, by: Rule, ties: &TieRules) -> Self {
        let mut cut = Self::default();
        let (mut above, count) = (0, u64::from(count));
        for equals in pool.chunk_by(|a, b| a.rank == b.rank) {
            if above >= count {
                break;
            }
            let crosses = above + equals.len() as u64 > count;
            let matters = equals.len() > 1 && (crosses || ties.everywhere);
            if matters {
                let lacks = |entry| ties.order.as_ref().is_some_and(|order| order.lacks(entry));
                let tied = equals.iter().map(|ranked| ranked.entry);
                cut.open.extend(tied.filter(|entry| ties.lots_due || lacks(*entry)));
            }
            match ties.order.as_ref().filter(|_| matters) {
                Some(order) => cut.add_ordered(equals, above, count, by, ties, order),
                None => cut.add_together(equals, above, count, if crosses { ties.shared } else { by }),
            }
            above += equals.len() as u64;
        }
        cut
    }

    /// The entries that are among them.
    pub(crate) fn entries(&self) -> BTreeSet<EntryNumber> {
        self.chosen.iter().map(|placed| placed.ranked.entry).collect()
    }

    /// Takes entries in that nothing tells apart.
    fn add_together(&mut self, equals: &[RankedEntry], above: u64, count: u64, rule: Rule) {
        let placed = equals.iter().map(|ranked| PlacedEntry { ranked: *ranked, place: above + 1, rule });
        self.chosen.extend(placed);
        if above + equals.len() as u64 > count {
            let (equals, places) = (equals.to_vec(), Some(count - above));
            self.ties.push(CutTie { equals, places, resolved_by: rule, order: Vec::new() });
        }
    }

    /// Takes those in of entries that a rule orders whose places are not beyond the count.
    fn add_ordered(
        &mut self,
        equals: &[RankedEntry],
        above: u64,
        count: u64,
        by: Rule,
        ties: &TieRules,
        order: &TieBreak,
    ) {
        let mut ordered = equals.to_vec();
        ordered.sort_by_key(|ranked| (order.key(ranked.entry), ranked.entry));
        let groups: Vec<&[RankedEntry]> =
            ordered.chunk_by(|a, b| order.key(a.entry) == order.key(b.entry)).collect();
        let mut resolved_by = order.rule();
        let mut before = above;
        for group in &groups {
            if before >= count {
                break;
            }
            let crosses = before + group.len() as u64 > count;
            if crosses || (ties.everywhere && group.len() > 1) {
                resolved_by = Rule::Shared;
            }
            let rule = match (crosses, groups.len()) {
                (true, _) => ties.shared,
                // Nothing was told apart.
                (false, 1) => by,
                (false, _) => order.rule(),
            };
            let place = before + 1;
            self.chosen.extend(group.iter().map(|ranked| PlacedEntry { ranked: *ranked, place, rule }));
            before += group.len() as u64;
        }
        let places = (above + equals.len() as u64 > count).then(|| count - above);
        let order = ordered.iter().map(|ranked| order.known(ranked.entry)).collect();
        self.ties.push(CutTie { equals: equals.to_vec(), places, resolved_by, order });
    }
}
