//! Every refusal, each by the log that meets it. `Log::push` also checks that a refused entry changes nothing.

use acclaim_ballot_log::entry::ContestHeader;
use acclaim_ballot_log::{Event, LogEntry, NewBallot, Salt};
use acclaim_contest::rules::{ChampionTies, Completion, Period, PublishEntries, WinnerTies, WinnersBy};
use acclaim_contest::{Amendment, BallotId, Category, Instant, TagKey, VoterTag};
use acclaim_tally::{Refusal, Tally};
use serde_json::{Value, json};

use crate::support::{Log, category, entry, header, reason};

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn noon() -> Instant {
    at("2021-03-01T12:00:00Z")
}

fn event(value: serde_json::Value) -> Event {
    serde_json::from_value(value).unwrap()
}

fn by_choice() -> Log {
    Log::open(|rules| rules.winners.by = WinnersBy::Choice)
}

fn choice(category: &str, winners: &[&str]) -> Event {
    event(json!({"type": "choice", "category": category, "winners": winners, "by": "panel", "at": noon()}))
}

fn withdrawn(entry: &str) -> Event {
    Event::Withdrawn { entry: entry.parse().unwrap(), reason: reason() }
}

fn frozen() -> Event {
    Event::Frozen { by: "chair".to_owned(), at: noon() }
}

fn issued(passes: u64) -> Event {
    Event::Issued { source: "email".to_owned(), passes, at: noon() }
}

fn amended(what: &str, key: &str, to: &str) -> Event {
    let to = Amendment::Text(to.to_owned());
    Event::Amended { what: what.to_owned(), key: key.to_owned(), to, reason: reason() }
}

fn statement() -> Event {
    event(json!({"type": "statement", "kind": "note", "text": "x", "by": "chair", "at": noon()}))
}

fn certified(log: &Log) -> Event {
    let result =
        log.replay.result().unwrap().certify.map_or_else(|| "0".repeat(64), |certify| certify.result);
    Event::Certified { result, by: "chair".to_owned(), at: noon() }
}

/// All types of entries but ballots.
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

/// One of each type that began with version 2.
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

/// The types that find no place in the log as it is.
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
    let over = "contest category entry opened amended withdrawn voided reinstated scores closed frozen drawn choice certified";
    assert_eq!(misplaced(&log).join(" "), over);
    assert_eq!(log.cast(2, &["a1"], None), Err("voting-closed"));
    log.event(Event::Reopened(reason()));
    assert_eq!(misplaced(&log).join(" "), closed, "as after closing; freezing is undone");
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
    // Versions beyond the second do not even decode; a header built in memory is refused in the same way.
    let beyond = ContestHeader { v: 3, ..header() };
    let refused = Tally::new().admit(&LogEntry::Event(Box::new(Event::Contest(beyond)), None));
    assert_eq!(refused.map_err(|refusal| refusal.code()), Err("unsupported"));
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
    // What is replaced does not count against the cap.
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
    // A replacement may leave a category: its slot is free again.
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
    // The codec refuses a ballot named twice; so does admission, for an event built in memory.
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

#[test]
fn refuses_log_that_slows_readers() {
    let mut log = Log::open(|rules| {
        rules.ballot.completion = Completion::Any;
        rules.ballot.revisions = Some(u32::MAX);
    });
    let mut standing = log.cast(1, &["a1"], None).unwrap();
    let mut refused = None;
    for n in 1..5_000_u32 {
        match log.cast(1, &[["a1", "a2"][n as usize % 2]], Some(standing)) {
            Ok(ballot) => standing = ballot,
            Err(code) => {
                refused = Some((n, code));
                break;
            }
        }
    }
    assert_eq!(refused, Some((4_096, "too-large")));
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
