//! Golden cases of ballots that replace others, and of complete sheets.

use super::{
    Case,
    steps::{on, withdraw},
};
use crate::support::Log;

pub(super) const CASES: &[Case] = &[
    ("replace-chain", replace_chain),
    ("replaced-back-and-forth", replaced_back_and_forth),
    ("completion-all-with-a-void", completion_all_with_a_void),
    ("completion-all-around-a-void", completion_all_around_a_void),
    ("completion-all-by-sheet", completion_all_by_sheet),
    ("votes-in-all-by-sheet", votes_in_all_by_sheet),
];

/// The chain of replacements leaves category b. Then a new ballot votes in b.
fn replace_chain(log: &mut Log) {
    let mut ballot = log.cast(1, &["a1", "b1"], None).unwrap();
    for entry in ["a2", "a3", "a1"] {
        ballot = log.cast(1, &[entry], Some(ballot)).unwrap();
    }
    log.cast(1, &["b2"], None).unwrap();
    log.close();
}

/// Voter 1 changes from a1 to a2, back to a1, and to a2 again.
///
/// Retries of all earlier ballots come in late. The last ballot stands. Of 4 + 2 ballots 3 are
/// replaced and 3 count: a2 has 2 votes, a1 has 1.
fn replaced_back_and_forth(log: &mut Log) {
    let first = log.cast(1, &["a1"], None).unwrap();
    let second = log.cast(1, &["a2"], Some(first)).unwrap();
    let third = log.cast(1, &["a1"], Some(second)).unwrap();
    assert_eq!(log.cast(1, &["a1"], None), Err("same-ballot"));
    assert_eq!(log.cast(1, &["a2"], Some(first)), Err("same-ballot"));
    log.cast(1, &["a2"], Some(third)).unwrap();
    assert_eq!(log.cast(1, &["a1"], Some(second)), Err("same-ballot"));
    assert_eq!(log.cast(1, &["a3"], Some(second)), Err("replaced-is-not-standing"));
    assert_eq!(log.cast(1, &["a3"], None), Err("already-voted"));
    log.cast(2, &["a1"], None).unwrap();
    log.cast(3, &["a2"], None).unwrap();
    log.close();
}

fn completion_all_with_a_void(log: &mut Log) {
    log.cast(1, &["a1", "b1"], None).unwrap();
    log.cast(2, &["a2"], None).unwrap();
    log.cast(3, &["a3"], None).unwrap();
    let half = log.cast(3, &["b3"], None).unwrap();
    log.cast(4, &["a4", "b4"], None).unwrap();
    withdraw(log, "b4");
    log.void(half);
    log.close();
}

/// Two voters vote in b after their votes in a were voided.
///
/// Voter 1 stays incomplete, because the slot in a stays filled. The ballot of voter 2 is
/// reinstated later and completes the sheet. Counted: two ballots of voter 2 and one of voter 3.
/// Each category has 2 votes, all for a2 and b2. Voter 1 has two ballots: one voided, one
/// incomplete. Without the void voter 1 would count, and a1 and b1 would have one vote each.
fn completion_all_around_a_void(log: &mut Log) {
    let half = log.cast(1, &["a1"], None).unwrap();
    let other_half = log.cast(2, &["a2"], None).unwrap();
    log.void(half);
    log.void(other_half);
    log.cast(1, &["b1"], None).unwrap();
    log.cast(2, &["b2"], None).unwrap();
    assert_eq!(log.cast(1, &["a2"], None), Err("already-voted"));
    log.reinstate(other_half);
    log.cast(3, &["a2", "b2"], None).unwrap();
    log.close();
}

/// Voter 1 has one category on the sheet of each channel, so neither sheet is complete.
///
/// Voter 1 does not count. Voter 2 has a complete sheet in `unique` and an incomplete one in `fan`.
/// The sheet of voter 3 in `fan` is complete. Recorded 6; counted 3, of these 2 of voter 2 and 1 of
/// voter 3; incomplete 3. In a: `unique` has a1 and `fan` has a2, so the shares are 70/100 and
/// 30/100. In b the same. Not all voters count: 1 of 3 is incomplete.
fn completion_all_by_sheet(log: &mut Log) {
    log.cast_on(on("unique"), 1, &["a1"], None).unwrap();
    log.cast_on(on("fan"), 1, &["b1"], None).unwrap();
    log.cast_on(on("unique"), 2, &["a1"], None).unwrap();
    log.cast_on(on("unique"), 2, &["b1"], None).unwrap();
    log.cast_on(on("fan"), 2, &["a2"], None).unwrap();
    log.cast_on(on("fan"), 3, &["a2", "b2"], None).unwrap();
    log.close();
}

/// A sheet has three votes. Voter 1 fills the sheet of `unique` and the sheet of `fan`.
///
/// After two votes in a, two votes in b are too many. In a: `unique` has 1 of 2 for a1 and a2 each,
/// `fan` has 1 of 3 for a1 and 2 of 3 for a2. a1 (1/2 + 1/3)/2 = 5/12, a2 (1/2 + 2/3)/2 = 7/12. In
/// b: `unique` has 1 of 1 for b1, `fan` has 1 of 2 for b1 and b2 each. b1 (1 + 1/2)/2 = 3/4,
/// b2 (0 + 1/2)/2 = 1/4.
fn votes_in_all_by_sheet(log: &mut Log) {
    for channel in ["unique", "fan"] {
        log.cast_on(on(channel), 1, &["a1", "a2"], None).unwrap();
        assert_eq!(log.cast_on(on(channel), 1, &["b1", "b2"], None), Err("too-many-votes"));
        log.cast_on(on(channel), 1, &["b1"], None).unwrap();
    }
    log.cast_on(on("fan"), 2, &["a2", "b2"], None).unwrap();
    log.close();
}
