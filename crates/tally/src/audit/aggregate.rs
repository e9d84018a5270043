//! What depends on all voters: the shares' figures added up, and staff's events judged by them.

use std::collections::BTreeMap;

use acclaim_ballot_log::hash::Hash;
use acclaim_ballot_log::{Event, LogEntry, Salt};
use acclaim_contest::Phase;

use super::block::Block;
use super::partition_tally::PartitionTally;
use crate::admit::admit;
use crate::figures::{FigureSnapshot, Figures};
use crate::partition::Scope;
use crate::replay::verify_certified;
use crate::{ResultDocument, Tally};

/// Bytes of staff's events that are kept to be judged, about. A contest of 100,000 entries with long texts, and every ruling that people can make, is
/// far below.
const MAX_EVENT_BYTES: usize = 512 << 20;
/// Bytes that an event takes in memory for each byte of its line, about.
const EVENT_MEMORY: usize = 3;

/// See the [module](self).
#[derive(Default)]
pub(super) struct Aggregate {
    events: Vec<StaffEvent>,
    bytes: usize,
    /// Before each entry that depends on figures, in their order.
    moments: Vec<FigureSnapshot>,
    /// At the log's end.
    last: Figures,
    findings: Vec<(u64, String)>,
    /// Whether a share could not be folded to the end: then nothing can be judged.
    is_incomplete: bool,
}

/// A staff event, as far as the result depends on it; voids of ballots are in the shares' figures.
struct StaffEvent {
    index: u64,
    event: Box<Event>,
    salt: Option<Salt>,
    /// The tree's root before a `certified` entry.
    root: Option<Hash>,
}

/// What the log comes to.
pub(super) struct AggregateOutcome {
    pub(super) tally: Tally,
    pub(super) result: Option<ResultDocument>,
    pub(super) findings: Vec<(u64, String)>,
}

impl Aggregate {
    /// Keeps the events of a block.
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
                    let reason = "more events of staff than can be judged".to_owned();
                    self.findings.push((index, reason));
                    return;
                }
                self.events.push(StaffEvent { index, event, salt, root: roots.get(&index).copied() });
            }
        }
    }

    /// Adds a share that is counted; returns what it has found.
    pub(super) fn add(&mut self, count: PartitionTally) -> Vec<(u64, String)> {
        self.last.add(&Figures::of(&count.tally));
        self.is_incomplete |= !count.can_fold;
        for (number, moment) in count.moments.into_iter().enumerate() {
            match self.moments.get_mut(number) {
                Some(sum) => sum.add(&moment),
                None => self.moments.push(moment),
            }
        }
        count.findings
    }

    /// Folds the events with the figures as they stood at each, and ends with those of the whole log.
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
        tally.set_figures(self.last);
        let result = match tally.phase() {
            Phase::Certified => document,
            _ => tally.provisional_result(origin, &root),
        };
        AggregateOutcome { tally, result, findings }
    }
}

/// Gives a tally the figures as they stood before an event, if it depends on them.
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
