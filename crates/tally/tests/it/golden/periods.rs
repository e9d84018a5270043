//! Golden cases of numbered ballots and of one vote a day, on days on which the clocks change.

use acclaim_ballot_log::entry::ContestHeader;
use acclaim_contest::{Instant, rules::Period};

use super::{
    Case,
    steps::{cast_at, close_at, close_later, in_period},
};
use crate::support::Log;

pub(super) const CASES: &[Case] = &[
    ("counted-ballots", counted_ballots),
    ("day-of-25-hours", day_of_25_hours),
    ("day-of-23-hours", day_of_23_hours),
    ("day-added-by-a-later-closing", day_added_by_a_later_closing),
    ("day-replaced-within-the-day", day_replaced_within_the_day),
];

const HOUR: i64 = 3600;

/// Lists the days in the header, each with its first instant.
///
/// The instants follow the offsets of Europe/Zurich in 2021: two hours from 28 March, 01:00 UTC to
/// 31 October, 01:00 UTC, and one hour otherwise.
pub(super) fn list_days(header: &mut ContestHeader) {
    if header.rules.ballot.period != Period::Day {
        return;
    }
    let [forward, back] = ["2021-03-28T01:00:00Z", "2021-10-31T01:00:00Z"].map(seconds);
    let offset = |instant: i64| match header.time_zone.as_str() {
        "Europe/Zurich" => HOUR + if (forward..back).contains(&instant) { HOUR } else { 0 },
        _ => 0,
    };
    let local_day = |instant: Instant| (instant.seconds() + offset(instant.seconds())).div_euclid(24 * HOUR);
    let days = (local_day(header.opens)..=local_day(header.closes) + 31).map(|day| {
        let midnight = Instant::from_seconds(day * 24 * HOUR).unwrap();
        // No clock changes within two hours of these midnights.
        let first = midnight.seconds() - offset(midnight.seconds() - 2 * HOUR);
        (midnight.to_string()[..10].to_owned(), Instant::from_seconds(first).unwrap())
    });
    let days = days.collect();
    assert!(header.days.as_ref().is_none_or(|listed| *listed == days));
    header.days = Some(days);
}

fn seconds(instant: &str) -> i64 {
    instant.parse::<Instant>().unwrap().seconds()
}

/// Voter 1 uses the numbers 1 to 3 out of order, and voter 2 uses one number.
///
/// Voter 1 votes twice for a1 and once for a2, and voter 2 votes for a3. Four ballots of two
/// voters: a1 2/4, a2 and a3 1/4 each.
fn counted_ballots(log: &mut Log) {
    let mut cast = |number, voter, entry| log.cast_on(in_period(number), voter, &[entry], None).map(|_| ());
    assert_eq!(cast("3", 1, "a1"), Ok(()));
    assert_eq!(cast("1", 1, "a1"), Ok(()));
    assert_eq!(cast("2", 1, "a2"), Ok(()));
    assert_eq!(cast("2", 1, "a2"), Err("same-ballot"));
    assert_eq!(cast("2", 1, "a3"), Err("already-voted"));
    assert_eq!(cast("4", 1, "a1"), Err("wrong-period"));
    assert_eq!(cast("2", 2, "a3"), Ok(()));
    assert_eq!(log.cast(3, &["a1"], None), Err("wrong-period"));
    log.close();
}

/// In Zurich 31 October 2021 lasts from 30 October, 22:00 UTC to 31 October, 23:00 UTC.
///
/// 02:30 is at 00:30 UTC and again at 01:30 UTC. Voting closes on 1 November at 11:00 UTC. Voter 1
/// votes for a1 on each of three days, at the edges of the days. a2 gets votes in both hours of
/// 02:30, in the 25th hour and in the last minute. a2 4/7, a1 3/7.
fn day_of_25_hours(log: &mut Log) {
    let mut cast = |day, at, voter, entry| cast_at(log, in_period(day), at, voter, entry, None).map(|_| ());
    assert_eq!(cast("2021-10-30", "2021-10-30T21:59Z", 1, "a1"), Ok(()));
    assert_eq!(cast("2021-10-30", "2021-10-30T22:00Z", 2, "a3"), Err("cast-time"));
    assert_eq!(cast("2021-10-31", "2021-10-30T21:59Z", 2, "a3"), Err("cast-time"));
    assert_eq!(cast("2021-10-31", "2021-10-30T22:00Z", 1, "a1"), Ok(()));
    assert_eq!(cast("2021-10-31", "2021-10-31T00:30Z", 2, "a2"), Ok(()));
    assert_eq!(cast("2021-10-31", "2021-10-31T01:30Z", 2, "a3"), Err("already-voted"));
    assert_eq!(cast("2021-10-31", "2021-10-31T01:30Z", 3, "a2"), Ok(()));
    assert_eq!(cast("2021-10-31", "2021-10-31T22:59Z", 4, "a2"), Ok(()));
    assert_eq!(cast("2021-11-01", "2021-10-31T22:59Z", 1, "a1"), Err("cast-time"));
    assert_eq!(cast("2021-10-31", "2021-10-31T23:00Z", 5, "a3"), Err("cast-time"));
    assert_eq!(cast("2021-11-01", "2021-10-31T23:00Z", 1, "a1"), Ok(()));
    assert_eq!(cast("2021-11-01", "2021-11-01T10:59Z", 5, "a2"), Ok(()));
    assert_eq!(cast("2021-11-01", "2021-11-01T11:00Z", 6, "a3"), Err("cast-time"));
    assert_eq!(cast("2021-12-02", "2021-11-01T10:59Z", 6, "a3"), Err("wrong-period"));
    assert_eq!(cast("2021-12-03", "2021-11-01T10:59Z", 6, "a3"), Err("wrong-period"));
    close_at(log, "2021-11-01T11:00:00Z");
}

