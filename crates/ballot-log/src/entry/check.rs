//! Checks of an event beyond its form, as far as they need only the event itself.
//!
//! The tally does the checks that depend on earlier entries.

use std::collections::BTreeSet;

use acclaim_contest::{Decimal, amendment::DefinitionAmendment, id::is_id};

use super::{
    Amendment, ContestHeader, Event, PreviousRound, RulingDetails, VERSION,
    error::EntryError,
    text::{is_day, is_hex_of_32},
};
use crate::{hash::Hash, key::is_origin};

/// Refuses an event with a content that no entry can have.
pub(super) fn check(event: &Event) -> Result<(), EntryError> {
    match event {
        Event::Contest(header) => check_header(header),
        Event::Amended { what, key, to, reason } => check_amendment(what, key, to).and(check_reason(reason)),
        Event::Withdrawn { reason, .. }
        | Event::Reopened(reason)
        | Event::Suspended(reason)
        | Event::Resumed(reason)
        | Event::Unfrozen(reason) => check_reason(reason),
        Event::Recused(recusal) | Event::Rejoined(recusal) => {
            require(!recusal.reason.is_empty(), "`reason` is empty")?;
            require(!recusal.juror.is_empty(), "`juror` is empty")
        }
        Event::Voided { ballots, reason } => check_list(ballots).and(check_reason(reason)),
        Event::Reinstated { entry, ballots, reason } => {
            require(
                entry.is_some() != ballots.is_some(),
                "exactly one of `entry` and `ballots` must be present",
            )?;
            ballots.as_ref().map_or(Ok(()), |ballots| check_list(ballots)).and(check_reason(reason))
        }
        Event::Scores { values, .. } => {
            require(
                values.iter().all(|(_, score)| Decimal::read_canonical(score).is_some()),
                "a score is not a decimal of at most four places",
            )?;
            require(are_distinct(values.iter().map(|(entry, _)| entry)), "`values` names an entry twice")
        }
        Event::Choice { winners, .. } => require(are_distinct(winners), "`winners` names an entry twice"),
        Event::Drawn { seed, .. } => require(is_hex_of_32(seed), "`seed` is not 32 bytes in lowercase hex"),
        Event::Certified { result, .. } => {
            require(is_hex_of_32(result), "`result` is not 32 bytes in lowercase hex")
        }
        Event::Category(_)
        | Event::Entry(_)
        | Event::Opened { .. }
        | Event::Issued { .. }
        | Event::Closed { .. }
        | Event::Frozen { .. }
        | Event::Statement { .. } => Ok(()),
    }
}

fn check_header(header: &ContestHeader) -> Result<(), EntryError> {
    require((1..=VERSION).contains(&header.v), "`v` is not 1 or 2: this program reads no other format")?;
    if let Some(days) = &header.days {
        require(days.iter().all(|(day, _)| is_day(day)), "`days` has a text that is not a day")?;
        let ascending = days
            .iter()
            .zip(days.iter().skip(1))
            .all(|((day, first), (next_day, next_first))| day < next_day && first < next_first);
        require(!days.is_empty() && ascending, "`days` are not in order")?;
    }
    if let Some(PreviousRound { origin, root, result, .. }) = &header.previous {
        require(is_origin(origin), "`previous.origin` is not an origin")?;
        require(root.parse::<Hash>().is_ok(), "`previous.root` is not 32 bytes in base64")?;
        require(is_hex_of_32(result), "`previous.result` is not 32 bytes in lowercase hex")?;
    }
    Ok(())
}

fn check_amendment(what: &str, key: &str, to: &Amendment) -> Result<(), EntryError> {
    match DefinitionAmendment::read(what, key, to).map_err(|error| EntryError::Invalid(error.as_str()))? {
        DefinitionAmendment::Closes(_) => Ok(()),
        DefinitionAmendment::Category(id, _) | DefinitionAmendment::Entry(id, _) => {
            require(is_id(id), "`what` names no id of a category or entry")
        }
    }
}

fn check_reason(reason: &RulingDetails) -> Result<(), EntryError> {
    require(!reason.reason.is_empty(), "`reason` is empty")
}

fn check_list<T: Ord>(ballots: &[T]) -> Result<(), EntryError> {
    require(!ballots.is_empty(), "`ballots` is empty")?;
    require(are_distinct(ballots), "`ballots` names a ballot twice")
}

fn are_distinct<T: Ord>(items: impl IntoIterator<Item = T>) -> bool {
    let mut unique = BTreeSet::new();
    items.into_iter().all(|item| unique.insert(item))
}

fn require(holds: bool, refusal: &'static str) -> Result<(), EntryError> {
    if holds { Ok(()) } else { Err(EntryError::Invalid(refusal)) }
}
