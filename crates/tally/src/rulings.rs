//! The effects of rulings: withdrawals, and the reasons of voids.

use std::collections::BTreeMap;

use acclaim_ballot_log::entry::RulingDetails;
use acclaim_contest::Instant;
use serde::Serialize;

use crate::numbers::BallotNumber;

/// A withdrawal that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Withdrawal {
    /// Log index of the ruling.
    pub index: u64,
    /// Name of the staff key that made the ruling.
    pub by: String,
    /// Reason of the ruling.
    pub reason: String,
    /// Additional remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Time of the ruling.
    pub at: Instant,
}

impl Withdrawal {
    pub(crate) fn new(index: u64, reason: &RulingDetails) -> Self {
        let RulingDetails { by, reason, note, at } = reason.clone();
        Self { index, by, reason, note, at }
    }
}

/// The voided ballots with their reasons. A ballot is here if and only if it is voided.
#[derive(Debug, Clone, Default)]
pub(crate) struct Voids {
    reason_of: BTreeMap<BallotNumber, usize>,
    /// Each reason once, in order of first appearance.
    reasons: Vec<String>,
    reason_numbers: BTreeMap<String, usize>,
}

impl Voids {
    pub(crate) fn insert(&mut self, ballots: &[BallotNumber], reason: &str) {
        let number = match self.reason_numbers.get(reason) {
            Some(number) => *number,
            None => {
                self.reasons.push(reason.to_owned());
                self.reason_numbers.insert(reason.to_owned(), self.reasons.len() - 1);
                self.reasons.len() - 1
            }
        };
        self.reason_of.extend(ballots.iter().map(|ballot| (*ballot, number)));
    }

    pub(crate) fn remove(&mut self, ballot: BallotNumber) {
        self.reason_of.remove(&ballot);
    }

    /// The reason why the ballot is voided; `None` if it is not.
    pub(crate) fn reason(&self, ballot: BallotNumber) -> Option<&str> {
        self.reasons.get(*self.reason_of.get(&ballot)?).map(String::as_str)
    }

    /// The voided ballots with their reasons, in log order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (BallotNumber, &str)> {
        self.reason_of
            .iter()
            .filter_map(|(ballot, number)| Some((*ballot, self.reasons.get(*number)?.as_str())))
    }
}
