//! Tests of the days of contests in which voters vote once a day.

use acclaim_contest::{
    Definition,
    days::{Days, day_at},
    definition::Overrides,
    rules::Period,
};

/// A contest of daily votes with this zone and window.
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

/// Returns the first instant of a day of the list.
fn first(days: &Days, day: &str) -> String {
    days.iter().find(|(name, _)| name == day).unwrap_or_else(|| panic!("{days:?}")).1.to_string()
}

fn hours(days: &Days, day: &str) -> i64 {
    let at = days.iter().position(|(name, _)| name == day).unwrap();
    (days[at + 1].1.seconds() - days[at].1.seconds()) / 3600
}

#[test]
fn days_reach_from_opening_to_31_days_after_closing() {
    let list = days("Europe/Zurich", "2021-03-01T12:00:00", "2021-03-31T23:59:00");
    assert_eq!(list.len(), 31 + 31);
    assert_eq!((list[0].0.as_str(), list[0].1.to_string().as_str()), ("2021-03-01", "2021-02-28T23:00:00Z"));
    assert_eq!(list.last().unwrap().0, "2021-05-01");
    // A closing at midnight belongs to the day that begins then.
    let list = days("UTC", "2021-03-01T00:00:00", "2021-03-02T00:00:00");
    assert_eq!((list.len(), list.last().unwrap().0.as_str()), (2 + 31, "2021-04-02"));
}

#[test]
fn later_closing_only_adds_days() {
    let mut contest = daily("Europe/Zurich", "2021-03-01T12:00:00", "2021-03-31T23:59:00");
    let before = contest.days().unwrap();
    contest.closes = "2021-04-09T00:00:00Z".parse().unwrap();
    let after = contest.days().unwrap();
    assert_eq!(after.len(), before.len() + 9);
    assert_eq!(after[..before.len()], before);
}

#[test]
fn only_daily_contests_have_days() {
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
fn day_without_midnight_begins_where_clocks_land() {
    let list = days("America/Sao_Paulo", "2018-11-01T00:00:00", "2019-02-20T00:00:00");
    assert_eq!(first(&list, "2018-11-04"), "2018-11-04T03:00:00Z", "01:00 at -02:00");
    assert_eq!((hours(&list, "2018-11-03"), hours(&list, "2018-11-04")), (24, 23));
    // The clocks are put back at midnight, so the day before is longer.
    assert_eq!(hours(&list, "2019-02-16"), 25);
    assert_eq!(first(&list, "2019-02-17"), "2019-02-17T03:00:00Z");
    let list = days("Asia/Beirut", "2021-03-26T00:00:00", "2021-03-30T00:00:00");
    assert_eq!(first(&list, "2021-03-28"), "2021-03-27T22:00:00Z", "01:00 at +03:00");
    assert_eq!(hours(&list, "2021-03-28"), 23);
}

#[test]
fn day_begins_after_jump_over_midnight() {
    let list = days("America/Toronto", "1919-03-29T00:00:00", "1919-04-02T00:00:00");
    assert_eq!(first(&list, "1919-03-31"), "1919-03-31T04:30:00Z", "00:30 at -04:00");
}

#[test]
fn clocks_put_back_over_midnight_do_not_begin_the_day_twice() {
    // At 00:01 the clocks are put back to 23:01.
    let list = days("America/St_Johns", "2010-11-05T00:00:00", "2010-11-09T00:00:00");
    assert_eq!(first(&list, "2010-11-07"), "2010-11-07T02:30:00Z");
    let names: Vec<_> = list.iter().take(4).map(|(day, _)| day.as_str()).collect();
    assert_eq!(names, ["2010-11-05", "2010-11-06", "2010-11-07", "2010-11-08"]);
}

#[test]
fn skips_date_that_the_zone_skips() {
    let list = days("Pacific/Apia", "2011-12-28T00:00:00", "2012-01-02T00:00:00");
    let names: Vec<_> = list.iter().take(4).map(|(day, _)| day.as_str()).collect();
    assert_eq!(names, ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]);
    assert_eq!(hours(&list, "2011-12-29"), 24);
    assert_eq!(first(&list, "2011-12-31"), "2011-12-30T10:00:00Z");
}

#[test]
fn time_belongs_to_last_day_that_began() {
    let list = days("Europe/Zurich", "2021-03-27T00:00:00", "2021-03-29T00:00:00");
    let day = |time: &str| day_at(&list, time.parse().unwrap());
    assert_eq!(day("2021-03-26T22:59:59.999Z"), None);
    assert_eq!(day("2021-03-26T23:00:00Z"), Some("2021-03-27"));
    assert_eq!(day("2021-03-27T22:59:59.999Z"), Some("2021-03-27"));
    assert_eq!(day("2021-03-27T23:00:00Z"), Some("2021-03-28"));
    assert_eq!(day("2021-03-28T22:00:00Z"), Some("2021-03-29"));
    assert_eq!(day("2031-01-01T00:00:00Z"), Some("2021-04-29"));
}
