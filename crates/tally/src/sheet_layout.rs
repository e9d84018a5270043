//! The sheet layout: how a contest divides a voter's votes into sheets.
//!
//! Each channel and period is a **sheet** of its own. A slot on a sheet holds one ballot.
//! Completeness is also judged for each sheet.

use acclaim_ballot_log::entry::ContestHeader;
use acclaim_contest::{
    Instant,
    id::ChannelId,
    rules::{CastTime, Period},
};

use crate::refusal::Refusal;

/// Number of a sheet among the sheets that a voter can have.
pub(crate) type SheetNumber = u32;
/// Position of a channel in the rules; 0 where the contest has no channels.
pub(crate) type ChannelNumber = usize;

/// See the [module](self).
#[derive(Debug, Clone, Default)]
pub(crate) struct SheetLayout {
    channels: Vec<ChannelId>,
    periods: Periods,
    /// The whole time of voting, where periods are not days.
    window: Window,
}

#[derive(Debug, Clone, Default)]
enum Periods {
    #[default]
    Once,
    /// The days in their order.
    Days(Vec<Day>),
    /// Numbered ballots, from 1 to this number.
    Counted(u32),
}

#[derive(Debug, Clone)]
struct Day {
    name: String,
    first: Instant,
    /// The time of voting on this day; `None` if it has none.
    window: Option<Window>,
}

/// The earliest and the latest time of casting, in the precision that the rules set.
///
/// Times of one precision have texts of the same length, and the order of the texts is that of
/// time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Window {
    first: String,
    last: String,
}

impl SheetLayout {
    /// The layout of a contest, before its time of voting is known.
    pub(crate) fn new(header: &ContestHeader) -> Result<Self, Refusal> {
        let rules = &header.rules;
        let periods = match (rules.ballot.period, &header.days) {
            (Period::Once, None) => Periods::Once,
            (Period::Counted, None) => Periods::Counted(rules.ballot.ballots_per_voter.unwrap_or(0)),
            (Period::Day, Some(days)) => Periods::Days(read_days(days, header)?),
            (Period::Day, None) => return Err(Refusal::InvalidRules("`period` = `day` without `days`")),
            (_, Some(_)) => {
                return Err(Refusal::InvalidRules("`days` belong to `period` = `day`"));
            }
        };
        let channels: Vec<ChannelId> = rules.channels.iter().map(|channel| channel.id.clone()).collect();
        let layout = Self { channels, periods, window: Window::default() };
        let sheets = (layout.channels() as u64).checked_mul(layout.periods());
        match sheets {
            Some(sheets) if sheets < u64::from(u32::MAX) => Ok(layout),
            _ => Err(Refusal::TooLarge("channels and periods")),
        }
    }

    /// Whether a voter can have several sheets.
    pub(crate) fn has_several_sheets(&self) -> bool {
        !self.channels.is_empty() || !matches!(self.periods, Periods::Once)
    }

    /// The number of channels, at least 1.
    pub(crate) fn channels(&self) -> usize {
        self.channels.len().max(1)
    }

    /// The channel of a sheet.
    pub(crate) fn channel_of(&self, sheet: SheetNumber) -> ChannelNumber {
        let channel = u64::from(sheet).checked_div(self.periods()).unwrap_or(0);
        usize::try_from(channel).unwrap_or_default()
    }

    fn periods(&self) -> u64 {
        match &self.periods {
            Periods::Once => 1,
            Periods::Days(days) => days.len() as u64,
            Periods::Counted(ballots) => u64::from(*ballots),
        }
    }

    /// Returns the sheet of a ballot, and the window in which the ballot can be cast.
    pub(crate) fn sheet(
        &self,
        channel: Option<&str>,
        period: Option<&str>,
    ) -> Result<(SheetNumber, &Window), Refusal> {
        let channel = self.channel(channel)?;
        let (period, window) = self.period(period)?;
        let sheet = channel as u64 * self.periods() + period;
        // `new` checks that the numbers of all sheets fit.
        Ok((SheetNumber::try_from(sheet).unwrap_or(u32::MAX), window))
    }

    fn channel(&self, channel: Option<&str>) -> Result<ChannelNumber, Refusal> {
        if self.channels.is_empty() {
            return if channel.is_none() { Ok(0) } else { Err(Refusal::NotInContest("channels")) };
        }
        let number = |id: &str| self.channels.iter().position(|known| known.as_str() == id);
        channel.and_then(number).ok_or_else(|| Refusal::WrongChannel { channel: channel.map(str::to_owned) })
    }

    fn period(&self, period: Option<&str>) -> Result<(u64, &Window), Refusal> {
        let wrong = || Refusal::WrongPeriod { period: period.map(str::to_owned) };
        match (&self.periods, period) {
            (Periods::Once, None) => Ok((0, &self.window)),
            (Periods::Once, Some(_)) => Err(Refusal::NotInContest("periods")),
            (Periods::Days(days), Some(name)) => {
                let number = days.binary_search_by(|day| day.name.as_str().cmp(name)).map_err(|_| wrong())?;
                let window = days.get(number).and_then(|day| day.window.as_ref());
                Ok((number as u64, window.ok_or_else(wrong)?))
            }
            (Periods::Counted(max_ballots), Some(number)) => match number.parse::<u32>() {
                Ok(number @ 1..) if number <= *max_ballots => Ok((u64::from(number) - 1, &self.window)),
                _ => Err(wrong()),
            },
            (Periods::Days(_) | Periods::Counted(_), None) => Err(wrong()),
        }
    }

    /// The latest instant to which the closing can be moved.
    ///
    /// The days after the last listed one are not known. `None` if periods are not days.
    pub(crate) fn latest_closing(&self) -> Option<Instant> {
        match &self.periods {
            Periods::Days(days) => days.last().map(|day| day.first),
            Periods::Once | Periods::Counted(_) => None,
        }
    }

    /// Sets the time of voting: from `opened` to just before `closes`.
    pub(crate) fn set_window(&mut self, cast_time: CastTime, opened: Instant, closes: Instant) {
        self.window = Window::new(cast_time, opened, closes).unwrap_or_default();
        let Periods::Days(days) = &mut self.periods else { return };
        let mut end = closes;
        for day in days.iter_mut().rev() {
            day.window = Window::new(cast_time, day.first.max(opened), end.min(closes));
            end = day.first;
        }
    }
}

fn read_days(days: &[(String, Instant)], header: &ContestHeader) -> Result<Vec<Day>, Refusal> {
    match days.first() {
        Some((_, first)) if *first <= header.opens => {}
        _ => return Err(Refusal::InvalidRules("`days` begin after `opens`")),
    }
    Ok(days.iter().map(|(name, first)| Day { name: name.clone(), first: *first, window: None }).collect())
}

impl Window {
    /// The window from an instant to just before another; `None` if there is no time between them.
    fn new(cast_time: CastTime, from: Instant, until: Instant) -> Option<Self> {
        let last = Instant::from_seconds(until.seconds() - 1)?;
        let window = || Self {
            first: cast_time.truncate(from.timestamp()),
            last: cast_time.truncate(last.timestamp()),
        };
        (from < until).then(window)
    }

    /// Refuses a time of casting outside the window, or of another precision.
    pub(crate) fn check(&self, at: &str) -> Result<(), Refusal> {
        if at.len() == self.first.len() && (self.first.as_str()..=self.last.as_str()).contains(&at) {
            return Ok(());
        }
        let (first, last) = (self.first.clone(), self.last.clone());
        Err(Refusal::CastTime { at: at.to_owned(), first, last })
    }
}
