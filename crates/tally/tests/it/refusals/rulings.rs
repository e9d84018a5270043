//! Refusals of rulings: those without effect, choices that cannot win, and wrong certifications.

use acclaim_ballot_log::{Event, LogEntry, entry::ContestHeader};
use acclaim_contest::BallotId;
use acclaim_tally::Refusal;

use super::{amended, by_choice, certified, choice, issued, noon, statement, withdrawn};
use crate::support::{Log, header, reason};

#[test]
fn refuses_rulings_without_effect() {
    let mut log = Log::open(|_| {});
    let ballot = log.cast(1, &["a1"], None).unwrap();
    let unknown: BallotId = "3py_YyrYERCq8DPssH3bdw".parse().unwrap();
    let voided = |ballots: &[BallotId]| Event::Voided { ballots: ballots.to_vec(), reason: reason() };
    let reinstated = |ballots: &[BallotId]| Event::Reinstated {
        entry: None,
        ballots: Some(ballots.to_vec()),
        reason: reason(),
    };
    let entry_back =
        |id: &str| Event::Reinstated { entry: Some(id.parse().unwrap()), ballots: None, reason: reason() };
    assert_eq!(log.try_event(&voided(&[ballot, unknown])), Err("unknown-ballot"));
    assert_eq!(log.try_event(&reinstated(&[ballot])), Err("not-voided"));
    log.event(voided(&[ballot]));
    assert_eq!(log.try_event(&voided(&[ballot])), Err("already-voided"));
    log.event(reinstated(&[ballot]));
    assert_eq!(log.try_event(&reinstated(&[ballot])), Err("not-voided"));
    // The codec refuses a ballot that is named twice. So does admission, for an event built in
    // memory.
    let twice = LogEntry::Event(Box::new(voided(&[ballot, ballot])), None);
    assert_eq!(log.replay.tally().admit(&twice), Err(Refusal::AlreadyVoided(ballot)));

    assert_eq!(log.try_event(&withdrawn("zz")), Err("unknown-entry"));
    assert_eq!(log.try_event(&entry_back("zz")), Err("unknown-entry"));
    assert_eq!(log.try_event(&entry_back("a1")), Err("not-withdrawn"));
    log.event(withdrawn("a1"));
    assert_eq!(log.try_event(&withdrawn("a1")), Err("already-withdrawn"));
    log.event(entry_back("a1"));
    assert_eq!(log.try_event(&entry_back("a1")), Err("not-withdrawn"));

    assert_eq!(log.try_event(&amended("entry:zz", "title", "x")), Err("unknown-entry"));
    assert_eq!(log.try_event(&amended("category:zz", "title", "x")), Err("unknown-category"));
    let odd = LogEntry::Event(Box::new(amended("entry:a1", "category", "b")), None);
    assert_eq!(log.replay.tally().admit(&odd).map_err(|refusal| refusal.code()), Err("invalid-amendment"));
    log.event(amended("entry:a1", "title", "Renamed"));
    let result = String::from_utf8(log.replay.result().unwrap().json).unwrap();
    assert!(result.contains(r#""entry":"a1","title":"Renamed""#));

    log.event(issued(3));
    assert_eq!(log.try_event(&issued(2)), Err("passes-decreased"));
    log.event(issued(3));
    assert_eq!(log.replay.tally().issued("email"), 3);
}

#[test]
fn refuses_choice_of_entry_that_cannot_win() {
    let mut log = Log::open(|_| {});
    log.close();
    assert_eq!(log.try_event(&choice("a", &["a1"])), Err("not-by-choice"));
    let mut log = by_choice();
    for (voter, entry) in (0..).zip(["a1", "a1", "a2", "a2", "a3"]) {
        log.cast(voter, &[entry], None).unwrap();
    }
    log.close();
    assert_eq!(log.try_event(&choice("zz", &[])), Err("unknown-category"));
    assert_eq!(log.try_event(&choice("a", &["zz"])), Err("unknown-entry"));
    assert_eq!(log.try_event(&choice("a", &["b1"])), Err("wrong-category"));
    assert_eq!(log.try_event(&choice("a", &["a3"])), Err("not-eligible"));
    let twice = LogEntry::Event(Box::new(choice("a", &["a1", "a1"])), None);
    assert_eq!(log.replay.tally().admit(&twice), Err(Refusal::RepeatedWinner("a1".parse().unwrap())));
    log.event(withdrawn("a1"));
    assert_eq!(log.try_event(&choice("a", &["a1"])), Err("not-eligible"));
    log.event(choice("a", &["a3"]));
}

#[test]
fn certifies_own_result_and_no_rehearsal() {
    let mut log = Log::open(|_| {});
    log.close();
    let other = Event::Certified { result: "0".repeat(64), by: "chair".to_owned(), at: noon() };
    assert_eq!(log.try_event(&other), Err("another-result"));
    let right = certified(&log);
    log.event(statement());
    assert_eq!(log.try_event(&right), Err("another-result"), "the log has grown");
    let mut log = Log::empty();
    log.define(ContestHeader { test: true, ..header() });
    log.close();
    assert_eq!(log.replay.result().unwrap().certify, None);
    assert_eq!(log.try_event(&other), Err("test-contest"));
}
