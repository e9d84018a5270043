//! The tally of one partition of the voters.

use acclaim_ballot_log::LogEntry;
use acclaim_contest::ContestId;

use super::{
    block::{Block, Line},
    finding::MAX_FINDINGS,
};
use crate::{PreparedLine, Tally, admit::admit, figures::FigureSnapshot, partition::Scope};

/// Maximum number of figures that a partition holds in all snapshots: a few hundred mebibytes.
///
/// With a hundred thousand entries in one category, a panel may choose about eighty times.
const MAX_FIGURES: usize = 1 << 23;

/// See the [module](self).
pub(super) struct PartitionTally {
    scope: Scope,
    pub(super) tally: Tally,
    /// The figures before each entry that depends on the figures of all voters, in log order.
    pub(super) moments: Vec<FigureSnapshot>,
    /// Number of figures in all snapshots.
    figures: usize,
    /// Whether entries are still folded.
    ///
    /// If the first entry is refused, nothing after it can be judged. The same is true after too
    /// many findings or snapshots.
    pub(super) can_fold: bool,
    pub(super) findings: Vec<(u64, String)>,
}

impl PartitionTally {
    pub(super) fn new(scope: Scope, voter_capacity: usize) -> Self {
        Self {
            scope,
            tally: Tally::with_scope(scope, voter_capacity),
            moments: Vec::new(),
            figures: 0,
            can_fold: true,
            findings: Vec::new(),
        }
    }

    /// The contest, once the first entry is folded.
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
            Ok(prepared) if self.can_fold => self.fold(index, prepared),
            Ok(_) => self.tally.skip_entry(),
            Err(_) => {
                self.can_fold &= index > 0;
                self.tally.skip_entry();
            }
        }
    }

    fn fold(&mut self, index: u64, prepared: &PreparedLine<'_>) {
        let entry = prepared.entry();
        if let LogEntry::Event(event, _) = entry
            && let Some(snapshot) = FigureSnapshot::before(event, &self.tally)
        {
            self.figures += snapshot.len();
            if self.figures > MAX_FIGURES {
                let reason = "cannot be judged: too many choices and certifications to hold in memory";
                self.findings.push((index, reason.to_owned()));
                self.can_fold = false;
                return self.tally.skip_entry();
            }
            self.moments.push(snapshot);
        }
        if let LogEntry::Ballot(ballot) = entry
            && !self.scope.holds(ballot.voter.prefix())
        {
            return self.tally.skip_entry();
        }
        match admit(&self.tally, entry, prepared.ballot_id_in(&self.tally)) {
            Ok(admitted) => self.tally.apply(entry, admitted),
            Err(refusal) => {
                self.findings.push((index, refusal.to_string()));
                self.can_fold = index > 0 && self.findings.len() < MAX_FINDINGS;
                self.tally.skip_entry();
            }
        }
    }
}
