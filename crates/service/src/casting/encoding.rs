//! From a voter's votes to the ballot that the log records: its id, its final bytes and its slots.

use acclaim_ballot_log::NewBallot;
use acclaim_contest::{BallotId, ballot::SelectionReason, pass::Pass};
use acclaim_store::intake::{Item, Slot};
use bytes::Bytes;
use jiff::Timestamp;

use super::outcome::CastError;
use crate::{
    directory::Contest,
    sheet::{check_period, slots},
};

/// The votes that a voter wants to cast.
#[derive(Debug)]
pub struct NewVotes<'a> {
    /// Category and entry of each vote, in any order.
    pub selections: Vec<(&'a str, &'a str)>,
    /// The id of the voter's own standing ballot that this one replaces.
    pub replaces: Option<&'a str>,
    /// The day or the ballot's number, if the contest has periods.
    pub period: Option<&'a str>,
}

/// A ballot with its id and final bytes.
pub(super) struct EncodedBallot {
    pub(super) item: Item,
    /// The slots that the ballot fills.
    ///
    /// Empty if the intake has no slot table, or if the ballot replaces another one. The sequencer
    /// knows which slots a replacement frees.
    pub(super) slots: Vec<Slot>,
    /// The error of a check that can change with time: the day, or a withdrawn entry. A ballot with
    /// such an error may have been recorded before.
    pub(super) current_check: Result<(), CastError>,
}

/// Writes the log entry of a ballot, and checks the ballot by the contest's rules.
///
/// # Errors
/// [`CastError::Period`], [`CastError::MalformedReplaces`], [`CastError::Selection`] and
/// [`CastError::Unwritable`], if the mistake is permanent.
pub(super) fn write_ballot(
    contest: &Contest,
    pass: Pass,
    votes: NewVotes<'_>,
    arrived: Timestamp,
    with_slots: bool,
) -> Result<EncodedBallot, CastError> {
    let NewVotes { mut selections, replaces, period } = votes;
    let rules = &contest.record.definition.rules;
    let day_check = check_period(contest, period, arrived)?;
    let replaces = replaces
        .map(|id| id.parse::<BallotId>().map_err(|error| CastError::MalformedReplaces(error.to_string())))
        .transpose()?;
    let selection_check = contest.validator.check(&mut selections);
    match &selection_check {
        Ok(()) => {}
        // A ballot with a withdrawn entry may have been recorded before. Every other mistake is
        // permanent.
        Err(error) if error.reason == SelectionReason::Withdrawn => {}
        Err(error) => return Err(error.clone().into()),
    }
    let channel = pass.channel.as_ref().map(AsRef::as_ref);
    let ballot = NewBallot {
        voter: pass.voter,
        channel,
        period,
        replaces,
        at: &rules.ballot.cast_time.truncate(arrived),
        selections: selections.iter().copied(),
    };
    let mut entry = Vec::with_capacity(160 + 24 * selections.len());
    let id =
        ballot.write(contest.id(), &mut entry).map_err(|error| CastError::Unwritable(error.to_string()))?;
    let categories = selections.iter().map(|(category, _)| *category);
    let slots = match replaces {
        None if with_slots => slots(pass.voter, channel, period, categories),
        _ => Vec::new(),
    };
    let entry = Bytes::from(entry);
    let item = Item { ballot: id, arrived, promised: false, group: pass.group, entry };
    let current_check = day_check.map_err(CastError::from).and(selection_check.map_err(CastError::from));
    Ok(EncodedBallot { item, slots, current_check })
}

/// Returns the log entry of a ballot, without the checks that depend on time. Only fuzz targets use
/// it.
///
/// # Errors
/// The error that the voter would receive.
#[cfg(fuzzing)]
pub fn entry_of(
    contest: &Contest,
    pass: Pass,
    votes: NewVotes<'_>,
    arrived: Timestamp,
) -> Result<Bytes, CastError> {
    write_ballot(contest, pass, votes, arrived, true).map(|encoded| encoded.item.entry)
}
