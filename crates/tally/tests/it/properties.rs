//! Properties of every log.

use acclaim_ballot_log::{Event, LogEntry, NewBallot};
use acclaim_contest::{
    BallotId,
    rules::{ChampionTies, Completion, Revision, WinnersBy},
};
use proptest::prelude::*;
use serde_json::Value;

use crate::{
    random_contests::{ENTRIES, Kind, contest, kind, step},
    support::{Log, reason},
};

#[test]
fn a_slot_is_filled_once() {
    let mut log = Log::open(|_| {});
    let first = log.cast(1, &["a1"], None).unwrap();
    assert_eq!(log.cast(1, &["a1"], None), Err("same-ballot"));
    assert_eq!(log.cast(1, &["a2"], None), Err("already-voted"));
    assert_eq!(log.cast(1, &["a2", "b1"], None), Err("already-voted"));
    log.void(first);
    assert_eq!(log.cast(1, &["a2"], None), Err("already-voted"), "a voided ballot still fills its slot");
    assert_eq!(log.cast(1, &["a2"], Some(first)), Err("replaced-is-not-standing"));
    assert!(log.cast(1, &["b1"], None).is_ok());
}

#[test]
fn replacing_removes_old_vote_and_ignores_retries() {
    let mut log = Log::open(|_| {});
    let first = log.cast(1, &["a1"], None).unwrap();
    let second = log.cast(1, &["a2"], Some(first)).unwrap();
    assert_eq!(log.cast(1, &["a1"], None), Err("same-ballot"));
    assert_eq!(log.cast(1, &["a3"], Some(first)), Err("replaced-is-not-standing"));
    assert_eq!(
        log.cast(2, &["a3"], Some(second)),
        Err("replaced-is-not-standing"),
        "it is another voter's ballot"
    );
    log.cast(1, &["a1"], Some(second)).unwrap();
    assert_eq!(log.votes("a")[0], ("a1".to_owned(), 1, 1));
    let mut final_log = Log::open(|rules| {
        rules.ballot.revision = Revision::Final;
        rules.ballot.revisions = None;
    });
    let first = final_log.cast(1, &["a1"], None).unwrap();
    assert_eq!(final_log.cast(1, &["a2"], Some(first)), Err("replacement-not-allowed"));
}

#[test]
fn completion_counts_whole_voters_only() {
    let mut log = Log::open(|rules| rules.ballot.completion = Completion::All);
    let half = log.cast(1, &["a1"], None).unwrap();
    assert_eq!((&log.figures()["votes"], &log.figures()["ballots"]["incomplete"]), (&0.into(), &1.into()));
    log.cast(1, &["b1"], None).unwrap();
    assert_eq!(log.figures()["votes"], 2);
    log.void(half);
    assert_eq!((&log.figures()["votes"], &log.figures()["ballots"]["incomplete"]), (&0.into(), &1.into()));
}

#[test]
fn reports_votes_of_withdrawn_entry_apart() {
    let mut log = Log::open(|_| {});
    log.cast(1, &["a1"], None).unwrap();
    log.event(Event::Withdrawn { entry: "a1".parse().unwrap(), reason: reason() });
    log.cast(2, &["a1"], None).unwrap();
    assert!(log.votes("a").iter().all(|(entry, ..)| entry != "a1"));
    assert_eq!(log.figures()["categories"][0]["withdrawn_votes"], 2);
}

