//! Refusals of entries that do not belong into the present phase of the contest.

use acclaim_ballot_log::{Event, LogEntry};
use acclaim_contest::{BallotId, rules::WinnersBy};
use serde_json::json;

use super::{amended, by_choice, certified, choice, event, issued, noon, statement, withdrawn};
use crate::support::{Log, category, entry, header, reason};

fn frozen() -> Event {
    Event::Frozen { by: "chair".to_owned(), at: noon() }
}

/// One event of each type, without those that began with version 2.
fn every_event(log: &Log) -> Vec<Event> {
    let ballot: BallotId = "3py_YyrYERCq8DPssH3bdw".parse().unwrap();
    vec![
        Event::Contest(header()),
        Event::Category(category("c")),
        Event::Entry(entry("a9")),
        Event::Opened { at: header().opens },
        issued(1),
        amended("entry:a1", "title", "x"),
        withdrawn("a4"),
        Event::Voided { ballots: vec![ballot], reason: reason() },
        Event::Reinstated { entry: None, ballots: Some(vec![ballot]), reason: reason() },
        event(
            json!({"type": "scores", "panel": "p", "juror": "j", "category": "a", "values": [], "by": "x", "at": noon()}),
        ),
        Event::Closed { at: noon() },
        frozen(),
        event(json!({"type": "drawn", "source": "s", "seed": "0".repeat(64), "by": "x", "at": noon()})),
        choice("a", &["a1"]),
        certified(log),
        Event::Reopened(reason()),
        statement(),
    ]
}

/// The types of events that the log refuses because of its present phase.
fn misplaced(log: &Log) -> Vec<String> {
    let misplaced = every_event(log).into_iter().filter(|event| {
        let code = log.replay.admit(&event.encode(None).unwrap()).err();
        let code = code.map(|problem| match problem {
            acclaim_tally::ReplayProblem::Refusal(refusal) => refusal.code(),
            acclaim_tally::ReplayProblem::Entry(error) => panic!("{error}"),
        });
        matches!(code, Some("out-of-place" | "frozen"))
    });
    misplaced.map(|event| serde_json::to_value(event).unwrap()["type"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn refuses_entries_out_of_phase() {
    let mut log = Log::empty();
    assert_eq!(log.cast(1, &["a1"], None), Err("voting-not-open"));
    log.event(Event::Contest({
        let mut header = header();
        header.rules.winners.by = WinnersBy::Choice;
        header
    }));
    let draft = "contest issued amended withdrawn voided reinstated scores closed frozen drawn choice certified reopened";
    assert_eq!(misplaced(&log).join(" "), draft);
    assert_eq!(log.cast(1, &["a1"], None), Err("voting-not-open"));
    log.event(Event::Category(category("a")));
    log.event(Event::Entry(entry("a1")));
    log.event(Event::Opened { at: header().opens });
    log.cast(1, &["a1"], None).unwrap();
    let open = "contest category entry opened frozen drawn choice certified reopened";
    assert_eq!(misplaced(&log).join(" "), open);
    log.event(Event::Closed { at: noon() });
    let closed = "contest category entry opened closed reopened";
    assert_eq!(misplaced(&log).join(" "), closed);
    assert_eq!(log.cast(2, &["a1"], None), Err("voting-closed"));
    log.event(frozen());
    let frozen_log =
        "contest category entry opened withdrawn voided reinstated scores closed frozen reopened";
    assert_eq!(misplaced(&log).join(" "), frozen_log);
    assert_eq!(log.try_event(&withdrawn("a1")), Err("frozen"));
    assert_eq!(log.try_event(&frozen()), Err("frozen"));
    let certified = certified(&log);
    log.event(certified);
    let certified_log = "contest category entry opened amended withdrawn voided reinstated scores closed frozen drawn choice certified";
    assert_eq!(misplaced(&log).join(" "), certified_log);
    assert_eq!(log.cast(2, &["a1"], None), Err("voting-closed"));
    log.event(Event::Reopened(reason()));
    assert_eq!(misplaced(&log).join(" "), closed, "the same as after closing: freezing is undone");
}

#[test]
fn refuses_entries_before_header() {
    let log = Log::empty();
    for event in every_event(&by_choice()).into_iter().skip(1) {
        let line = event.encode(None).unwrap();
        assert_eq!(
            log.replay.admit(&line).err().map(|e| e.to_string().contains("out of its place")),
            Some(true)
        );
    }
    let beyond_u32 = header();
    assert!(log.replay.tally().admit(&LogEntry::Event(Box::new(Event::Contest(beyond_u32)), None)).is_ok());
}
