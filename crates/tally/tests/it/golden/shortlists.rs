//! Golden cases of champions and winners by votes alone.

use super::{
    Case,
    steps::{certify, choose, votes, withdraw},
};
use crate::support::Log;

pub(super) const CASES: &[Case] = &[
    ("ties-include", tied_at_the_cut),
    ("ties-earliest", tied_at_the_cut),
    ("cut-inside-a-tie", cut_inside_a_tie),
    ("all-tied-at-zero", all_tied_at_zero),
    ("minimum-votes", minimum_votes),
    ("winners-tied", winners_tied),
    ("three-winners-earliest", three_winners),
    ("three-winners-report", three_winners),
    ("earliest-regained", earliest_regained),
    ("earliest-and-a-vote-kept", earliest_and_a_vote_kept),
    ("earliest-and-completion-all", earliest_and_completion_all),
    ("choice-of-two-and-of-none", choice_of_two_and_of_none),
    ("choice-overtaken", choice_overtaken),
];

/// Seven votes: a1 has three, a3 and a2 have two each, and a3 had them before a2.
fn tied_at_the_cut(log: &mut Log) {
    votes(log, &["a1", "a2", "a3", "a3", "a1", "a2", "a1"]);
    log.close();
}

/// One sheet brings two entries to their total at once, so the order of recording is equal too.
fn cut_inside_a_tie(log: &mut Log) {
    log.cast(1, &["a1"], None).unwrap();
    log.cast(2, &["a2", "a3"], None).unwrap();
    log.close();
}

fn all_tied_at_zero(log: &mut Log) {
    log.close();
}

fn minimum_votes(log: &mut Log) {
    votes(log, &["a1", "a1", "a2", "b1", "b1", "b2", "b2", "b3", "b3"]);
    log.close();
}

fn winners_tied(log: &mut Log) {
    votes(log, &["a2", "a1", "b3", "b4", "b4", "b3"]);
    log.close();
}

/// a1 and a2 have 2 of 5 votes each, a3 has 1. a2 reached 2 at index 8, a1 at index 9.
///
/// By `earliest` the places are 1 for a2, 2 for a1 and 3 for a3. By `report` a1 and a2 share place
/// 1, and a3 has place 3. All three win in both cases, because none of these places is beyond the
/// third.
fn three_winners(log: &mut Log) {
    votes(log, &["a1", "a2", "a2", "a1", "a3"]);
    log.close();
}

/// a1 has 2 votes at index 7, and a2 has 2 at index 9.
///
/// At 10 a voter changes from a1 to a3, and at 11 a1 has 2 again. So a1 last reached 2 after a2.
fn earliest_regained(log: &mut Log) {
    let ballots = votes(log, &["a1", "a1", "a2", "a2"]);
    log.cast(7, &["a3"], Some(ballots[1])).unwrap();
    votes(log, &["a1"]);
    log.close();
}

/// a1 has its one vote from index 8 on, a2 from 9.
///
/// At 10 a ballot for a1 and b2 replaces the ballot for a1 and b1. The total of a1 does not change.
fn earliest_and_a_vote_kept(log: &mut Log) {
    let first = log.cast(1, &["a1", "b1"], None).unwrap();
    log.cast(2, &["a2"], None).unwrap();
    log.cast(1, &["a1", "b2"], Some(first)).unwrap();
    log.close();
}

/// a2 is voted for at index 8, a1 at 9. But votes count only from when their sheet is complete.
///
/// The sheet with a1 and b1 is complete at 10, the sheet with a2 and b2 at 11. So a1 and b1 reached
/// their one vote first.
fn earliest_and_completion_all(log: &mut Log) {
    for (voter, entry) in [(1, "a2"), (2, "a1"), (2, "b1"), (1, "b2")] {
        log.cast(voter, &[entry], None).unwrap();
    }
    log.close();
}

fn choice_of_two_and_of_none(log: &mut Log) {
    votes(log, &["a1", "a1", "a2", "b1"]);
    log.close();
    choose(log, "a", &["a1"]);
    choose(log, "a", &["a2", "a1"]);
    choose(log, "b", &[]);
    certify(log);
}

/// The winner is withdrawn after the choice. One category has no choice.
fn choice_overtaken(log: &mut Log) {
    votes(log, &["a1", "a2", "a2"]);
    log.close();
    choose(log, "a", &["a1"]);
    withdraw(log, "a1");
}
