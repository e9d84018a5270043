//! The sheet that a ballot is on: a voter's, in a channel and period. The pass has the channel, the ballot names the period; which one is
//! possible now depends on the arrival.

use acclaim_contest::{VoterTag, days::day_at, pass::Pass, rules::Period};
use acclaim_store::intake::Slot;
use jiff::Timestamp;

use crate::{
    directory::Contest,
    problem::{self, Problem},
};

/// Refuses a pass of a channel that the contest does not have: a draft's channels can change after passes were minted.
pub(crate) fn check_channel(contest: &Contest, pass: &Pass) -> Result<(), Problem> {
    let channels = &contest.record.definition.rules.channels;
    let problem = |detail: String| Err(Problem::new(&problem::PASS_OF_ANOTHER_CHANNEL, detail));
    match &pass.channel {
        None if channels.is_empty() => Ok(()),
        None => problem("the pass is of no channel, and the contest has channels".to_owned()),
        Some(channel) if channels.iter().any(|known| known.id == *channel) => Ok(()),
        Some(channel) => {
            problem(format!("the pass is of the channel {channel}, which the contest does not have"))
        }
    }
}

/// Checks the period that a ballot names. The inner problem is one of the day alone: such a ballot may have been recorded before.
pub(crate) fn check_period(
    contest: &Contest,
    asked: Option<&str>,
    arrived: Timestamp,
) -> Result<Result<(), Problem>, Problem> {
    let ballot = &contest.record.definition.rules.ballot;
    match (ballot.period, asked) {
        (Period::Once, None) => Ok(Ok(())),
        (Period::Once, Some(_)) => Err(wrong_period("the contest has no periods: leave `period` out")),
        (Period::Day, asked) => check_day(contest, asked, arrived),
        (Period::Counted, asked) => {
            let most = ballot.ballots_per_voter.unwrap_or(0);
            if asked.and_then(number).is_some_and(|number| (1..=most).contains(&number)) {
                return Ok(Ok(()));
            }
            Err(wrong_period(format!("`period` is the ballot's number, \"1\" to \"{most}\""))
                .with("most", most))
        }
    }
}

fn check_day(
    contest: &Contest,
    asked: Option<&str>,
    arrived: Timestamp,
) -> Result<Result<(), Problem>, Problem> {
    let today = day_at(&contest.days, arrived);
    let tell = |detail: String| {
        let problem = wrong_period(detail);
        match today {
            Some(today) => problem.with("today", today),
            None => problem,
        }
    };
    let is = today.map_or_else(String::new, |today| format!("; today is {today}"));
    match asked {
        Some(asked) if Some(asked) == today => Ok(Ok(())),
        Some(asked) if contest.days.iter().any(|(day, _)| day == asked) => {
            Ok(Err(tell(format!("`period` is another day than that of the ballot's arrival{is}"))))
        }
        _ => Err(tell(format!("`period` is the day of the ballot's arrival, such as \"2021-03-14\"{is}"))),
    }
}

fn wrong_period(detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(&problem::INVALID_SELECTION, detail).with("reason", "wrong-period")
}

/// A ballot's number, if it is written as the log has it.
pub(crate) fn number(text: &str) -> Option<u32> {
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
