//! `earliest`: the log index at which an entry last reached its final total.
//!
//! A voided ballot counts as never cast, but the ballot that it replaced stays replaced. So a void
//! and its reinstatement leave no trace. Rulings themselves are not changes. A ballot that replaces
//! another one and keeps an entry changes nothing for that entry.
//!
//! With `completion` = `all` the votes of a sheet count from the index at which its last category
//! is voted in.

use acclaim_contest::rules::Completion;

use crate::{
    ballots::Ballots,
    count::category_count,
    numbers::{BallotNumber, EntryNumber},
    roster::Roster,
    tally::Tally,
};

impl Tally {
    /// For each entry, the log index at which its counted total last changed.
    ///
    /// `None` for an entry that never had a vote.
    pub(crate) fn reached(&self) -> &[Option<u32>] {
        if let Some(sum) = &self.sum {
            return &sum.reached;
        }
        self.reached.get_or_init(|| match self.completion() {
            Completion::Any => BallotScan::new(&self.ballots, &self.roster).any(),
            Completion::All => BallotScan::new(&self.ballots, &self.roster).all(),
        })
    }
}

/// One pass over the ballots in log order.
struct BallotScan<'a> {
    ballots: &'a Ballots,
    roster: &'a Roster,
    reached: Vec<Option<u32>>,
    /// Marks for comparing two sets of votes. The entries of the first set carry the present mark.
    marks: Vec<u32>,
    mark: u32,
}

impl<'a> BallotScan<'a> {
    fn new(ballots: &'a Ballots, roster: &'a Roster) -> Self {
        let entries = roster.entries.len();
        Self { ballots, roster, reached: vec![None; entries], marks: vec![0; entries], mark: 0 }
    }

    fn any(mut self) -> Vec<Option<u32>> {
        for ballot in 0..self.ballots.len() {
            let record = *self.ballots.record(ballot);
            let before = record.replaces().filter(|replaced| !self.ballots.record(*replaced).is_voided());
            let after = Some(ballot).filter(|_| !record.is_voided());
            self.change(record.index, before.as_slice(), after.as_slice());
        }
        self.reached
    }

    fn all(mut self) -> Vec<Option<u32>> {
        let mut replaced = vec![false; self.ballots.len() as usize];
        for ballot in 0..self.ballots.len() {
            let record = *self.ballots.record(ballot);
            let before = self.complete_votes(self.ballots.previous_on_sheet(ballot), &replaced);
            if let Some(flag) = record.replaces().and_then(|number| replaced.get_mut(number as usize)) {
                *flag = true;
            }
            let after = self.complete_votes(Some(ballot), &replaced);
            self.change(record.index, &before, &after);
        }
        self.reached
    }

    /// The ballots of a sheet that count when `newest` is its newest ballot.
    ///
    /// Empty unless they have a vote in every category.
    fn complete_votes(&self, newest: Option<BallotNumber>, replaced: &[bool]) -> Vec<BallotNumber> {
        let is_replaced = |ballot: BallotNumber| replaced.get(ballot as usize).copied().unwrap_or(false);
        let standing: Vec<BallotNumber> = self
            .ballots
            .back_from(newest)
            .filter(|ballot| !self.ballots.record(*ballot).is_voided() && !is_replaced(*ballot))
            .collect();
        let categories: usize =
            standing.iter().map(|ballot| category_count(self.ballots, self.roster, *ballot)).sum();
        if categories == self.roster.categories.len() { standing } else { Vec::new() }
    }

    /// Sets `index` for every entry that has a vote in exactly one of the two sets.
    fn change(&mut self, index: u32, before: &[BallotNumber], after: &[BallotNumber]) {
        self.mark += 1;
        let (ballots, mark) = (self.ballots, self.mark);
        for entry in selections(ballots, before) {
            self.set_mark(entry, mark);
        }
        for entry in selections(ballots, after) {
            if self.marked(entry) == mark {
                self.set_mark(entry, 0);
            } else {
                self.note(entry, index);
            }
        }
        for entry in selections(ballots, before) {
            if self.marked(entry) == mark {
                self.note(entry, index);
            }
        }
    }

    fn marked(&self, entry: EntryNumber) -> u32 {
        self.marks.get(entry as usize).copied().unwrap_or(0)
    }

    fn set_mark(&mut self, entry: EntryNumber, mark: u32) {
        if let Some(place) = self.marks.get_mut(entry as usize) {
            *place = mark;
        }
    }

    fn note(&mut self, entry: EntryNumber, index: u32) {
        if let Some(place) = self.reached.get_mut(entry as usize) {
            *place = Some(index);
        }
    }
}

fn selections<'b>(ballots: &'b Ballots, set: &'b [BallotNumber]) -> impl Iterator<Item = EntryNumber> + 'b {
    set.iter().flat_map(|ballot| ballots.selections(*ballot)).copied()
}
