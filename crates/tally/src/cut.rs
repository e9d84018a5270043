//! A cut takes the first N entries of a ranking, and resolves the ties among them.

use std::collections::BTreeSet;

use crate::{
    numbers::EntryNumber,
    ranked::RankedEntry,
    rule::Rule,
    tie_break::{TieBreak, TieBreakValue},
};

/// The first N entries of a pool.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    pub(crate) chosen: Vec<PlacedEntry>,
    /// The ties that cross the cut, and the ties that a rule orders.
    pub(crate) ties: Vec<CutTie>,
    /// Tied entries that the rule for ties has not ordered yet, or has no value for.
    pub(crate) open: Vec<EntryNumber>,
}

/// An entry within the cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlacedEntry {
    pub(crate) ranked: RankedEntry,
    /// The place: the rank after ties were broken.
    pub(crate) place: u64,
    pub(crate) rule: Rule,
}

/// A tie: entries of the same rank.
#[derive(Debug)]
pub(crate) struct CutTie {
    pub(crate) equals: Vec<RankedEntry>,
    /// Places left for the entries, if there are fewer places than entries.
    pub(crate) places: Option<u64>,
    pub(crate) resolved_by: Rule,
    /// The entries in the order of the rule for ties; empty if no rule orders them.
    pub(crate) order: Vec<TieBreakValue>,
}

/// How the rules resolve ties.
pub(crate) struct TieRules {
    /// The rule reported for entries that share the last place and are all included.
    pub(crate) shared: Rule,
    /// The order that breaks ties; `None` if the rules have no order, or while it is not known.
    pub(crate) order: Option<TieBreak>,
    /// Whether lots decide and are not drawn yet.
    pub(crate) lots_due: bool,
    /// Whether the order applies to all ties, or only to ties at the cut.
    pub(crate) everywhere: bool,
}

impl Cut {
    /// Takes the first `count` entries of a pool in rank order, and all that share the last place.
    ///
    /// `by` is the rule that ranks the pool.
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

    /// The entries within the cut.
    pub(crate) fn entries(&self) -> BTreeSet<EntryNumber> {
        self.chosen.iter().map(|placed| placed.ranked.entry).collect()
    }

    /// Adds tied entries that no rule orders. They share one place.
    fn add_together(&mut self, equals: &[RankedEntry], above: u64, count: u64, rule: Rule) {
        let placed = equals.iter().map(|ranked| PlacedEntry { ranked: *ranked, place: above + 1, rule });
        self.chosen.extend(placed);
        if above + equals.len() as u64 > count {
            let (equals, places) = (equals.to_vec(), Some(count - above));
            self.ties.push(CutTie { equals, places, resolved_by: rule, order: Vec::new() });
        }
    }

    /// Adds tied entries in the order of a rule, as far as their places are within the count.
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
                // The rule did not separate the entries.
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