#[test]
fn ties_at_the_cut_are_included_or_go_to_the_earliest() {
    for (ties, expected) in [(ChampionTies::Include, 3), (ChampionTies::Earliest, 2)] {
        let mut log = Log::open(|rules| rules.champions.as_mut().unwrap().ties = ties);
        for (voter, entry) in (0..).zip(["a3", "a1", "a1", "a2"]) {
            log.cast(voter, &[entry], None).unwrap();
        }
        log.close();
        let result: Value = serde_json::from_slice(&log.replay.result().unwrap().json).unwrap();
        let champions: Vec<_> = result["categories"][0]["champions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["entry"].clone())
            .collect();
        assert_eq!(champions.len(), expected);
        assert_eq!(champions[0], "a1");
        assert!(champions.contains(&"a3".into()), "a3 reached its vote first");
    }
}

#[test]
fn certifying_names_the_result_and_reopening_allows_another() {
    let mut log = Log::open(|rules| rules.winners.by = WinnersBy::Choice);
    log.cast(1, &["a1", "b1"], None).unwrap();
    log.close();
    let at = "2021-03-03T00:00:00Z".parse().unwrap();
    let certified = |result: String| Event::Certified { result, by: "chair".to_owned(), at };
    assert_eq!(log.try_event(&certified("0".repeat(64))), Err("another-result"));
    let choice = Event::Choice {
        category: "a".parse().unwrap(),
        winners: vec!["a1".parse().unwrap()],
        by: "chair".to_owned(),
        note: None,
        at,
    };
    log.event(choice);
    let hash = log.replay.result().unwrap().certify.unwrap().result;
    log.event(certified(hash.clone()));
    assert_eq!(log.replay.result().unwrap().sha256, hash);
    assert!(log.try_event(&Event::Withdrawn { entry: "a1".parse().unwrap(), reason: reason() }).is_err());
    log.event(Event::Reopened(reason()));
    log.event(Event::Withdrawn { entry: "a1".parse().unwrap(), reason: reason() });
    let again = log.replay.result().unwrap().certify.unwrap().result;
    assert_ne!(again, hash);
    log.event(certified(again));
}

/// The result without the values that depend on the size of the log.
fn result(log: &Log) -> Value {
    let mut result: Value = serde_json::from_slice(&log.replay.result().unwrap().json).unwrap();
    for key in ["log", "certify"] {
        result.as_object_mut().unwrap().remove(key);
    }
    result
}

/// Every entry that has a rank or a place anywhere in a result.
fn ranked(result: &Value) -> Vec<String> {
    let mut ranked = Vec::new();
    let mut take = |list: &Value| {
        for place in list.as_array().into_iter().flatten() {
            ranked.push(place["entry"].as_str().unwrap().to_owned());
        }
    };
    for category in result["categories"].as_array().unwrap() {
        take(&category["standings"]);
        take(&category["ranking"]);
        take(&category["champions"]);
        take(&category["winners"]["entries"]);
        for panel in category["panels"].as_array().into_iter().flatten() {
            take(&panel["figures"]);
            take(&panel["without_figure"]);
        }
    }
    ranked
}

/// The log with the ballots between two events in another order. The order of a voter's ballots
/// stays.
fn reordered(log: &Log, seed: u64) -> Log {
    let mut other = Log::empty();
    let voter = |line: &[u8]| match LogEntry::decode(line).unwrap() {
        LogEntry::Ballot(ballot) => Some(ballot.voter.0),
        LogEntry::Event(..) => None,
    };
    for run in log.lines.chunk_by(|a, b| voter(a).is_some() && voter(b).is_some()) {
        let mut run = run.to_vec();
        run.sort_by_key(|line| {
            let tag = voter(line).unwrap_or_default();
            u64::from_le_bytes(*tag.first_chunk().unwrap()).wrapping_mul(seed | 1)
        });
        for line in run {
            other.push(line).unwrap();
        }
    }
    other
}

/// Reads a fraction as the result writes it.
fn fraction(text: &Value) -> (u128, u128) {
    let text = text.as_str().unwrap();
    let (numerator, denominator) = text.split_once('/').unwrap_or((text, "1"));
    (numerator.parse().unwrap(), denominator.parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_order_of_voters_changes_no_total(
        steps in prop::collection::vec(step(), 1..100), all: bool, kind in kind(), seed: u64,
    ) {
        // Ties by `earliest` and a certified result depend on the order, so they are left out.
        prop_assume!(kind != Kind::Choice { earliest: true });
        let log = contest(&steps, &[], all, kind, false).log;
        let other = reordered(&log, seed);
        prop_assert_eq!(other.figures(), log.figures());
        prop_assert_eq!(result(&other), result(&log));
    }

    #[test]
    fn void_removes_votes_and_keeps_slot(
        steps in prop::collection::vec(step(), 1..60), all: bool, kind in kind(), which: prop::sample::Index,
    ) {
        let contest = contest(&steps, &[], all, kind, false);
        // The lines before the closing, because a closed log takes no ballots.
        let closed = contest.log.lines.iter().position(|line| line.starts_with(br#"{"type":"closed"#)).unwrap();
        let lines = &contest.log.lines[..closed];
        let replaces = |line: &[u8]| match LogEntry::decode(line).unwrap() {
            LogEntry::Ballot(ballot) => ballot.replaces,
            LogEntry::Event(..) => None,
        };
        let is_plain = |line: &&Vec<u8>| match LogEntry::decode(line).unwrap() {
            LogEntry::Ballot(ballot) => {
                ballot.replaces.is_none() && !lines.iter().any(|other| replaces(other) == Some(ballot.id))
                    && !contest.voided.contains(&ballot.id)
            }
            LogEntry::Event(..) => false,
        };
        let plain: Vec<&Vec<u8>> = lines.iter().filter(is_plain).collect();
        prop_assume!(!plain.is_empty());
        let removed = plain[which.index(plain.len())];
        let (mut with, mut without) = (Log::empty(), Log::empty());
        for line in lines {
            with.push(line.clone()).unwrap();
            if line == removed {
                continue;
            }
            // A choice may depend on this vote, and a ruling may name the ballot.
            let Ok(_) = without.push(line.clone()) else { prop_assume!(false); return Ok(()) };
        }
        let LogEntry::Ballot(ballot) = LogEntry::decode(removed).unwrap() else { unreachable!() };
        with.void(ballot.id);
        let votes = |log: &Log| {
            let figures = log.figures();
            (figures["categories"].clone(), figures["votes"].clone(), figures["ballots"]["counted"].clone())
        };
        prop_assert_eq!(votes(&with), votes(&without));
        prop_assert_eq!(with.push(removed.clone()), Err("same-ballot"));
        let again = NewBallot {
            voter: ballot.voter, channel: ballot.channel, period: ballot.period, replaces: None, at: ballot.at,
            selections: [("a", if removed.ends_with(br#"[["a","a4"]]}"#) { "a3" } else { "a4" })].into_iter(),
        };
        let mut line = Vec::new();
        again.write(&"test".parse().unwrap(), &mut line).unwrap();
        let refused = with.push(line);
        prop_assert!(matches!(refused, Err("already-voted" | "same-ballot")), "{:?}", refused);
    }

    #[test]
    fn a_reinstated_void_leaves_no_trace_in_the_result(
        steps in prop::collection::vec(step(), 1..100), all: bool, kind in kind(), which: prop::sample::Index,
    ) {
        let mut contest = contest(&steps, &[], all, kind, false);
        let standing: Vec<BallotId> =
            contest.cast.iter().map(|(_, id)| *id).filter(|id| !contest.voided.contains(id)).collect();
        prop_assume!(!standing.is_empty() && !matches!(kind, Kind::Divided { .. }));
        let before = result(&contest.log);
        let ballot = standing[which.index(standing.len())];
        contest.log.void(ballot);
        prop_assert_ne!(&result(&contest.log), &before);
        contest.log.reinstate(ballot);
        prop_assert_eq!(result(&contest.log).to_string(), before.to_string());
    }

    #[test]
    fn shares_sum_to_one_without_withdrawn_entries(
        steps in prop::collection::vec(step(), 1..100), after in prop::collection::vec(step(), 0..20),
        all: bool, kind in kind(),
    ) {
        let contest = contest(&steps, &after, all, kind, false);
        let result = result(&contest.log);
        let ranked = ranked(&result);
        for entry in &contest.withdrawn {
            prop_assert!(!ranked.iter().any(|id| id == ENTRIES[*entry]), "{} of {:?}", entry, ranked);
        }
        for category in result["categories"].as_array().unwrap() {
            let standings = category["standings"].as_array().unwrap();
            let votes: u64 = standings.iter().map(|place| place["votes"].as_u64().unwrap()).sum();
            prop_assert_eq!(&category["counts"]["votes"], votes);
            if matches!(kind, Kind::Divided { .. }) {
                let sum = standings.iter().map(|place| fraction(&place["exact"])).fold((0, 1), |sum, share| {
                    (sum.0 * share.1 + share.0 * sum.1, sum.1 * share.1)
                });
                prop_assert!(if votes == 0 { sum.0 == 0 } else { sum.0 == sum.1 }, "{:?}", sum);
            }
        }
    }
}
