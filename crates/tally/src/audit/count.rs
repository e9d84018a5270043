//! One share of the voters, folded.

use acclaim_ballot_log::{Event, LogEntry};
use acclaim_contest::ContestId;

use super::MOST_FINDINGS;
use super::block::{Block, Line};
use crate::admit::admit;
use crate::figures::Figures;
use crate::share::Scope;
use crate::{Prepared, Tally};

/// Moments at which figures of all voters are asked for, numbered. Between two of them something has changed that figures depend on.
#[derive(Debug, Default)]
pub(super) struct Moments {
    count: usize,
    /// Whether nothing has changed since the newest.
    still: bool,
}

impl Moments {
    /// Passes an entry; for one that depends on figures, the number of the moment before it.
    pub(super) fn pass(&mut self, entry: &LogEntry<'_>) -> Option<usize> {
        let event = match entry {
            LogEntry::Ballot(_) => {
                self.still = false;
                return None;
            }
            LogEntry::Event(event) => event,
        };
        match &**event {
            Event::Voided { .. } | Event::Reinstated { .. } => self.still = false,
            Event::Choice { .. } | Event::Certified { .. } => {
                self.count += usize::from(!self.still);
                self.still = true;
                return self.count.checked_sub(1);
            }
            _ => {}
        }
        None
    }
}

/// See the [module](self).
pub(super) struct ShareCount {
    scope: Scope,
    pub(super) tally: Tally,
    moments: Moments,
    /// Figures by moment.
    pub(super) figures: Vec<Figures>,
    /// Whether entries are still folded. Where the first one is refused nothing after it can be judged, nor after too many.
    pub(super) folds: bool,
    pub(super) findings: Vec<(u64, String)>,
}

impl ShareCount {
    pub(super) fn new(scope: Scope, room: usize) -> Self {
        Self {
            scope,
            tally: Tally::of(scope, room),
            moments: Moments::default(),
            figures: Vec::new(),
            folds: true,
            findings: Vec::new(),
        }
    }

    /// The contest, once its first entry is folded.
    pub(super) fn contest(&self) -> Option<&ContestId> {
        self.tally.header().map(|header| &header.contest)
    }

    pub(super) fn take(&mut self, block: &Block<'_>) {
        for (index, line) in block.lines() {
            self.take_line(index, line);
        }
    }

    fn take_line(&mut self, index: u64, line: &Line<'_>) {
        match line {
            Ok(prepared) if self.folds => self.fold(index, prepared),
            Ok(_) => self.tally.pass_over(),
            Err(_) => {
                self.folds &= index > 0;
                self.tally.pass_over();
            }
        }
    }

    fn fold(&mut self, index: u64, prepared: &Prepared<'_>) {
        let entry = prepared.entry();
        if let Some(moment) = self.moments.pass(entry)
            && moment == self.figures.len()
        {
            self.figures.push(Figures::of(&self.tally));
        }
        if let LogEntry::Ballot(ballot) = entry
            && !self.scope.holds(ballot.voter.prefix())
        {
            return self.tally.pass_over();
        }
        match admit(&self.tally, entry, prepared.ballot_id_in(&self.tally)) {
            Ok(admitted) => self.tally.apply(entry, admitted),
            Err(refusal) => {
                self.findings.push((index, refusal.to_string()));
                self.folds = index > 0 && self.findings.len() < MOST_FINDINGS;
                self.tally.pass_over();
            }
        }
    }
}
