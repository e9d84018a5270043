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

/// The chain leaves category b on the way, and b is voted in anew.
fn replace_chain(log: &mut Log) {
    let mut ballot = log.cast(1, &["a1", "b1"], None).unwrap();
    for entry in ["a2", "a3", "a1"] {
        ballot = log.cast(1, &[entry], Some(ballot)).unwrap();
    }
    log.cast(1, &["b2"], None).unwrap();
    log.close();
}

/// Voter 1 goes from a1 to a2, back to a1 and to a2 again, while retries of all earlier ballots come in late: the last one stands.
/// Of 4 + 2 ballots 3 are replaced, 3 count: a2 has 2, a1 has 1.
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

/// Two voters vote in b after their vote in a was voided: voter 1 stays incomplete, for the slot in a stays filled; the ballot of voter 2 is reinstated
/// after that, and completes the sheet. Counted: two ballots of voter 2, one of voter 3, each category 2 votes, all for a2 and b2. Voter 1's two ballots: one void,
/// one incomplete. Without the void voter 1 would count: a1 and b1 one vote each.
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

/// Voter 1 has one category on each channel's sheet: neither is complete, the voter is not. Voter 2's sheet of `unique` is complete, the one of `fan` is
/// not. Voter 3's sheet of `fan` is complete. Recorded 6, counted 3 (2 of voter 2, 1 of voter 3), incomplete 3. In a: `unique` a1, `fan` a2, so 70/100 and 30/100; in b
/// likewise. The voters who count are not all who voted: 1 of 3 is incomplete.
fn completion_all_by_sheet(log: &mut Log) {
    log.cast_on(on("unique"), 1, &["a1"], None).unwrap();
    log.cast_on(on("fan"), 1, &["b1"], None).unwrap();
    log.cast_on(on("unique"), 2, &["a1"], None).unwrap();
    log.cast_on(on("unique"), 2, &["b1"], None).unwrap();
    log.cast_on(on("fan"), 2, &["a2"], None).unwrap();
    log.cast_on(on("fan"), 3, &["a2", "b2"], None).unwrap();
    log.close();
}

/// Three votes a sheet: voter 1 fills the one of `unique`, where two in b would be too many after two in a, and the one of `fan` again.
/// In a: `unique` 1 of 2 for a1 and a2 each, `fan` a1 1 and a2 2 of 3. a1 (1/2 + 1/3)/2 = 5/12, a2 (1/2 + 2/3)/2 = 7/12. In b: `unique` 1 of 1 for b1, `fan` 1 of 2
/// for b1 and b2 each. b1 (1 + 1/2)/2 = 3/4, b2 (0 + 1/2)/2 = 1/4.
fn votes_in_all_by_sheet(log: &mut Log) {
    for channel in ["unique", "fan"] {
        log.cast_on(on(channel), 1, &["a1", "a2"], None).unwrap();
        assert_eq!(log.cast_on(on(channel), 1, &["b1", "b2"], None), Err("too-many-votes"));
        log.cast_on(on(channel), 1, &["b1"], None).unwrap();
    }
    log.cast_on(on("fan"), 2, &["a2", "b2"], None).unwrap();
    log.close();
}
