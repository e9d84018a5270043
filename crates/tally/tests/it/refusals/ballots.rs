//! Refusals of ballots: their form, their time, their votes, and what they replace.

use acclaim_ballot_log::{Event, NewBallot};
use acclaim_contest::{TagKey, VoterTag, rules::Completion};
use acclaim_tally::Refusal;

use super::{amended, at};
use crate::support::{Log, header};

#[test]
fn refuses_malformed_and_untimely_ballots() {
    let mut log = Log::open(|_| {});
    for time in ["2021-02-28", "2021-03-02", "2021-03-01T12:00Z", "2021-03-01T12Z"] {
        let line = log.ballot(1, &["a1"], None, time);
        assert_eq!(log.push(line), Err("cast-time"), "{time}");
    }
    let other = NewBallot {
        voter: VoterTag([1; 16]),
        channel: None,
        period: None,
        replaces: None,
        at: "2021-03-01",
        selections: [("a", "a1")].into_iter(),
    };
    let mut line = Vec::new();
    other.write(&"another".parse().unwrap(), &mut line).unwrap();
    assert_eq!(log.push(line), Err("wrong-ballot-id"));
    for other in
        [NewBallot { channel: Some("fan"), ..other.clone() }, NewBallot { period: Some("1"), ..other }]
    {
        let mut line = Vec::new();
        other.write(&"test".parse().unwrap(), &mut line).unwrap();
        assert_eq!(log.push(line), Err("not-in-contest"));
    }
}

#[test]
fn the_last_minute_ends_where_voting_does() {
    let mut log = Log::empty();
    let mut head = header();
    head.rules.ballot.cast_time = acclaim_contest::rules::CastTime::Minute;
    log.define(head);
    for (time, expected) in
        [("2021-03-01T00:00Z", true), ("2021-03-01T23:59Z", true), ("2021-03-02T00:00Z", false)]
    {
        let line = log.ballot(1, &["a1"], None, time);
        assert_eq!(log.replay.admit(&line).is_ok(), expected, "{time}");
    }
    assert_eq!(log.try_event(&amended("closes", "closes", "2021-03-02T00:00:00Z")), Err("closes-not-later"));
    log.event(amended("closes", "closes", "2021-03-02T00:00:30Z"));
    assert_eq!(log.replay.tally().closes(), Some(at("2021-03-02T00:00:30Z")));
    let line = log.ballot(1, &["a1"], None, "2021-03-02T00:00Z");
    log.push(line).unwrap();
    assert_eq!(log.try_event(&Event::Closed { at: at("2021-03-02T00:00:31Z") }), Err("closed-outside"));
    assert_eq!(log.try_event(&Event::Closed { at: at("2021-02-28T23:59:59Z") }), Err("closed-outside"));
    log.event(Event::Closed { at: at("2021-03-02T00:00:30Z") });
    assert_eq!(log.try_event(&amended("closes", "closes", "2021-03-03T00:00:00Z")), Err("out-of-place"));
}

#[test]
fn checks_entries_and_number_of_votes() {
    let mut log = Log::open(|rules| {
        rules.ballot.votes_per_category = [2, 3];
        rules.ballot.votes_in_all = Some(5);
    });
    let ballot = |selections: &[(&str, &str)]| {
        let selections = selections.iter().copied();
        let (voter, at) = (TagKey([7; 32]).tag("1"), "2021-03-01");
        let mut line = Vec::new();
        let new = NewBallot { voter, channel: None, period: None, replaces: None, at, selections };
        new.write(&"test".parse().unwrap(), &mut line).unwrap();
        line
    };
    assert_eq!(log.push(ballot(&[("a", "a1"), ("a", "zz")])), Err("unknown-entry"));
    assert_eq!(log.push(ballot(&[("c", "a1")])), Err("unknown-category"));
    assert_eq!(log.push(ballot(&[("a", "b1")])), Err("wrong-category"));
    assert_eq!(log.cast(1, &["a1"], None), Err("too-few-in-category"));
    assert_eq!(log.cast(1, &["a1", "a2", "b1"], None), Err("too-few-in-category"));
    assert_eq!(log.cast(1, &["a1", "a2", "a3", "a4", "b1", "b2"], None), Err("too-many-in-category"));
    assert_eq!(log.cast(1, &["a1", "a2", "a3", "b1", "b2", "b3"], None), Err("too-many-votes"));
    let first = log.cast(1, &["a1", "a2", "a3"], None).unwrap();
    assert_eq!(log.cast(1, &["b1", "b2", "b3"], None), Err("too-many-votes"));
    log.void(first);
    assert_eq!(
        log.cast(1, &["b1", "b2", "b3"], None),
        Err("too-many-votes"),
        "a voided ballot fills its slots"
    );
    log.cast(1, &["b1", "b2"], None).unwrap();
    // A replaced ballot does not count towards the limit.
    let second = log.cast(2, &["a1", "a2", "a3"], None).unwrap();
    log.cast(2, &["a1", "a2", "b1", "b2", "b3"], Some(second)).unwrap();
}

