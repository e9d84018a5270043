//! The aggregate adds up the figures of the partitions. With the sums, it judges whether each staff
//! event is admissible.

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

/// Maximum memory of the staff events that wait until they are judged, in bytes. It is approximate.
///
/// A contest of 100,000 entries with long texts, and with all rulings that staff can enter by hand,
/// is far below this limit.
const MAX_EVENT_BYTES: usize = 512 << 20;
/// Approximate number of bytes of memory for each byte of an event's line in the log.
const MEMORY_PER_LINE_BYTE: usize = 3;

/// See the [module](self).
#[derive(Default)]
pub(super) struct Aggregate {
    events: Vec<StaffEvent>,
    /// Approximate memory of `events`, in bytes.
    event_bytes: usize,
    /// The figures before each entry that depends on figures, in log order.
    snapshots: Vec<FigureSnapshot>,
    /// The figures at the end of the log.
    final_figures: Figures,
    findings: Vec<(u64, String)>,
    /// Whether a partition could not be folded to the end. Then no event can be judged.
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
                let line_size = event.encode(salt).map_or(0, |line| line.len());
                self.event_bytes +=
                    size_of::<StaffEvent>() + size_of::<Event>() + line_size * MEMORY_PER_LINE_BYTE;
                if self.event_bytes > MAX_EVENT_BYTES {
                    let reason = "cannot be judged: too many staff events to hold in memory".to_owned();
                    self.findings.push((index, reason));
                    return;
                }
                self.events.push(StaffEvent { index, event, salt, root: roots.get(&index).copied() });
            }
        }
    }

    /// Adds the figures that a partition has at the end of the log.
    ///
    /// Returns the partition's findings.
    pub(super) fn add(&mut self, partition: PartitionTally) -> Vec<(u64, String)> {
        self.final_figures.add(&Figures::of(&partition.tally));
        self.is_incomplete |= !partition.can_fold;
        for (number, snapshot) in partition.moments.into_iter().enumerate() {
            match self.snapshots.get_mut(number) {
                Some(sum) => sum.add(&snapshot),
                None => self.snapshots.push(snapshot),
            }
        }
        partition.findings
    }

    /// Folds the staff events. Each is judged by the figures before it.
    ///
    /// The returned tally has the figures of the whole log.
    pub(super) fn judge(self, origin: &str, size: u64, root: Hash) -> AggregateOutcome {
        let mut tally = Tally::with_scope(Scope::Aggregate, 0);
        let mut findings = self.findings;
        let mut certified_result = None;
        let events = if self.is_incomplete { Vec::new() } else { self.events };
        let mut snapshots = self.snapshots.into_iter();
        for StaffEvent { index, event, salt, root } in events {
            tally.size = index;
            set_figures_before(&mut tally, &event, &mut snapshots);
            let entry = LogEntry::Event(event, salt);
            let LogEntry::Event(event, _) = &entry else { continue };
            let admitted = admit(&tally, &entry, None).and_then(|admitted| {
                let certified = verify_certified(&tally, event, origin, || root.unwrap_or(Hash([0; 32])))?;
                Ok((admitted, certified))
            });
            match admitted {
                Ok((admitted, certified)) => {
                    certified_result = match &**event {
                        Event::Certified { .. } => certified,
                        Event::Reopened(_) => None,
                        _ => certified_result,
                    };
                    tally.apply(&entry, admitted);
                }
                Err(refusal) => findings.push((index, refusal.to_string())),
            }
        }
        tally.size = size;
        tally.set_figures(self.final_figures);
        let result = match tally.phase() {
            Phase::Certified => certified_result,
            _ => tally.provisional_result(origin, &root),
        };
        AggregateOutcome { tally, result, findings }
    }
}

/// Sets the tally's figures to the next snapshot, if the event depends on figures.
fn set_figures_before(
    tally: &mut Tally,
    event: &Event,
    snapshots: &mut impl Iterator<Item = FigureSnapshot>,
) {
    let category = match event {
        Event::Choice { category, .. } => tally.roster.category_number(category.as_str()),
        Event::Certified { .. } => None,
        _ => return,
    };
    match (snapshots.next(), category) {
        (Some(FigureSnapshot::Category(figures)), Some(category)) => {
            tally.set_category_figures(category, &figures);
        }
        (Some(FigureSnapshot::Whole(figures)), None) => tally.set_figures(*figures),
        _ => {}
    }
}
