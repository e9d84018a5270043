//! The sheet of a ballot: one voter in one channel and period.
//!
//! The pass names the channel, and the ballot names the period. The time of arrival decides which
//! period is valid.

use std::borrow::Cow;

use acclaim_contest::{VoterTag, days::day_at, pass::Pass, rules::Period};
use acclaim_store::intake::Slot;
use jiff::Timestamp;

use crate::directory::Contest;

/// The reason why a pass cannot vote in any channel of the contest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// The pass has no channel.
    #[error("the pass has no channel, but the contest has channels")]
    Missing,
    /// The contest does not have the pass's channel.
    #[error("the pass is for the channel {0}, which the contest does not have")]
    Unknown(String),
}

/// The reason why the period of a ballot is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct PeriodError {
    /// A sentence.
    pub detail: Cow<'static, str>,
    /// Maximum number of ballots of a voter, if the contest numbers ballots.
    pub most: Option<u32>,
    /// The current day, if the contest has days.
    pub today: Option<String>,
}

/// Refuses a pass for a channel that the contest does not have.
///
/// A draft's channels can change after passes were minted.
///
/// # Errors
/// - [`ChannelError::Missing`]: the contest has channels, but the pass names none.
/// - [`ChannelError::Unknown`]: the contest does not have the pass's channel.
pub fn check_channel(contest: &Contest, pass: &Pass) -> Result<(), ChannelError> {
    let channels = &contest.record.definition.rules.channels;
    match &pass.channel {
        None if channels.is_empty() => Ok(()),
        None => Err(ChannelError::Missing),
        Some(channel) if channels.iter().any(|known| known.id == *channel) => Ok(()),
        Some(channel) => Err(ChannelError::Unknown(channel.to_string())),
    }
}

/// Checks the period that a ballot names.
///
/// The inner error says that only the day is wrong. The ballot may have been recorded before, so
/// the caller looks it up first.
///
/// # Errors
/// [`PeriodError`] if the contest has no such period.
pub(crate) fn check_period(
    contest: &Contest,
    given: Option<&str>,
    arrived: Timestamp,
) -> Result<Result<(), PeriodError>, PeriodError> {
    let ballot = &contest.record.definition.rules.ballot;
    let error = |detail, max_ballots| Err(PeriodError { detail, most: max_ballots, today: None });
    match (ballot.period, given) {
        (Period::Once, None) => Ok(Ok(())),
        (Period::Once, Some(_)) => error("the contest has no periods: leave `period` out".into(), None),
        (Period::Day, given) => check_day(contest, given, arrived),
        (Period::Counted, given) => {
            let max_ballots = ballot.ballots_per_voter.unwrap_or(0);
            if given.and_then(parse_ballot_number).is_some_and(|number| (1..=max_ballots).contains(&number)) {
                return Ok(Ok(()));
            }
            let detail = format!("`period` must be the ballot's number, \"1\" to \"{max_ballots}\"");
            error(detail.into(), Some(max_ballots))
        }
    }
}

fn check_day(
    contest: &Contest,
    given: Option<&str>,
    arrived: Timestamp,
) -> Result<Result<(), PeriodError>, PeriodError> {
    let today = day_at(&contest.days, arrived);
    let error =
        |detail: String| PeriodError { detail: detail.into(), most: None, today: today.map(str::to_owned) };
    let today_hint = today.map_or_else(String::new, |today| format!("; today is {today}"));
    match given {
        Some(given) if Some(given) == today => Ok(Ok(())),
        Some(given) if contest.days.iter().any(|(day, _)| day == given) => {
            Ok(Err(error(format!("`period` is not the day of the ballot's arrival{today_hint}"))))
        }
        _ => Err(error(format!(
            "`period` must be the day of the ballot's arrival, for example \"2021-03-14\"{today_hint}"
        ))),
    }
}

/// Returns a ballot's number; `None` unless it is written as in the log.
pub(crate) fn parse_ballot_number(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Returns the slots that a ballot of these categories fills, each once. The sequencer reads the
/// same slots from the entry.
pub(crate) fn slots<'a>(
    voter: VoterTag,
    channel: Option<&str>,
    period: Option<&str>,
    categories: impl Iterator<Item = &'a str>,
) -> Vec<Slot> {
    let mut slots: Vec<Slot> =
        categories.map(|category| Slot::new(voter, channel, period, category)).collect();
    slots.dedup();
    slots
}
