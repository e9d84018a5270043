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

use crate::{definition::Definition, rules::Period, time::Instant};

/// The most days of a window: all of them stand in the first entry of the log.
pub const MOST_DAYS: u32 = 1_000;

/// Days that are listed after the one of the closing, so that the closing can still be moved.
pub const MORE_DAYS: u32 = 31;

/// Each day, such as `2021-03-01`, and its first instant, in order.
pub type Days = Vec<(String, Instant)>;

impl Definition {
    /// The days of the log's first entry: from the one in which the contest opens through the one in which it closes, and
    /// [`MORE_DAYS`] more. `None` unless voters vote once a day, or if the time zone is none.
    ///
    /// A later closing only makes the list longer: what was there before stays as it is.
    #[must_use]
    pub fn days(&self) -> Option<Days> {
        if self.rules.ballot.period != Period::Day {
            return None;
        }
        let zone = TimeZoneDatabase::bundled().get(&self.time_zone).ok()?;
        let (mut date, closing) = (local_date(&zone, self.opens), local_date(&zone, self.closes));
        let last = (0..MORE_DAYS).try_fold(closing, |date, _| date.tomorrow()).unwrap_or(Date::MAX);
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

    /// What is wrong with the window of a contest in which voters vote once a day: in words, if it has more than [`MOST_DAYS`] days.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check_days(&self) -> Result<(), String> {
        let zone = TimeZoneDatabase::bundled().get(&self.time_zone).ok();
        match zone.filter(|_| self.rules.ballot.period == Period::Day) {
            Some(zone) => check_window(&zone, self.opens, self.closes),
            None => Ok(()),
        }
    }
}

