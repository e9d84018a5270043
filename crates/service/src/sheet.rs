//! The sheet that a ballot is on: a voter's, in a channel and period. The pass has the channel, the ballot names the period; which one is
//! possible now depends on the arrival.

use std::borrow::Cow;

use acclaim_contest::{VoterTag, days::day_at, pass::Pass, rules::Period};
use acclaim_store::intake::Slot;
use jiff::Timestamp;

use crate::directory::Contest;

/// Why a pass serves no channel of the contest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// The pass has no channel.
    #[error("the pass is of no channel, and the contest has channels")]
    Missing,
    /// The contest has no such channel.
    #[error("the pass is of the channel {0}, which the contest does not have")]
    Unknown(String),
}

/// Why the period that a ballot names is not the one to vote in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct PeriodError {
    /// A sentence.
    pub detail: Cow<'static, str>,
    /// The most ballots of a voter, with numbered ones.
    pub most: Option<u32>,
    /// The day that ballots name now, with days.
    pub today: Option<String>,
}

/// Refuses a pass of a channel that the contest does not have: a draft's channels can change after passes were minted.
///
/// # Errors
/// [`ChannelError`]
pub fn check_channel(contest: &Contest, pass: &Pass) -> Result<(), ChannelError> {
    let channels = &contest.record.definition.rules.channels;
    match &pass.channel {
        None if channels.is_empty() => Ok(()),
        None => Err(ChannelError::Missing),
        Some(channel) if channels.iter().any(|known| known.id == *channel) => Ok(()),
        Some(channel) => Err(ChannelError::Unknown(channel.to_string())),
    }
}

/// Checks the period that a ballot names. The inner error is one of the day alone: such a ballot may have been recorded before.
///
/// # Errors
/// [`PeriodError`]
pub(crate) fn check_period(
    contest: &Contest,
    asked: Option<&str>,
    arrived: Timestamp,
) -> Result<Result<(), PeriodError>, PeriodError> {
    let ballot = &contest.record.definition.rules.ballot;
    let wrong = |detail, most| Err(PeriodError { detail, most, today: None });
    match (ballot.period, asked) {
        (Period::Once, None) => Ok(Ok(())),
        (Period::Once, Some(_)) => wrong("the contest has no periods: leave `period` out".into(), None),
        (Period::Day, asked) => check_day(contest, asked, arrived),
        (Period::Counted, asked) => {
            let most = ballot.ballots_per_voter.unwrap_or(0);
            if asked.and_then(parse_ballot_number).is_some_and(|number| (1..=most).contains(&number)) {
                return Ok(Ok(()));
            }
            let detail = format!("`period` is the ballot's number, \"1\" to \"{most}\"");
            wrong(detail.into(), Some(most))
        }
    }
}

fn check_day(
    contest: &Contest,
    asked: Option<&str>,
    arrived: Timestamp,
) -> Result<Result<(), PeriodError>, PeriodError> {
    let today = day_at(&contest.days, arrived);
    let wrong =
        |detail: String| PeriodError { detail: detail.into(), most: None, today: today.map(str::to_owned) };
    let is = today.map_or_else(String::new, |today| format!("; today is {today}"));
    match asked {
        Some(asked) if Some(asked) == today => Ok(Ok(())),
        Some(asked) if contest.days.iter().any(|(day, _)| day == asked) => {
            Ok(Err(wrong(format!("`period` is another day than that of the ballot's arrival{is}"))))
        }
        _ => Err(wrong(format!("`period` is the day of the ballot's arrival, such as \"2021-03-14\"{is}"))),
    }
}

/// A ballot's number, if it is written as the log has it.
pub(crate) fn parse_ballot_number(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// The slots that a ballot of these categories fills, each once, as the sequencer reads them from the entry.
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
