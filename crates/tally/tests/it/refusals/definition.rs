//! Refusals of a definition that contradicts itself or is incomplete.

use acclaim_ballot_log::{Event, LogEntry, entry::ContestHeader};
use acclaim_contest::{
    Category,
    rules::{ChampionTies, Period, WinnerTies, WinnersBy},
};
use acclaim_tally::Tally;
use serde_json::json;

use super::{at, noon};
use crate::support::{Log, category, entry, header};

#[test]
fn a_category_whose_numbers_contradict_the_rules_is_refused() {
    let mut log = Log::empty();
    log.event(Event::Contest(ContestHeader { v: 2, ..header() }));
    let own = |change: &dyn Fn(&mut Category)| {
        let mut category = category("a");
        change(&mut category);
        Event::Category(category)
    };
    let changes: [&dyn Fn(&mut Category); 5] = [
        &|c| c.votes = Some([2, 1]),
        &|c| c.votes = Some([0, 0]),
        &|c| c.champions = Some(0),
        &|c| c.winners = Some(0),
        &|c| c.winners = Some(3),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        assert_eq!(log.try_event(&own(change)), Err("invalid-rules"), "change {n}");
    }
    log.event(own(&|c| (c.champions, c.winners) = (Some(3), Some(3))));
}

#[test]
fn refuses_limit_over_unknown_category() {
    let mut log = Log::empty();
    let mut header = ContestHeader { v: 2, ..header() };
    let limits = json!([{"categories": ["a", "z"], "most": 1}]);
    header.rules.limits = serde_json::from_value(limits).unwrap();
    let opens = header.opens;
    log.event(Event::Contest(header));
    log.event(Event::Category(category("a")));
    log.event(Event::Entry(entry("a1")));
    assert_eq!(log.try_event(&Event::Opened { at: opens }), Err("unknown-category"));
}

#[test]
fn rules_that_contradict_themselves_are_refused() {
    let contradictions: [fn(&mut ContestHeader); 12] = [
        |h| h.closes = h.opens,
        |h| h.rules.ballot.votes_per_category = [2, 1],
        |h| h.rules.ballot.revisions = None,
        |h| h.rules.ballot.period = Period::Day,
        |h| h.days = Some(vec![("2021-03-01".to_owned(), at("2021-03-01T00:00:00Z"))]),
        |h| {
            h.rules.ballot.period = Period::Day;
            h.days = Some(vec![("2021-03-01".to_owned(), at("2021-03-01T00:00:01Z"))]);
        },
        |h| h.rules.ballot.period = Period::Counted,
        |h| h.rules.champions = None,
        |h| h.rules.winners.by = WinnersBy::Scores,
        |h| h.rules.winners.ties = WinnerTies::Votes,
        |h| h.rules.winners.ties = WinnerTies::Panel("p".parse().unwrap()),
        |h| h.rules.champions.as_mut().unwrap().ties = ChampionTies::Draw,
    ];
    for (n, change) in contradictions.into_iter().enumerate() {
        let mut header = header();
        change(&mut header);
        assert_eq!(Log::empty().try_event(&Event::Contest(header)), Err("invalid-rules"), "change {n}");
    }
    // Versions after the second do not decode. A header built in memory is refused in the same way.
    let beyond = ContestHeader { v: 3, ..header() };
    let refusal = Tally::new().admit(&LogEntry::Event(Box::new(Event::Contest(beyond)), None));
    assert_eq!(refusal.map_err(|refusal| refusal.code()), Err("unsupported"));
}

#[test]
fn refuses_inconsistent_definition() {
    let mut log = Log::empty();
    log.event(Event::Contest(header()));
    assert_eq!(log.try_event(&Event::Opened { at: header().opens }), Err("no-entries"));
    assert_eq!(log.try_event(&Event::Entry(entry("a1"))), Err("unknown-category"));
    log.event(Event::Category(category("a")));
    assert_eq!(log.try_event(&Event::Category(category("a"))), Err("repeated-category"));
    assert_eq!(log.try_event(&Event::Opened { at: header().opens }), Err("no-entries"));
    log.event(Event::Entry(entry("a1")));
    assert_eq!(log.try_event(&Event::Entry(entry("a1"))), Err("repeated-entry"));
    assert_eq!(log.try_event(&Event::Opened { at: noon() }), Err("opened-at-another-instant"));
}