/// Refuses a window of more than [`MOST_DAYS`] days, the one of the opening and the one of the last instant of voting included.
fn check_window(zone: &TimeZone, opens: Instant, closes: Instant) -> Result<(), String> {
    let last = Instant::from_seconds(closes.seconds() - 1).unwrap_or(closes);
    let (first, last) = (local_date(zone, opens), local_date(zone, last));
    let days = first.until(last).map_or(i64::MAX, |span| i64::from(span.get_days()) + 1);
    if days <= i64::from(MOST_DAYS) {
        return Ok(());
    }
    Err(format!(
        "from {first} to {last} are {days} days; with period = \"day\" at most {MOST_DAYS} are possible"
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
    use crate::definition::Overrides;

    /// A contest of daily votes in this zone and window.
    fn daily(zone: &str, opens: &str, closes: &str) -> Definition {
        let text = format!(
            "[contest]\nid = \"daily\"\ntitle = \"T\"\ntime_zone = \"{zone}\"\nopens = \"{opens}\"\ncloses = \"{closes}\"\n\
             [ballot]\nperiod = \"day\"\n\
             [[category]]\nid = \"c1\"\ntitle = \"C\"\n[[entry]]\nid = \"e1\"\ncategory = \"c1\"\ntitle = \"E\"\n"
        );
        Definition::from_toml(text.as_bytes(), &mut |_| Err(String::new()), &Overrides::default())
            .unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    fn days(zone: &str, opens: &str, closes: &str) -> Days {
        daily(zone, opens, closes).days().unwrap()
    }

    /// The first instant of a day of the list.
    fn first(days: &Days, day: &str) -> String {
        days.iter().find(|(name, _)| name == day).unwrap_or_else(|| panic!("{days:?}")).1.to_string()
    }

    fn hours(days: &Days, day: &str) -> i64 {
        let at = days.iter().position(|(name, _)| name == day).unwrap();
        (days[at + 1].1.seconds() - days[at].1.seconds()) / 3600
    }

    #[test]
    fn days_go_from_the_opening_to_31_days_past_the_closing() {
        let list = days("Europe/Zurich", "2021-03-01T12:00:00", "2021-03-31T23:59:00");
        assert_eq!(list.len(), 31 + 31);
        assert_eq!(
            (list[0].0.as_str(), list[0].1.to_string().as_str()),
            ("2021-03-01", "2021-02-28T23:00:00Z")
        );
        assert_eq!(list.last().unwrap().0, "2021-05-01");
        // A closing at midnight belongs to the day that begins then.
        let list = days("UTC", "2021-03-01T00:00:00", "2021-03-02T00:00:00");
        assert_eq!((list.len(), list.last().unwrap().0.as_str()), (2 + 31, "2021-04-02"));
    }

    #[test]
    fn a_later_closing_makes_the_list_longer_and_nothing_else() {
        let mut contest = daily("Europe/Zurich", "2021-03-01T12:00:00", "2021-03-31T23:59:00");
        let before = contest.days().unwrap();
        contest.closes = "2021-04-09T00:00:00Z".parse().unwrap();
        let after = contest.days().unwrap();
        assert_eq!(after.len(), before.len() + 9);
        assert_eq!(after[..before.len()], before);
    }

    #[test]
    fn other_contests_have_none() {
        let mut contest = daily("UTC", "2021-03-01T00:00:00", "2021-03-02T00:00:00");
        contest.rules.ballot.period = Period::Once;
        assert_eq!(contest.days(), None);
        assert_eq!(contest.check_days(), Ok(()));
    }

    #[test]
    fn days_have_23_and_25_hours_where_the_clocks_change() {
        let list = days("Europe/Zurich", "2021-03-26T00:00:00", "2021-10-31T23:00:00");
        assert_eq!(first(&list, "2021-03-28"), "2021-03-27T23:00:00Z");
        assert_eq!(first(&list, "2021-03-29"), "2021-03-28T22:00:00Z");
        assert_eq!(hours(&list, "2021-03-27"), 24);
        assert_eq!(hours(&list, "2021-03-28"), 23);
        assert_eq!(hours(&list, "2021-10-31"), 25);
    }

    #[test]
    fn a_day_without_midnight_begins_where_the_clocks_land() {
        let list = days("America/Sao_Paulo", "2018-11-01T00:00:00", "2019-02-20T00:00:00");
        assert_eq!(first(&list, "2018-11-04"), "2018-11-04T03:00:00Z", "01:00 at -02:00");
        assert_eq!((hours(&list, "2018-11-03"), hours(&list, "2018-11-04")), (24, 23));
        // Put back at midnight: the day before is longer.
        assert_eq!(hours(&list, "2019-02-16"), 25);
        assert_eq!(first(&list, "2019-02-17"), "2019-02-17T03:00:00Z");
        let list = days("Asia/Beirut", "2021-03-26T00:00:00", "2021-03-30T00:00:00");
        assert_eq!(first(&list, "2021-03-28"), "2021-03-27T22:00:00Z", "01:00 at +03:00");
        assert_eq!(hours(&list, "2021-03-28"), 23);
    }

    #[test]
    fn clocks_that_jump_from_before_midnight_to_after_it_begin_the_day_where_they_land() {
        let list = days("America/Toronto", "1919-03-29T00:00:00", "1919-04-02T00:00:00");
        assert_eq!(first(&list, "1919-03-31"), "1919-03-31T04:30:00Z", "00:30 at -04:00");
    }

    #[test]
    fn clocks_put_back_over_midnight_do_not_begin_the_day_twice() {
        // At 00:01 back to 23:01.
        let list = days("America/St_Johns", "2010-11-05T00:00:00", "2010-11-09T00:00:00");
        assert_eq!(first(&list, "2010-11-07"), "2010-11-07T02:30:00Z");
        let names: Vec<_> = list.iter().take(4).map(|(day, _)| day.as_str()).collect();
        assert_eq!(names, ["2010-11-05", "2010-11-06", "2010-11-07", "2010-11-08"]);
    }

    #[test]
    fn a_date_that_the_zone_leaves_out_is_no_day() {
        let list = days("Pacific/Apia", "2011-12-28T00:00:00", "2012-01-02T00:00:00");
        let names: Vec<_> = list.iter().take(4).map(|(day, _)| day.as_str()).collect();
        assert_eq!(names, ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]);
        assert_eq!(hours(&list, "2011-12-29"), 24);
        assert_eq!(first(&list, "2011-12-31"), "2011-12-30T10:00:00Z");
    }

    #[test]
    fn a_time_lies_in_the_day_that_has_begun_last() {
        let list = days("Europe/Zurich", "2021-03-27T00:00:00", "2021-03-29T00:00:00");
        let day = |time: &str| day_at(&list, time.parse().unwrap());
        assert_eq!(day("2021-03-26T22:59:59.999Z"), None);
        assert_eq!(day("2021-03-26T23:00:00Z"), Some("2021-03-27"));
        assert_eq!(day("2021-03-27T22:59:59.999Z"), Some("2021-03-27"));
        assert_eq!(day("2021-03-27T23:00:00Z"), Some("2021-03-28"));
        assert_eq!(day("2021-03-28T22:00:00Z"), Some("2021-03-29"));
        assert_eq!(day("2031-01-01T00:00:00Z"), Some("2021-04-29"));
    }

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
