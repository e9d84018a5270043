//! What holds of every log.

use acclaim_ballot_log::Event;
use acclaim_contest::rules::{ChampionTies, Completion, Revision, WinnersBy};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{Log, reason};

#[test]
fn a_slot_is_filled_once() {
    let mut log = Log::open(|_| {});
    let first = log.cast(1, &["a1"], None).unwrap();
    assert_eq!(log.cast(1, &["a1"], None), Err("same-ballot"));
    assert_eq!(log.cast(1, &["a2"], None), Err("already-voted"));
    assert_eq!(log.cast(1, &["a2", "b1"], None), Err("already-voted"));
    log.void(first);
    assert_eq!(log.cast(1, &["a2"], None), Err("already-voted"), "voided, and still filled");
    assert_eq!(log.cast(1, &["a2"], Some(first)), Err("replaced-is-not-standing"));
    assert!(log.cast(1, &["b1"], None).is_ok());
}

#[test]
fn replacing_takes_the_old_vote_away_and_late_retries_change_nothing() {
    let mut log = Log::open(|_| {});
    let first = log.cast(1, &["a1"], None).unwrap();
    let second = log.cast(1, &["a2"], Some(first)).unwrap();
    assert_eq!(log.cast(1, &["a1"], None), Err("same-ballot"));
    assert_eq!(log.cast(1, &["a3"], Some(first)), Err("replaced-is-not-standing"));
    assert_eq!(log.cast(2, &["a3"], Some(second)), Err("replaced-is-not-standing"), "another voter's");
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
fn a_withdrawn_entry_never_ranks_and_its_votes_are_told_apart() {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_reinstated_void_leaves_no_trace_in_the_figures(
        votes in prop::collection::vec((0_usize..4, 0_usize..4), 1..30),
        which in any::<prop::sample::Index>(),
        completion in any::<bool>(),
    ) {
        let mut log = Log::open(|rules| {
            rules.champions.as_mut().unwrap().ties = ChampionTies::Earliest;
            if completion { rules.ballot.completion = Completion::All; }
        });
        let names = [["a1", "a2", "a3", "a4"], ["b1", "b2", "b3", "b4"]];
        let mut ballots = Vec::new();
        for (voter, (a, b)) in (0..).zip(&votes) {
            ballots.push(log.cast(voter, &[names[0][*a], names[1][*b]], None).unwrap());
        }
        let before = log.figures();
        let ballot = ballots[which.index(ballots.len())];
        log.void(ballot);
        prop_assert_ne!(&log.figures(), &before);
        log.reinstate(ballot);
        prop_assert_eq!(log.figures(), before);
    }

    #[test]
    fn the_order_of_voters_changes_no_total(
        votes in prop::collection::vec((0_usize..4, 0_usize..4), 1..30),
        seed in any::<u64>(),
    ) {
        let names = [["a1", "a2", "a3", "a4"], ["b1", "b2", "b3", "b4"]];
        let mut order: Vec<usize> = (0..votes.len()).collect();
        order.sort_by_key(|n| (*n as u64).wrapping_mul(seed | 1));
        let count = |order: &[usize]| {
            let mut log = Log::open(|_| {});
            for voter in order {
                let (a, b) = votes[*voter];
                log.cast(u32::try_from(*voter).unwrap(), &[names[0][a], names[1][b]], None).unwrap();
            }
            log.figures()
        };
        let straight: Vec<usize> = (0..votes.len()).collect();
        prop_assert_eq!(count(&order), count(&straight));
    }
}
