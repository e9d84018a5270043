//! Computes the days of a contest in which voters vote once a day.
//!
//! The log lists each day with its first instant. So a program that counts the votes needs no table
//! of time zones, and no dispute about midnight is possible.
//!
//! A day begins at the first instant at which the clocks of the contest's time zone show its date.
//! Usually this is midnight. Where the clocks are put forward over midnight, it is the instant of
//! the change. The day lasts until the next day begins: 23 or 25 hours where the clocks change. A
//! date that the zone skips has no day.

use jiff::{
    Timestamp,
    civil::Date,
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};

use crate::time::Instant;

/// The maximum number of days of a window. The first entry of the log lists all of them.
pub const MAX_DAYS: u32 = 1_000;

/// The number of days listed after the day of the closing, so that the closing can be moved later.
pub const EXTRA_DAYS: u32 = 31;

/// Each day, for example `2021-03-01`, with its first instant, in order.
pub type Days = Vec<(String, Instant)>;

/// Returns the days of a window: from the day of the opening to the day of the closing, and
/// [`EXTRA_DAYS`] more.
///
/// `None` if the time zone is unknown.
pub(crate) fn days(zone: &str, opens: Instant, closes: Instant) -> Option<Days> {
    let zone = TimeZoneDatabase::bundled().get(zone).ok()?;
    let (mut date, closing) = (local_date(&zone, opens), local_date(&zone, closes));
    let last = (0..EXTRA_DAYS).try_fold(closing, |date, _| date.tomorrow()).unwrap_or(Date::MAX);
    let mut days = Days::new();
    while date <= last {
        if let Some(first) = first_instant(&zone, date) {
            days.push((date.to_string(), first));
        }
        let Ok(next) = date.tomorrow() else { break };
        date = next;
    }
    Some(days)
}

/// Refuses a window of more than [`MAX_DAYS`] days.
///
/// The day of the opening and the day of the last instant of voting both count. An unknown time
/// zone is refused elsewhere.
///
/// # Errors
/// A message that the window has too many days.
pub(crate) fn check(zone: &str, opens: Instant, closes: Instant) -> Result<(), String> {
    let Ok(zone) = TimeZoneDatabase::bundled().get(zone) else { return Ok(()) };
    let last = Instant::from_seconds(closes.seconds() - 1).unwrap_or(closes);
    let (first, last) = (local_date(&zone, opens), local_date(&zone, last));
    let days = first.until(last).map_or(i64::MAX, |span| i64::from(span.get_days()) + 1);
    if days <= i64::from(MAX_DAYS) {
        return Ok(());
    }
    Err(format!(
        "the window from {first} to {last} has {days} days; with period = \"day\" at most {MAX_DAYS} are possible"
    ))
}

fn local_date(zone: &TimeZone, instant: Instant) -> Date {
    zone.to_datetime(instant.timestamp()).date()
}

/// Returns the first instant at which the zone's clocks show the date. `None` if they never do.
fn first_instant(zone: &TimeZone, date: Date) -> Option<Instant> {
    let midnight = date.at(0, 0, 0, 0);
    let first: Timestamp = match zone.to_ambiguous_timestamp(midnight).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(midnight).ok()?,
        // Midnight occurs twice. The day begins at the first one.
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(midnight).ok()?,
        // The clocks jump over midnight. The day begins where they land, unless that is a later
        // date.
        AmbiguousOffset::Gap { before, .. } => {
            let at_or_after = before.to_timestamp(midnight).ok()?;
            let later = Timestamp::from_second(at_or_after.as_second().checked_add(1)?).ok()?;
            let jump = zone.preceding(later).next()?.timestamp();
            (zone.to_datetime(jump).date() == date).then_some(jump)?
        }
    };
    Instant::from_seconds(first.as_second())
}

/// Returns the day of `days` that contains `time`.
///
/// `None` before the first day. The last day has no end here.
#[must_use]
pub fn day_at(days: &[(String, Instant)], time: Timestamp) -> Option<&str> {
    let started = days.partition_point(|(_, first)| first.timestamp() <= time);
    days.get(started.checked_sub(1)?).map(|(day, _)| day.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_every_zone_are_in_order_and_begin_in_their_date() {
        let database = TimeZoneDatabase::bundled();
        for name in database.available() {
            let zone = database.get(name.as_str()).unwrap();
            let mut before = None;
            // Years with all kinds of changes: jumps over the date line, permanent changes,
            // Ramadan.
            for year in [1969_i16, 1993, 1995, 2007, 2011, 2016, 2018, 2022] {
                let mut date = Date::new(year, 1, 1).unwrap();
                while date.year() == year {
                    if let Some(first) = first_instant(&zone, date) {
                        assert_eq!(local_date(&zone, first), date, "{}", name.as_str());
                        let earlier = Instant::from_seconds(first.seconds() - 1).unwrap();
                        assert!(local_date(&zone, earlier) < date, "{} {date}", name.as_str());
                        assert!(before < Some(first), "{} {date}", name.as_str());
                        before = Some(first);
                    }
                    date = date.tomorrow().unwrap();
                }
            }
        }
    }
}
