//! Counting, ballot by ballot: each recorded ballot belongs to exactly one class, and moving it between classes is the only way in which
//! a figure changes.

use acclaim_contest::rules::Completion;

use crate::ballot_counts::{BallotCounts, Class, CountChange};
use crate::ballots::{BallotRecord, Ballots};
use crate::numbers::{BallotNumber, CategoryNumber, VoterNumber};
use crate::roster::Roster;
use crate::sheet_layout::{SheetLayout, SheetNumber};

/// Whether a sheet has a vote in every category, if the contest asks for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Completeness {
    /// By standing ballots.
    pub(crate) with_rulings: bool,
    /// By the ballots that would stand had none been voided.
    pub(crate) without_rulings: bool,
}

/// All that changes when ballots do.
pub(crate) struct Counter<'a> {
    pub(crate) ballots: &'a Ballots,
    pub(crate) division: &'a SheetLayout,
    pub(crate) roster: &'a mut Roster,
    pub(crate) totals: &'a mut BallotCounts,
}

impl Counter<'_> {
    /// Adds a ballot to every figure it is part of, or takes it out of them.
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

/// Whether a voter's sheet has a vote in every category; with [`Completion::Any`] every sheet counts.
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
        // Slots hold one ballot each, so the categories of different ballots are different.
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

/// How many categories a ballot votes in.
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