#[test]
fn limits_replacements_and_names_standing_ballot() {
    let mut log = Log::open(|rules| rules.ballot.revisions = Some(2));
    let first = log.cast(1, &["a1"], None).unwrap();
    let in_b = log.cast(1, &["b1"], None).unwrap();
    assert_eq!(log.cast(1, &["a2", "b2"], Some(first)), Err("already-voted"));
    let second = log.cast(1, &["a2"], Some(first)).unwrap();
    let stale = log.ballot(1, &["a3"], Some(first), "2021-03-01");
    let problem = log.replay.admit(&stale).unwrap_err();
    assert_eq!(
        problem,
        acclaim_tally::ReplayProblem::Refusal(Refusal::ReplacesNotStanding { standing: Some(second) })
    );
    log.cast(1, &["b2"], Some(in_b)).unwrap();
    assert_eq!(log.cast(1, &["a3"], Some(second)), Err("too-many-revisions"));
    // A replacement may leave a category, and its slot is free again.
    let both = log.cast(2, &["a1", "b1"], None).unwrap();
    assert_eq!(log.cast(2, &["b2"], None), Err("already-voted"));
    log.cast(2, &["a2"], Some(both)).unwrap();
    log.cast(2, &["b2"], None).unwrap();
    assert_eq!(log.cast(3, &["a1"], Some(both)), Err("replaced-is-not-standing"));
}

#[test]
fn refusal_carries_index_and_categories() {
    let mut log = Log::open(|_| {});
    log.cast(1, &["b1", "a1"], None).unwrap();
    let refusal =
        |log: &Log, entries: &[&str]| match log.replay.admit(&log.ballot(1, entries, None, "2021-03-01")) {
            Err(acclaim_tally::ReplayProblem::Refusal(refusal)) => refusal,
            other => panic!("{other:?}"),
        };
    assert_eq!(refusal(&log, &["a1", "b1"]), Refusal::SameBallot { index: 12 });
    let categories = ["a", "b"].map(|id| id.parse().unwrap()).to_vec();
    assert_eq!(refusal(&log, &["a2", "b1"]), Refusal::AlreadyVoted { categories });
    assert_eq!(refusal(&log, &["b3"]).to_string(), "the voter has voted already in: b");
}

#[test]
fn refuses_log_that_slows_readers() {
    let mut log = Log::open(|rules| {
        rules.ballot.completion = Completion::Any;
        rules.ballot.revisions = Some(u32::MAX);
    });
    let mut standing = log.cast(1, &["a1"], None).unwrap();
    let mut refusal = None;
    for n in 1..5_000_u32 {
        match log.cast(1, &[["a1", "a2"][n as usize % 2]], Some(standing)) {
            Ok(ballot) => standing = ballot,
            Err(code) => {
                refusal = Some((n, code));
                break;
            }
        }
    }
    assert_eq!(refusal, Some((4_096, "too-large")));
    for last in 0..=64 {
        let voter = VoterTag([1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        let selections = [("a", "a1")].into_iter();
        let ballot =
            NewBallot { voter, channel: None, period: None, replaces: None, at: "2021-03-01", selections };
        let mut line = Vec::new();
        ballot.write(&"test".parse().unwrap(), &mut line).unwrap();
        let expected = if last < 64 { None } else { Some("too-large") };
        assert_eq!(log.push(line).err(), expected);
    }
}
