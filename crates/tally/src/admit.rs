//! Admission decides whether an entry may be the next one of the log.
//!
//! The sequencer and the auditor share this one function. Its decision depends only on the state
//! folded so far and on the entry.

mod ballot;
mod recusal;
mod rules;
mod ruling;
mod scores;
mod version;

use acclaim_ballot_log::{Event, LogEntry};
use acclaim_contest::{BallotId, Instant, Phase};
use acclaim_text::shortened;

pub(crate) use self::ballot::BallotPlan;
use crate::{
    numbers::{BallotNumber, EntryNumber, VoterNumber},
    recusals::RecusalKey,
    refusal::Refusal,
    scores::ScoreList,
    sheet_layout::SheetLayout,
    tally::Tally,
};

/// The result of admission. The fold uses it, so that it looks nothing up again.
pub(crate) enum AdmittedEntry {
    /// A ballot, resolved to numbers.
    Ballot(BallotPlan),
    /// The ballots that a ruling names.
    Ballots(Vec<(VoterNumber, BallotNumber)>),
    /// The entries that a ruling or choice names.
    Entries(Vec<EntryNumber>),
    /// A juror's scores.
    Scores(ScoreList),
    /// A juror of a panel, by the panel's position, and an entry that the juror does not judge.
    Recusal(RecusalKey),
    /// The sheets into which the contest divides a voter's votes.
    Contest(Box<SheetLayout>),
    /// An entry with nothing to resolve.
    Plain,
}

/// Admits `entry` as the next one. `ballot_id` is a ballot's recomputed id, if the caller has it.
pub(crate) fn admit(
    tally: &Tally,
    entry: &LogEntry<'_>,
    ballot_id: Option<BallotId>,
) -> Result<AdmittedEntry, Refusal> {
    if tally.size >= u64::from(u32::MAX) - 1 {
        return Err(Refusal::TooLarge("entries of the log"));
    }
    match entry {
        LogEntry::Ballot(ballot) => ballot::admit(tally, ballot, ballot_id).map(AdmittedEntry::Ballot),
        LogEntry::Event(event, salt) => {
            version::check(tally, event, salt.is_some())?;
            admit_event(tally, event)
        }
    }
}

fn admit_event(tally: &Tally, event: &Event) -> Result<AdmittedEntry, Refusal> {
    check_phase(tally, event)?;
    match event {
        Event::Contest(header) => {
            return rules::check(header).map(|division| AdmittedEntry::Contest(Box::new(division)));
        }
        Event::Category(category) => {
            if tally.roster.category_number(category.id.as_str()).is_some() {
                return Err(Refusal::RepeatedCategory(category.id.clone()));
            }
            rules::check_category(tally, category)?;
        }
        Event::Entry(entry) => {
            if tally.roster.category_number(entry.category.as_str()).is_none() {
                return Err(Refusal::UnknownCategory(entry.category.to_string()));
            }
            if tally.roster.entry_number(entry.id.as_str()).is_some() {
                return Err(Refusal::RepeatedEntry(entry.id.clone()));
            }
        }
        Event::Opened { at } => admit_opened(tally, *at)?,
        Event::Closed { at } => admit_closed(tally, *at)?,
        Event::Issued { source, passes, .. } => {
            let before = tally.issued.get(source).copied().unwrap_or(0);
            if *passes < before {
                return Err(Refusal::PassesDecreased { source_name: source.clone(), before });
            }
        }
        Event::Certified { .. } => {
            if tally.header.as_ref().is_none_or(|header| header.test) {
                return Err(Refusal::TestContest);
            }
        }
        Event::Amended { what, key, to, .. } => ruling::admit_amendment(tally, what, key, to)?,
        Event::Withdrawn { entry, .. } => {
            return ruling::admit_withdrawal(tally, entry).map(|entry| AdmittedEntry::Entries(vec![entry]));
        }
        Event::Voided { ballots, .. } => {
            return ruling::admit_void(tally, ballots).map(AdmittedEntry::Ballots);
        }
        Event::Reinstated { entry, ballots, .. } => {
            return ruling::admit_reinstatement(tally, entry.as_ref(), ballots.as_deref());
        }
        Event::Choice { category, winners, .. } => {
            return ruling::admit_choice(tally, category, winners).map(AdmittedEntry::Entries);
        }
        Event::Scores { panel, juror, category, criterion, values, .. } => {
            let criterion = criterion.as_deref();
            return scores::admit(tally, &scores::ScoresInput { panel, juror, category, criterion, values })
                .map(AdmittedEntry::Scores);
        }
        Event::Drawn { source, .. } => admit_drawn(tally, source)?,
        Event::Recused(recusal) => return recusal::admit(tally, recusal, true).map(AdmittedEntry::Recusal),
        Event::Rejoined(recusal) => return recusal::admit(tally, recusal, false).map(AdmittedEntry::Recusal),
        Event::Unfrozen(_) => admit_unfrozen(tally)?,
        Event::Suspended(_) if tally.phase == Phase::Suspended => return Err(Refusal::AlreadySuspended),
        Event::Resumed(_) if tally.phase != Phase::Suspended => return Err(Refusal::NotSuspended),
        Event::Frozen { .. }
        | Event::Reopened(_)
        | Event::Statement { .. }
        | Event::Suspended(_)
        | Event::Resumed(_) => {}
    }
    Ok(AdmittedEntry::Plain)
}

