//! Golden cases of channels: weighted shares, exact and rounded half up in print.

use super::{
    Case,
    steps::{draw, freeze, on, votes_on, withdraw},
};
use crate::support::Log;

pub(super) const CASES: &[Case] = &[
    ("channels-against-votes", channels_against_votes),
    ("channels-equal-but-for-rounding", channels_equal_but_for_rounding),
    ("channels-rounded-half-up", channels_rounded_half_up),
    ("channel-without-a-vote", channel_without_a_vote),
    ("channel-with-withdrawn-votes-alone", channel_with_withdrawn_votes_alone),
    ("channels-and-minimum-votes", channels_and_minimum_votes),
    ("channels-tied-by-share", channels_tied_by_share),
];

/// `unique` weighs 70 and has 3 votes, `fan` weighs 30 and has 8.
///
/// a1 70/100 * 2/3 + 30/100 * 1/8 = 7/15 + 3/80 = 121/240. a2 7/30 + 3/16 = 101/240. a3 3/40. a1
/// wins with 3 votes, ahead of a2 with 6.
fn channels_against_votes(log: &mut Log) {
    votes_on(log, on("unique"), &["a1", "a1", "a2"]);
    votes_on(log, on("fan"), &["a1", "a2", "a2", "a2", "a2", "a2", "a3", "a3"]);
    log.close();
}

/// `unique` weighs 999,999 and is tied. `fan` weighs 1, and its one vote is for a2.
///
/// a2 (999999 * 1/2 + 1)/1000000 = 1000001/2000000, a1 999999/2000000. Both are printed as 50.00,
/// and they are not tied.
fn channels_equal_but_for_rounding(log: &mut Log) {
    votes_on(log, on("unique"), &["a1", "a2"]);
    votes_on(log, on("fan"), &["a2"]);
    log.close();
}

/// The weights are 1 and 1. Half is rounded up in both shares.
///
/// a1 (1 + 15/16)/2 = 31/32 = 96.875 %, a2 (0 + 1/16)/2 = 1/32 = 3.125 %.
fn channels_rounded_half_up(log: &mut Log) {
    votes_on(log, on("unique"), &["a1"]);
    votes_on(log, on("fan"), &[&["a1"; 15][..], &["a2"]].concat());
    log.close();
}

/// In a both channels have a vote: a1 70/100, a2 30/100. In b only `fan` has votes.
///
/// So the shares in b are those of `fan`: b1 2/3 and b2 1/3.
fn channel_without_a_vote(log: &mut Log) {
    votes_on(log, on("unique"), &["a1"]);
    votes_on(log, on("fan"), &["a2", "b1", "b1", "b2"]);
    log.close();
}

/// The votes of `unique` are all for a3, which is withdrawn. So `unique` is left out.
///
/// a1 has 3/4 of `fan`, a2 has 1/4.
///
/// Without the withdrawal: a3 70/100, a1 30/100 * 3/4 = 22.5 %, a2 7.5 %.
fn channel_with_withdrawn_votes_alone(log: &mut Log) {
    votes_on(log, on("unique"), &["a3", "a3"]);
    votes_on(log, on("fan"), &["a1", "a1", "a1", "a2"]);
    withdraw(log, "a3");
    log.close();
}

/// a1 has the largest share, 70/100, by one vote, and champions need two votes.
///
/// The champions are a2, 30/100 * 3/5 = 9/50 with 3 votes, and a3, 30/100 * 2/5 = 3/25 with 2
/// votes.
fn channels_and_minimum_votes(log: &mut Log) {
    votes_on(log, on("unique"), &["a1"]);
    votes_on(log, on("fan"), &["a2", "a2", "a2", "a3", "a3"]);
    log.close();
}

/// The weights are 1 and 1. The shares are equal, and the votes are not.
///
/// a1 (1/2 + 0)/2 = 1/4 with one vote, a2 (0 + 2/4)/2 = 1/4 with two votes. a3 (1/2 + 2/4)/2 = 1/2.
/// The second champion is drawn: by seed 01 it is a2 (5d... is before 60..., see `draws`).
fn channels_tied_by_share(log: &mut Log) {
    votes_on(log, on("unique"), &["a1", "a3"]);
    votes_on(log, on("fan"), &["a2", "a2", "a3", "a3"]);
    log.close();
    freeze(log);
    draw(log, &"01".repeat(32)).unwrap();
}
