//! The stored JSON stays the same, byte for byte.
//!
//! The tests read every line of `stored/*.jsonl` and write it again. If a line changes, another
//! version of this program misreads the database.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeSet;

use acclaim_contest::BallotState;
use acclaim_store::{
    Command, CommandOutcome,
    hub::Rejection,
    keys::StaffKey,
    ledger::{read_state, stored_state},
    relocation::MoveMark,
};
use serde::{Serialize, de::DeserializeOwned};

/// Reads every line, and asserts that it is written again as it was.
fn round_trip<T: Serialize + DeserializeOwned>(lines: &str) {
    for line in lines.lines() {
        let value: T = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(serde_json::to_string(&value).unwrap(), line);
    }
}

/// Asserts that there is a line for each name of a `serde` enum.
///
/// The names come from `serde`'s error message about an unknown name.
fn has_all<T: DeserializeOwned>(lines: &str, unknown: &str, name: impl Fn(&str) -> String) {
    let message = serde_json::from_str::<T>(unknown).err().unwrap().to_string();
    let (_, expected) = message.split_once("expected ").unwrap();
    let expected: BTreeSet<String> = expected.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(lines.lines().map(name).collect::<BTreeSet<_>>(), expected);
}

/// The value of the line's first key.
fn first_value(line: &str) -> String {
    line.split('"').nth(3).unwrap().to_owned()
}

/// The line's first key, or the word that the line consists of.
fn first_key(line: &str) -> String {
    line.split('"').nth(1).unwrap().to_owned()
}

#[test]
fn keeps_stored_format_of_commands() {
    let lines = include_str!("stored/commands.jsonl");
    round_trip::<Command>(lines);
    has_all::<Command>(lines, r#"{"command":"none"}"#, first_value);
}

#[test]
fn keeps_stored_format_of_outcomes() {
    let lines = include_str!("stored/outcomes.jsonl");
    round_trip::<CommandOutcome>(lines);
    has_all::<CommandOutcome>(lines, r#"{"outcome":"none"}"#, first_value);
}

#[test]
fn keeps_stored_format_of_rejections() {
    let lines = include_str!("stored/rejections.jsonl");
    round_trip::<Rejection>(lines);
    has_all::<Rejection>(lines, r#""none""#, first_key);
}

#[test]
fn keeps_stored_format_of_keys_and_move_marks() {
    round_trip::<StaffKey>(include_str!("stored/staff_keys.jsonl"));
    round_trip::<MoveMark>(include_str!("stored/moves.jsonl"));
}

#[test]
fn keeps_stored_format_of_ballot_states() {
    let reason = || "one household".to_owned();
    for (state, number, stored) in [
        (BallotState::Recorded, 0, None),
        (BallotState::Replaced, 1, None),
        (BallotState::Voided { reason: reason(), replaced: false }, 2, Some(reason())),
        (BallotState::Voided { reason: reason(), replaced: true }, 3, Some(reason())),
    ] {
        assert_eq!(stored_state(&state), (number, stored.as_deref()));
        assert_eq!(read_state(number.into(), stored).unwrap(), state);
    }
}