/// In Zurich 28 March 2021 lasts from 27 March, 23:00 UTC to 28 March, 22:00 UTC.
///
/// Voting closes at its end. The hour from 02:00 to 03:00 does not exist. a1 gets the votes of
/// voter 1 in the first minutes of two days. a2 gets the votes of voter 2 in the last minutes, and
/// of voter 3 just after the gap. a2 3/5, a1 2/5.
fn day_of_23_hours(log: &mut Log) {
    let mut cast = |day, at, voter, entry| cast_at(log, in_period(day), at, voter, entry, None).map(|_| ());
    assert_eq!(cast("2021-03-27", "2021-03-26T22:59Z", 1, "a3"), Err("cast-time"));
    assert_eq!(cast("2021-03-27", "2021-03-26T23:00Z", 1, "a1"), Ok(()));
    assert_eq!(cast("2021-03-27", "2021-03-27T22:59Z", 2, "a2"), Ok(()));
    assert_eq!(cast("2021-03-28", "2021-03-27T22:59Z", 3, "a3"), Err("cast-time"));
    assert_eq!(cast("2021-03-28", "2021-03-27T23:00Z", 1, "a1"), Ok(()));
    assert_eq!(cast("2021-03-28", "2021-03-28T01:00Z", 3, "a2"), Ok(()));
    assert_eq!(cast("2021-03-28", "2021-03-28T21:59Z", 2, "a2"), Ok(()));
    assert_eq!(cast("2021-03-28", "2021-03-28T22:00Z", 4, "a3"), Err("cast-time"));
    assert_eq!(cast("2021-03-29", "2021-03-28T22:00Z", 4, "a3"), Err("wrong-period"));
    close_at(log, "2021-03-28T22:00:00Z");
}

/// The days are listed up to 2 April, 31 days after the day of the closing.
///
/// The closing can move to the first instant of that day, and not beyond. Voter 1 votes on 1 March,
/// and on 2 March once that is a day of voting. Voter 2 votes on the last day. a1 2/3, a2 1/3.
fn day_added_by_a_later_closing(log: &mut Log) {
    let cast = |log: &mut Log, day, at, voter, entry| {
        cast_at(log, in_period(day), at, voter, entry, None).map(|_| ())
    };
    assert_eq!(cast(log, "2021-03-01", "2021-03-01T23:59Z", 1, "a1"), Ok(()));
    assert_eq!(cast(log, "2021-03-02", "2021-03-02T00:00Z", 1, "a1"), Err("wrong-period"));
    assert_eq!(close_later(log, "2021-04-02T00:00:01Z"), Err("closes-beyond-days"));
    close_later(log, "2021-04-02T00:00:00Z").unwrap();
    assert_eq!(cast(log, "2021-03-02", "2021-03-02T00:00Z", 1, "a1"), Ok(()));
    assert_eq!(cast(log, "2021-04-01", "2021-04-01T23:59Z", 2, "a2"), Ok(()));
    assert_eq!(cast(log, "2021-04-02", "2021-04-02T00:00Z", 3, "a2"), Err("wrong-period"));
    close_at(log, "2021-04-02T00:00:00Z");
}

/// A voter has two replacements over all days.
///
/// Voter 1 uses one on each of two days, and a third is refused. A ballot of the day before cannot
/// be replaced today. Recorded 4 + 2, replaced 2, counted 4: two of voter 2 for a1, and those of
/// voter 1 for a2 and a3. a1 2/4, a2 and a3 1/4 each.
fn day_replaced_within_the_day(log: &mut Log) {
    let [(first, early), (second, late)] =
        [("2021-03-01", "2021-03-01T10Z"), ("2021-03-02", "2021-03-02T10Z")];
    let mut cast = |day, at, voter, entry, replaces| cast_at(log, in_period(day), at, voter, entry, replaces);
    let one = cast(first, early, 1, "a1", None).unwrap();
    let two = cast(first, early, 1, "a2", Some(one)).unwrap();
    assert_eq!(cast(second, late, 1, "a1", Some(two)), Err("replaced-is-not-standing"));
    assert_eq!(cast(first, late, 1, "a1", Some(two)), Err("cast-time"));
    let three = cast(second, late, 1, "a1", None).unwrap();
    let four = cast(second, late, 1, "a3", Some(three)).unwrap();
    assert_eq!(cast(second, late, 1, "a1", Some(four)), Err("too-many-revisions"));
    cast(first, early, 2, "a1", None).unwrap();
    cast(second, late, 2, "a1", None).unwrap();
    close_at(log, "2021-03-03T00:00:00Z");
}
