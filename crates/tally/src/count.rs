//! The counter updates the figures ballot by ballot.
//!
//! Each recorded ballot belongs to exactly one class. A figure changes only when a ballot moves
//! between classes.

use acclaim_contest::rules::Completion;

use crate::{
    ballot_counts::{BallotCounts, Class, CountChange},
    ballots::{BallotRecord, Ballots},
    numbers::{BallotNumber, CategoryNumber, VoterNumber},
    roster::Roster,
    sheet_layout::{SheetLayout, SheetNumber},
};

/// Whether a sheet is complete: it has a vote in every category.
///
/// Without `completion` = `all` every sheet is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Completeness {
    /// By the standing ballots.
    pub(crate) with_rulings: bool,
    /// By the ballots that would stand if no ballot were voided.
    pub(crate) without_rulings: bool,
}

/// The state that changes when ballots change.
pub(crate) struct Counter<'a> {
    pub(crate) ballots: &'a Ballots,
    pub(crate) division: &'a SheetLayout,
    pub(crate) roster: &'a mut Roster,
    pub(crate) totals: &'a mut BallotCounts,
}

impl Counter<'_> {
    /// Adds a ballot to every figure that it is part of, or removes it from them.
    pub(crate) fn step(&mut self, ballot: BallotNumber, complete: Completeness, step: CountChange) {
        let record = self.ballots.record(ballot);
        let class = class(record, complete);
        let counts = class == Class::Counted;
        let counts_unruled = !record.is_replaced() && complete.without_rulings;
        self.totals.step(class, step);
        let channel = self.division.channel_of(self.ballots.sheet_of(ballot));
        let mut last: Option<CategoryNumber> = None;
        for number in self.ballots.selections(ballot) {
            let votes = self.roster.votes_mut(*number, channel);
            step.apply(&mut votes.with_rulings, counts);
            step.apply(&mut votes.without_rulings, counts_unruled);
            let category = self.roster.entry(*number).category;
            if last != Some(category) {
                last = Some(category);
                let category = self.roster.category_mut(category);
                category.ballots.step(class, step);
                step.apply(&mut category.slots, !record.is_replaced());
            }
        }
    }
}

/// Computes whether a voter's sheet has a vote in every category.
///
/// With [`Completion::Any`] every sheet is complete.
pub(crate) fn completeness(
    completion: Completion,
    ballots: &Ballots,
    roster: &Roster,
    (voter, sheet): (VoterNumber, SheetNumber),
) -> Completeness {
    if completion == Completion::Any {
        return Completeness { with_rulings: true, without_rulings: true };
    }
    let (mut with_rulings, mut without_rulings) = (0, 0);
    for ballot in ballots.on_sheet(voter, sheet) {
        let record = ballots.record(ballot);
        // A slot holds one ballot, so different ballots on a sheet fill different categories.
        let categories = if record.is_replaced() { 0 } else { category_count(ballots, roster, ballot) };
        without_rulings += categories;
        with_rulings += if record.is_voided() { 0 } else { categories };
    }
    let all = roster.categories.len();
    Completeness { with_rulings: with_rulings == all, without_rulings: without_rulings == all }
}

/// The categories that a ballot votes in, each once.
pub(crate) fn categories<'a>(
    ballots: &'a Ballots,
    roster: &'a Roster,
    ballot: BallotNumber,
) -> impl Iterator<Item = CategoryNumber> + 'a {
    let mut last = None;
    ballots
        .selections(ballot)
        .iter()
        .map(|entry| roster.entry(*entry).category)
        .filter(move |category| last.replace(*category) != Some(*category))
}

/// The number of categories that a ballot votes in.
pub(crate) fn category_count(ballots: &Ballots, roster: &Roster, ballot: BallotNumber) -> usize {
    categories(ballots, roster, ballot).count()
}

fn class(record: &BallotRecord, complete: Completeness) -> Class {
    if record.is_voided() {
        Class::Voided
    } else if record.is_replaced() {
        Class::Replaced
    } else if complete.with_rulings {
        Class::Counted
    } else {
        Class::Incomplete
    }
}
