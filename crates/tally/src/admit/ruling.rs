//! Admission of staff decisions: amendments, withdrawals, voids, reinstatements, choices.

use std::collections::BTreeSet;

use acclaim_contest::{
    BallotId, CategoryId, EntryId, Instant,
    amendment::{Amendment, DefinitionAmendment},
    rules::WinnersBy,
};

use super::AdmittedEntry;
use crate::{
    numbers::{BallotNumber, EntryNumber, VoterNumber},
    refusal::Refusal,
    tally::Tally,
};

pub(super) fn admit_amendment(tally: &Tally, what: &str, key: &str, to: &Amendment) -> Result<(), Refusal> {
    match DefinitionAmendment::read(what, key, to).map_err(Refusal::InvalidAmendment)? {
        DefinitionAmendment::Closes(closes) => admit_closes(tally, closes),
        DefinitionAmendment::Category(id, _) => known_category(tally, id),
        DefinitionAmendment::Entry(id, _) => known_entry(tally, id).map(|_| ()),
    }
}

fn admit_closes(tally: &Tally, to: Instant) -> Result<(), Refusal> {
    if !tally.phase.is_voting() {
        return Err(Refusal::OutOfPlace { entry: "amended", phase: tally.phase });
    }
    match (tally.closes, tally.division.latest_closing()) {
        (Some(closes), _) if to <= closes => Err(Refusal::ClosesNotLater { closes }),
        (_, Some(latest)) if to > latest => Err(Refusal::ClosesBeyondDays { latest }),
        _ => Ok(()),
    }
}

fn known_entry(tally: &Tally, id: &str) -> Result<EntryNumber, Refusal> {
    tally.roster.entry_number(id).ok_or_else(|| Refusal::UnknownEntry(id.to_owned()))
}

fn known_category(tally: &Tally, id: &str) -> Result<(), Refusal> {
    tally.roster.category_number(id).map(|_| ()).ok_or_else(|| Refusal::UnknownCategory(id.to_owned()))
}

pub(super) fn admit_withdrawal(tally: &Tally, id: &EntryId) -> Result<EntryNumber, Refusal> {
    let number = known_entry(tally, id.as_str())?;
    match tally.roster.entry(number).withdrawn {
        Some(_) => Err(Refusal::AlreadyWithdrawn(id.clone())),
        None => Ok(number),
    }
}

pub(super) fn admit_void(
    tally: &Tally,
    ids: &[BallotId],
) -> Result<Vec<(VoterNumber, BallotNumber)>, Refusal> {
    find_ballots(tally, ids, |voided, id| if voided { Err(Refusal::AlreadyVoided(id)) } else { Ok(()) })
}

pub(super) fn admit_reinstatement(
    tally: &Tally,
    entry: Option<&EntryId>,
    ballots: Option<&[BallotId]>,
) -> Result<AdmittedEntry, Refusal> {
    if let Some(id) = entry {
        let number = known_entry(tally, id.as_str())?;
        return match tally.roster.entry(number).withdrawn {
            Some(_) => Ok(AdmittedEntry::Entries(vec![number])),
            None => Err(Refusal::NotWithdrawn(id.clone())),
        };
    }
    let ids = ballots.unwrap_or_default();
    find_ballots(tally, ids, |voided, id| if voided { Ok(()) } else { Err(Refusal::NotVoided(id)) })
        .map(AdmittedEntry::Ballots)
}

/// Finds the named ballots that are in the tally's scope, and checks each one.
///
/// `check` is called with whether the ballot is voided. For a ballot that is named twice, the
/// second call gets its state after the first ruling.
fn find_ballots(
    tally: &Tally,
    ids: &[BallotId],
    check: impl Fn(bool, BallotId) -> Result<(), Refusal>,
) -> Result<Vec<(VoterNumber, BallotNumber)>, Refusal> {
    let mut checked = BTreeSet::new();
    ids.iter()
        .filter(|id| tally.scope.holds(id.prefix()))
        .map(|id| {
            let voter_and_ballot = tally.ballots.find(id).ok_or(Refusal::UnknownBallot(*id))?;
            let is_repeated = !checked.insert(voter_and_ballot.1);
            check(tally.ballots.record(voter_and_ballot.1).is_voided() != is_repeated, *id)?;
            Ok(voter_and_ballot)
        })
        .collect()
}

pub(super) fn admit_choice(
    tally: &Tally,
    category: &CategoryId,
    winners: &[EntryId],
) -> Result<Vec<EntryNumber>, Refusal> {
    if tally.header.as_ref().is_none_or(|header| header.rules.winners.by != WinnersBy::Choice) {
        return Err(Refusal::NotByChoice);
    }
    let number = tally
        .roster
        .category_number(category.as_str())
        .ok_or_else(|| Refusal::UnknownCategory(category.to_string()))?;
    // Only the tally of the whole contest knows the champions.
    let eligible = tally.scope.is_whole().then(|| tally.eligible(number));
    let mut chosen = Vec::with_capacity(winners.len());
    for id in winners {
        let entry = known_entry(tally, id.as_str())?;
        let state = tally.roster.entry(entry);
        if state.category != number {
            return Err(Refusal::WrongCategory { category: category.to_string(), entry: id.clone() });
        }
        if chosen.contains(&entry) {
            return Err(Refusal::RepeatedWinner(id.clone()));
        }
        if eligible.as_ref().is_some_and(|eligible| eligible.binary_search(&entry).is_err()) {
            let why = if state.withdrawn.is_some() { "it is withdrawn" } else { "it is not a champion" };
            return Err(Refusal::NotEligible { entry: id.clone(), why });
        }
        chosen.push(entry);
    }
    Ok(chosen)
}
