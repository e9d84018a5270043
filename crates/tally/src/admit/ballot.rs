//! Admission of ballots: the checks of the ballots that one voter may have in the log.

use acclaim_ballot_log::BallotEntry;
use acclaim_contest::{
    BallotId, CategoryId, Phase,
    rules::{BallotRules, Revision},
};

use crate::{
    ballots::{Lookup, MAX_BALLOTS_PER_SHEET, MAX_VOTERS_PER_PREFIX, NewRecord},
    count::categories,
    numbers::{BallotNumber, CategoryNumber, EntryNumber, VoterNumber},
    refusal::Refusal,
    sheet_layout::SheetNumber,
    tally::Tally,
};

/// An admitted ballot, resolved to numbers.
pub(crate) struct BallotPlan {
    pub(crate) record: NewRecord,
}

/// Admits a ballot. `expected_id` is the ballot's recomputed id, if the caller has it.
pub(super) fn admit(
    tally: &Tally,
    ballot: &BallotEntry<'_>,
    expected_id: Option<BallotId>,
) -> Result<BallotPlan, Refusal> {
    let Some(header) = &tally.header else { return Err(Refusal::VotingNotOpen) };
    match tally.phase {
        Phase::Draft => return Err(Refusal::VotingNotOpen),
        Phase::Suspended => return Err(Refusal::VotingSuspended),
        Phase::Open => {}
        Phase::Closed | Phase::Frozen | Phase::Certified => return Err(Refusal::VotingClosed),
    }
    let expected = expected_id.unwrap_or_else(|| ballot.expected_id(&header.contest));
    if ballot.id != expected {
        return Err(Refusal::WrongBallotId { expected });
    }
    let voter = match tally.ballots.voter(&ballot.voter) {
        Lookup::Known(voter) => Some(voter),
        Lookup::New { alike } if alike >= MAX_VOTERS_PER_PREFIX => {
            return Err(Refusal::TooLarge("voters whose tags begin with the same four bytes"));
        }
        Lookup::New { .. } => None,
    };
    if let Some(same) = voter.and_then(|voter| tally.ballots.find_of(voter, &ballot.id)) {
        return Err(Refusal::SameBallot { index: tally.ballots.record(same).index.into() });
    }
    let (sheet, window) = tally.division.sheet(ballot.channel, ballot.period)?;
    window.check(ballot.at)?;
    let rules = &header.rules.ballot;
    let votes = resolve(tally, ballot)?;
    if !tally.ballots.has_room(votes.entries.len()) {
        return Err(Refusal::TooLarge("votes"));
    }
    let replaces = check_voter(tally, ballot, rules, voter.map(|voter| (voter, sheet)), &votes)?;
    let (id, tag) = (ballot.id, ballot.voter);
    Ok(BallotPlan { record: NewRecord { id, tag, voter, sheet, replaces, entries: votes.entries } })
}

/// A ballot's votes as numbers.
struct BallotVotes {
    entries: Vec<EntryNumber>,
    /// Each category once, ascending.
    categories: Vec<CategoryNumber>,
}

/// Finds every entry, and checks the number of votes in each category.
fn resolve(tally: &Tally, ballot: &BallotEntry<'_>) -> Result<BallotVotes, Refusal> {
    let mut votes =
        BallotVotes { entries: Vec::with_capacity(ballot.selections.len()), categories: Vec::new() };
    let mut in_category = 0;
    for (category, entry) in ballot.selections {
        let Some(number) = tally.roster.entry_number(entry) else {
            return Err(unknown(tally, category, entry));
        };
        let state = tally.roster.entry(number);
        if tally.roster.category(state.category).id.as_str() != category {
            return Err(unknown(tally, category, entry));
        }
        if votes.categories.last() != Some(&state.category) {
            check_number(tally, votes.categories.last(), in_category)?;
            votes.categories.push(state.category);
            in_category = 0;
        }
        votes.entries.push(number);
        in_category += 1;
    }
    check_number(tally, votes.categories.last(), in_category)?;
    votes.categories.sort_unstable();
    Ok(votes)
}

fn unknown(tally: &Tally, category: &str, entry: &str) -> Refusal {
    match (tally.roster.category_number(category), tally.roster.entry_number(entry)) {
        (None, _) => Refusal::UnknownCategory(category.to_owned()),
        (_, None) => Refusal::UnknownEntry(entry.to_owned()),
        (_, Some(number)) => {
            let entry = tally.roster.entry(number).id.clone();
            Refusal::WrongCategory { category: category.to_owned(), entry }
        }
    }
}

/// Checks the number of votes in a category after all of them are read.
///
/// `category` is `None` before the first category.
fn check_number(tally: &Tally, category: Option<&CategoryNumber>, votes: u32) -> Result<(), Refusal> {
    let Some(category) = category else { return Ok(()) };
    let state = tally.roster.category(*category);
    let ([least, most], id) = (state.votes, || state.id.clone());
    if votes < least {
        return Err(Refusal::TooFewInCategory { category: id(), votes, least });
    }
    if votes > most {
        return Err(Refusal::TooManyInCategory { category: id(), votes, most });
    }
    Ok(())
}

