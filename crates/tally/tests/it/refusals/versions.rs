//! Refusals by the version of the log: entries that began with version 2, and their salts.

use acclaim_ballot_log::{Event, Salt, entry::ContestHeader};
use acclaim_contest::{
    Category,
    rules::{PublishEntries, WinnerTies},
};
use serde_json::{Value, json};

use super::{noon, statement};
use crate::support::{Log, category, header, reason};

/// One event of each type that began with version 2.
fn later_events() -> Vec<Event> {
    let recusal =
        json!({"panel": "p", "juror": "j", "entry": "a1", "reason": "a relative", "by": "x", "at": noon()});
    let recusal: acclaim_ballot_log::entry::Recusal = serde_json::from_value(recusal).unwrap();
    vec![
        Event::Recused(recusal.clone()),
        Event::Rejoined(recusal),
        Event::Suspended(reason()),
        Event::Resumed(reason()),
        Event::Unfrozen(reason()),
    ]
}

#[test]
fn version_1_log_refuses_version_2_entries() {
    let mut log = Log::open(|_| {});
    for event in later_events() {
        assert_eq!(log.try_event(&event), Err("later-version"), "{event:?}");
    }
    let salted = statement().encode(Some(Salt([7; 16]))).unwrap();
    assert_eq!(log.push(salted), Err("salt"));
    let with = |change: &dyn Fn(&mut ContestHeader)| {
        let mut header = header();
        change(&mut header);
        Log::empty().try_event(&Event::Contest(header))
    };
    let changes: [&dyn Fn(&mut ContestHeader); 5] = [
        &|h| h.rules.admission = Some(serde_json::from_value(json!({"methods": ["pass"]})).unwrap()),
        &|h| h.rules.publication.entries = PublishEntries::Certified,
        &|h| h.rules.winners.ties = WinnerTies::Countback,
        &|h| h.rules.limits = serde_json::from_value(json!([{"categories": ["a", "b"], "most": 1}])).unwrap(),
        &|h| h.rules.panels = serde_json::from_value(later_panels()).unwrap(),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        assert_eq!(with(change), Err("later-version"), "change {n}");
    }
    let mut log = Log::empty();
    log.event(Event::Contest(header()));
    let own = Category { winners: Some(1), ..category("a") };
    assert_eq!(log.try_event(&Event::Category(own)), Err("later-version"));
}

fn later_panels() -> Value {
    json!([{"id": "p", "kind": "points", "trim": 0, "minimum_jurors": 1, "weight": 1, "jurors": ["Ama"]}])
}

#[test]
fn version_2_log_requires_salts() {
    let mut log = Log::empty();
    log.define(ContestHeader { v: 2, ..header() });
    let salt = Some(Salt([7; 16]));
    let unsalted = statement().encode(None).unwrap();
    assert_eq!(log.push(unsalted), Err("no-salt"));
    let closed = Event::Closed { at: noon() };
    assert_eq!(log.push(closed.encode(salt).unwrap()), Err("salt"));
    log.push(statement().encode(salt).unwrap()).unwrap();
    log.push(closed.encode(None).unwrap()).unwrap();
    let mut draft = Log::empty();
    draft.event(Event::Contest(ContestHeader { v: 2, ..header() }));
    assert_eq!(draft.push(Event::Category(category("a")).encode(salt).unwrap()), Err("salt"));
}
