//! The aggregate adds up the partitions' figures, and judges the staff events that depend on them.

use std::collections::BTreeMap;

use acclaim_ballot_log::{Event, LogEntry, Salt, hash::Hash};
use acclaim_contest::Phase;

use super::{block::Block, partition_tally::PartitionTally};
use crate::{
    ResultDocument, Tally,
    admit::admit,
    figures::{FigureSnapshot, Figures},
    partition::Scope,
    replay::verify_certified,
};

/// Approximate maximum number of bytes of staff events that are kept to be judged.
///
/// A contest of 100,000 entries with long texts and with every ruling that people can make is far
/// below this limit.
const MAX_EVENT_BYTES: usize = 512 << 20;
/// Approximate bytes of memory that an event takes for each byte of its line.
const EVENT_MEMORY: usize = 3;

/// See the [module](self).
#[derive(Default)]
pub(super) struct Aggregate {
    events: Vec<StaffEvent>,
    bytes: usize,
    /// The figures before each entry that depends on figures, in log order.
    moments: Vec<FigureSnapshot>,
    /// The figures at the end of the log.
    final_figures: Figures,
    findings: Vec<(u64, String)>,
    /// Whether a partition could not be folded to the end. Then nothing can be judged.
    is_incomplete: bool,
}

/// The parts of a staff event that affect the result.
///
/// Voids of ballots are not here. The partitions' figures already contain them.
struct StaffEvent {
    index: u64,
    event: Box<Event>,
    salt: Option<Salt>,
    /// The root of the tree before a `certified` entry.
    root: Option<Hash>,
}

/// The tally and the result of the whole log.
pub(super) struct AggregateOutcome {
    pub(super) tally: Tally,
    pub(super) result: Option<ResultDocument>,
    pub(super) findings: Vec<(u64, String)>,
}

impl Aggregate {
    /// Keeps the staff events of a block.
    pub(super) fn keep(&mut self, block: Block<'_>, roots: &BTreeMap<u64, Hash>) {
        for group in block.groups {
            for (index, line) in (group.first..).zip(group.lines) {
                let Ok(prepared) = line else { continue };
                let entry = prepared.into_entry();
                let LogEntry::Event(event, salt) = entry else { continue };
                if matches!(
                    *event,
                    Event::Statement { .. }
                        | Event::Voided { .. }
                        | Event::Reinstated { ballots: Some(_), .. }
                ) {
                    continue;
                }
                let line = event.encode(salt).map_or(0, |line| line.len());
                self.bytes += size_of::<StaffEvent>() + size_of::<Event>() + line * EVENT_MEMORY;
                if self.bytes > MAX_EVENT_BYTES {
                    let reason = "too many staff events to judge".to_owned();
                    self.findings.push((index, reason));
                    return;
                }
                self.events.push(StaffEvent { index, event, salt, root: roots.get(&index).copied() });
            }
        }
    }

    /// Adds a partition that is counted. Returns its findings.
    pub(super) fn add(&mut self, count: PartitionTally) -> Vec<(u64, String)> {
        self.final_figures.add(&Figures::of(&count.tally));
        self.is_incomplete |= !count.can_fold;
        for (number, moment) in count.moments.into_iter().enumerate() {
            match self.moments.get_mut(number) {
                Some(sum) => sum.add(&moment),
                None => self.moments.push(moment),
            }
        }
        count.findings
    }

    /// Folds the events with the figures before each of them, then sets the figures of the whole
    /// log.
    pub(super) fn judge(self, origin: &str, size: u64, root: Hash) -> AggregateOutcome {
        let mut tally = Tally::with_scope(Scope::Aggregate, 0);
        let mut findings = self.findings;
        let mut document = None;
        let events = if self.is_incomplete { Vec::new() } else { self.events };
        let mut moments = self.moments.into_iter();
        for StaffEvent { index, event, salt, root } in events {
            tally.size = index;
            take_figures(&mut tally, &event, &mut moments);
            let entry = LogEntry::Event(event, salt);
            let LogEntry::Event(event, _) = &entry else { continue };
            let admitted = admit(&tally, &entry, None).and_then(|admitted| {
                let certified = verify_certified(&tally, event, origin, || root.unwrap_or(Hash([0; 32])))?;
                Ok((admitted, certified))
            });
            match admitted {
                Ok((admitted, certified)) => {
                    document = match &**event {
                        Event::Certified { .. } => certified,
                        Event::Reopened(_) => None,
                        _ => document,
                    };
                    tally.apply(&entry, admitted);
                }
                Err(refusal) => findings.push((index, refusal.to_string())),
            }
        }
        tally.size = size;
        tally.set_figures(self.final_figures);
        let result = match tally.phase() {
            Phase::Certified => document,
            _ => tally.provisional_result(origin, &root),
        };
        AggregateOutcome { tally, result, findings }
    }
}

/// Sets a tally's figures to those before an event, if the event depends on figures.
fn take_figures(tally: &mut Tally, event: &Event, moments: &mut impl Iterator<Item = FigureSnapshot>) {
    let category = match event {
        Event::Choice { category, .. } => tally.roster.category_number(category.as_str()),
        Event::Certified { .. } => None,
        _ => return,
    };
    match (moments.next(), category) {
        (Some(FigureSnapshot::Category(figures)), Some(category)) => {
            tally.set_category_figures(category, &figures)
        }
        (Some(FigureSnapshot::Whole(figures)), None) => tally.set_figures(*figures),
        _ => {}
    }
}
