//! The days of a contest in which voters vote once a day: the log lists each with its first instant, so that whoever counts needs no
//! table of time zones, and nobody argues about midnight.
//!
//! A day begins at the first instant at which the clocks of the contest's time zone show its date: as a rule at midnight, and where the clocks are
//! put forward over midnight when they are. It lasts until the next one begins, 23 or 25 hours where the clocks change.
//! A date that the zone leaves out has no day.

use jiff::{
    Timestamp,
    civil::Date,
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};

use crate::time::Instant;

/// The most days of a window: all of them stand in the first entry of the log.
pub const MAX_DAYS: u32 = 1_000;

/// Days that are listed after the one of the closing, so that the closing can still be moved.
pub const EXTRA_DAYS: u32 = 31;

/// Each day, such as `2021-03-01`, and its first instant, in order.
pub type Days = Vec<(String, Instant)>;

/// The days of a window: from the one in which it opens through the one in which it closes, and [`EXTRA_DAYS`] more. `None` if the time
/// zone is none.
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

/// Refuses a window of more than [`MAX_DAYS`] days, the one of the opening and the one of the last instant of voting included. An unknown time zone is
/// refused elsewhere.
///
/// # Errors
/// What is wrong.
pub(crate) fn check(zone: &str, opens: Instant, closes: Instant) -> Result<(), String> {
    let Ok(zone) = TimeZoneDatabase::bundled().get(zone) else { return Ok(()) };
    let last = Instant::from_seconds(closes.seconds() - 1).unwrap_or(closes);
    let (first, last) = (local_date(&zone, opens), local_date(&zone, last));
    let days = first.until(last).map_or(i64::MAX, |span| i64::from(span.get_days()) + 1);
    if days <= i64::from(MAX_DAYS) {
        return Ok(());
    }
    Err(format!(
        "from {first} to {last} are {days} days; with period = \"day\" at most {MAX_DAYS} are possible"
    ))
}

fn local_date(zone: &TimeZone, instant: Instant) -> Date {
    zone.to_datetime(instant.timestamp()).date()
}

/// The first instant at which the zone's clocks show the date; `None` if they never do.
fn first_instant(zone: &TimeZone, date: Date) -> Option<Instant> {
    let midnight = date.at(0, 0, 0, 0);
    let first: Timestamp = match zone.to_ambiguous_timestamp(midnight).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(midnight).ok()?,
        // Midnight comes twice: the day has begun at the first one.
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(midnight).ok()?,
        // The clocks jump over midnight: the day begins where they land, unless they land in a later one.
        AmbiguousOffset::Gap { before, .. } => {
            let at_or_after = before.to_timestamp(midnight).ok()?;
            let later = Timestamp::from_second(at_or_after.as_second().checked_add(1)?).ok()?;
            let jump = zone.preceding(later).next()?.timestamp();
            (zone.to_datetime(jump).date() == date).then_some(jump)?
        }
    };
    Instant::from_seconds(first.as_second())
}

/// The day of `days` in which `time` lies; `None` before the first one. After the last one's first instant it is the last one.
#[must_use]
pub fn day_at(days: &[(String, Instant)], time: Timestamp) -> Option<&str> {
    let begun = days.partition_point(|(_, first)| first.timestamp() <= time);
    days.get(begun.checked_sub(1)?).map(|(day, _)| day.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_has_its_days_in_order_each_in_its_own_date() {
        let database = TimeZoneDatabase::bundled();
        for name in database.available() {
            let zone = database.get(name.as_str()).unwrap();
            let mut before = None;
            // Years with changes of every kind: jumps over the date line, permanent changes, Ramadan.
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