/// Checks a ballot against the voter's other ballots: replacement, slots, number of votes.
///
/// Returns the ballot that it replaces.
fn check_voter(
    tally: &Tally,
    ballot: &BallotEntry<'_>,
    rules: &BallotRules,
    voter: Option<(VoterNumber, SheetNumber)>,
    votes: &BallotVotes,
) -> Result<Option<BallotNumber>, Refusal> {
    if ballot.replaces.is_some() && rules.revision == Revision::Final {
        return Err(Refusal::ReplacementNotAllowed);
    }
    let replaces = match (ballot.replaces, voter) {
        (None, _) => None,
        (Some(_), None) => return Err(Refusal::ReplacesNotStanding { standing: None }),
        (Some(id), Some((voter, sheet))) => Some(find_replaced(tally, voter, sheet, &id, votes)?),
    };
    let mut others = OtherBallots::default();
    for other in voter.into_iter().flat_map(|(voter, sheet)| tally.ballots.on_sheet(voter, sheet)) {
        others.add(tally, other, replaces, votes);
    }
    if others.ballots >= MAX_BALLOTS_PER_SHEET {
        return Err(Refusal::TooLarge("ballots of a voter"));
    }
    if !others.taken.is_empty() {
        let mut categories: Vec<CategoryId> =
            others.taken.iter().map(|category| tally.roster.category(*category).id.clone()).collect();
        categories.sort_unstable();
        return Err(Refusal::AlreadyVoted { categories });
    }
    if let (Some(_), Some((voter, _))) = (replaces, voter) {
        let most = rules.revisions.unwrap_or(0);
        if tally.ballots.replacements(voter) >= u64::from(most) {
            return Err(Refusal::TooManyRevisions { most });
        }
    }
    check_limits(tally, &others.filled, votes)?;
    let total_votes = others.votes + votes.entries.len() as u64;
    match rules.votes_in_all {
        Some(most) if total_votes > u64::from(most) => {
            Err(Refusal::TooManyVotes { votes: total_votes, most })
        }
        _ => Ok(replaces),
    }
}

/// Totals of the voter's other ballots on the sheet.
#[derive(Default)]
struct OtherBallots {
    ballots: usize,
    /// Number of votes in slots that stay filled.
    votes: u64,
    /// Categories that these ballots fill. Collected only where the contest has limits.
    filled: Vec<CategoryNumber>,
    /// Categories of the new ballot that another ballot fills.
    taken: Vec<CategoryNumber>,
}

impl OtherBallots {
    fn add(
        &mut self,
        tally: &Tally,
        other: BallotNumber,
        replaced: Option<BallotNumber>,
        votes: &BallotVotes,
    ) {
        let record = tally.ballots.record(other);
        self.ballots += 1;
        // A voided ballot fills its slots, and a replaced ballot does not.
        if record.is_replaced() || replaced == Some(other) {
            return;
        }
        self.votes += tally.ballots.selections(other).len() as u64;
        if !tally.limits.is_empty() {
            self.filled.extend(categories(&tally.ballots, &tally.roster, other));
        }
        let other_categories = categories(&tally.ballots, &tally.roster, other);
        self.taken
            .extend(other_categories.filter(|category| votes.categories.binary_search(category).is_ok()));
    }
}

/// Checks the limits over several categories.
///
/// The voter's other ballots on the sheet and the new ballot count together.
fn check_limits(tally: &Tally, filled: &[CategoryNumber], votes: &BallotVotes) -> Result<(), Refusal> {
    for limit in &tally.limits {
        let is_limited = |category: &&CategoryNumber| limit.categories.binary_search(category).is_ok();
        // No category is filled twice on a sheet.
        let categories = filled.iter().chain(&votes.categories).filter(is_limited).count();
        if categories > limit.most as usize {
            let named = limit.categories.iter().map(|category| tally.roster.category(*category).id.clone());
            return Err(Refusal::TooManyCategories { categories, most: limit.most, limit: named.collect() });
        }
    }
    Ok(())
}

fn find_replaced(
    tally: &Tally,
    voter: VoterNumber,
    sheet: SheetNumber,
    id: &BallotId,
    votes: &BallotVotes,
) -> Result<BallotNumber, Refusal> {
    let stands = |ballot: &BallotNumber| tally.ballots.record(*ballot).stands();
    let on_sheet = |ballot: &BallotNumber| tally.ballots.sheet_of(*ballot) == sheet;
    if let Some(ballot) = tally.ballots.find_of(voter, id).filter(stands).filter(on_sheet) {
        return Ok(ballot);
    }
    let shares_category = |ballot: &BallotNumber| {
        categories(&tally.ballots, &tally.roster, *ballot)
            .any(|category| votes.categories.binary_search(&category).is_ok())
    };
    let standing = tally.ballots.on_sheet(voter, sheet).filter(stands).find(shares_category);
    Err(Refusal::ReplacesNotStanding { standing: standing.map(|ballot| tally.ballots.id(voter, ballot)) })
}