/// Checks the phase, as the column "when" of the log format defines it.
fn check_phase(tally: &Tally, event: &Event) -> Result<(), Refusal> {
    use Phase::{Certified, Draft};
    let phase = tally.phase;
    let entry = event.type_name();
    let fits = match event {
        Event::Contest(_) => tally.size == 0,
        _ if tally.header.is_none() => false,
        Event::Category(_) | Event::Entry(_) | Event::Opened { .. } => phase == Draft,
        Event::Statement { .. } => true,
        Event::Issued { .. } => phase != Draft,
        Event::Amended { .. }
        | Event::Withdrawn { .. }
        | Event::Voided { .. }
        | Event::Reinstated { .. }
        | Event::Recused(_)
        | Event::Rejoined(_)
        | Event::Scores { .. } => phase.is_voting() || phase.is_closed(),
        Event::Closed { .. } | Event::Suspended(_) | Event::Resumed(_) => phase.is_voting(),
        Event::Frozen { .. }
        | Event::Unfrozen(_)
        | Event::Drawn { .. }
        | Event::Choice { .. }
        | Event::Certified { .. } => phase.is_closed(),
        Event::Reopened(_) => phase == Certified,
    };
    if !fits {
        return Err(Refusal::OutOfPlace { entry, phase });
    }
    let ruling = matches!(
        event,
        Event::Withdrawn { .. }
            | Event::Voided { .. }
            | Event::Reinstated { .. }
            | Event::Scores { .. }
            | Event::Recused(_)
            | Event::Rejoined(_)
            | Event::Frozen { .. }
    );
    if phase == Phase::Frozen && ruling { Err(Refusal::Frozen(entry)) } else { Ok(()) }
}

fn admit_opened(tally: &Tally, at: Instant) -> Result<(), Refusal> {
    let opens = tally.header.as_ref().map_or(at, |header| header.opens);
    if tally.roster.entries.is_empty() {
        return Err(Refusal::NoEntries);
    }
    rules::check_limits(tally)?;
    if at == opens { Ok(()) } else { Err(Refusal::OpenedAtAnotherInstant { at, opens }) }
}

fn admit_closed(tally: &Tally, at: Instant) -> Result<(), Refusal> {
    let opened = tally.opened.unwrap_or(at);
    let closes = tally.closes.unwrap_or(at);
    if (opened..=closes).contains(&at) { Ok(()) } else { Err(Refusal::ClosedOutside { at, opened, closes }) }
}

fn admit_drawn(tally: &Tally, source: &str) -> Result<(), Refusal> {
    let rules = tally.header.as_ref().and_then(|header| header.rules.draw.as_ref());
    let rules = rules.ok_or(Refusal::NoDraw("the rules have no draw"))?;
    if tally.phase != Phase::Frozen {
        return Err(Refusal::NoDraw("the log is not frozen"));
    }
    if tally.drawn.is_some() {
        return Err(Refusal::NoDraw("a seed is logged already"));
    }
    if source == rules.source {
        Ok(())
    } else {
        Err(Refusal::WrongSource(shortened(source, 200).into_owned()))
    }
}

/// Admits that freezing is undone, unless the rules have a draw.
///
/// With a draw the seed may be known already. Rulings could then be chosen by the order that the
/// seed gives.
fn admit_unfrozen(tally: &Tally) -> Result<(), Refusal> {
    if tally.header.as_ref().is_some_and(|header| header.rules.draw.is_some()) {
        return Err(Refusal::NotUnfrozen("the rules have a draw: certify, then reopen"));
    }
    match tally.phase {
        Phase::Frozen => Ok(()),
        _ => Err(Refusal::NotUnfrozen("the log is not frozen")),
    }
}
