//! Golden cases of withdrawals, voids and reinstatements, and of test contests.

use acclaim_ballot_log::Event;
use serde_json::json;

use super::{
    Case,
    steps::{certify, freeze, scores, votes, withdraw},
};
use crate::support::{Log, reason};

pub(super) const CASES: &[Case] = &[
    ("withdrawn-between-votes", withdrawn_between_votes),
    ("all-withdrawn-in-a-category", all_withdrawn_in_a_category),
    ("void-of-a-replaced-ballot", void_of_a_replaced_ballot),
    ("void-of-a-replaced-ballot-undone", void_of_a_replaced_ballot_undone),
    ("reinstated", reinstated),
    ("reopened-and-certified-again", reopened_and_certified_again),
    ("rehearsal", rehearsal),
    ("rehearsal-with-scores", rehearsal_with_scores),
];

fn withdrawn_between_votes(log: &mut Log) {
    votes(log, &["a1", "a1", "a2"]);
    withdraw(log, "a1");
    votes(log, &["a1", "a3"]);
    log.close();
}

/// All entries of a are withdrawn, and one more vote comes in.
///
/// 3 votes are for withdrawn entries. a has no standings, champions or winners. b has its one vote.
fn all_withdrawn_in_a_category(log: &mut Log) {
    votes(log, &["a1", "a2", "b1"]);
    withdraw(log, "a1");
    withdraw(log, "a2");
    votes(log, &["a1"]);
    log.close();
}

fn void_of_a_replaced_ballot(log: &mut Log) {
    let first = log.cast(1, &["a1"], None).unwrap();
    log.cast(1, &["a2"], Some(first)).unwrap();
    let second = log.cast(2, &["a3"], None).unwrap();
    let replacing = log.cast(2, &["a4"], Some(second)).unwrap();
    log.void(first);
    log.void(replacing);
    log.close();
}

/// Three voters with voids that are undone in different ways.
///
/// Voter 1: the void of the replaced ballot is undone, and a2 counts throughout. Voter 2: the void
/// of the replacing ballot is undone, and a1 counts. Voter 4: both ballots are voided, and the
/// replaced one is reinstated. It is still replaced, so nothing counts. Recorded 7; counted 3
/// (voters 1, 2, 3); replaced 3; voided 1. a2 has 2 of 3 votes, a1 has 1. Without the void a4 would
/// have 1.
fn void_of_a_replaced_ballot_undone(log: &mut Log) {
    let [first, second, fourth] =
        [(1, "a1"), (2, "a3"), (4, "a3")].map(|(voter, entry)| log.cast(voter, &[entry], None).unwrap());
    log.cast(1, &["a2"], Some(first)).unwrap();
    let replacing = log.cast(2, &["a1"], Some(second)).unwrap();
    let last = log.cast(4, &["a4"], Some(fourth)).unwrap();
    log.cast(3, &["a2"], None).unwrap();
    [first, replacing, fourth, last].into_iter().for_each(|ballot| log.void(ballot));
    [first, replacing, fourth].into_iter().for_each(|ballot| log.reinstate(ballot));
    log.close();
}

/// A void and its reinstatement keep the order of arrival, so a2 is still first.
fn reinstated(log: &mut Log) {
    let ballots = votes(log, &["a2", "a1"]);
    log.void(ballots[0]);
    log.reinstate(ballots[0]);
    log.close();
}

fn reopened_and_certified_again(log: &mut Log) {
    let ballots = votes(log, &["a1", "a1", "a2"]);
    log.close();
    freeze(log);
    certify(log);
    log.event(Event::Reopened(reason()));
    log.event(Event::Voided { ballots: ballots[..2].to_vec(), reason: reason() });
    certify(log);
}

fn rehearsal(log: &mut Log) {
    votes(log, &["a1"]);
    let issued = json!({"type": "issued", "source": "email", "passes": 4, "at": "2021-03-01T13:00:00Z"});
    log.event(serde_json::from_value(issued).unwrap());
    log.close();
}

/// Scores decide as in a contest that is not a test, and nothing can be certified.
///
/// a2 (9 + 8)/2 = 17/2, a1 (8 + 8)/2 = 8.
fn rehearsal_with_scores(log: &mut Log) {
    votes(log, &["a1"]);
    log.close();
    scores(log, "experts", "j1", "a1 8, a2 9");
    scores(log, "experts", "j2", "a1 8, a2 8");
}
