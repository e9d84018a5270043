//! What rulings leave behind: withdrawals, and the reasons of voids.

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
    /// The staff key's name.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When.
    pub at: Instant,
}

impl Withdrawal {
    pub(crate) fn new(index: u64, reason: &RulingDetails) -> Self {
        let RulingDetails { by, reason, note, at } = reason.clone();
        Self { index, by, reason, note, at }
    }
}

/// The voided ballots and why; a ballot is here if and only if it is voided.
#[derive(Debug, Clone, Default)]
pub(crate) struct Voids {
    reason_of: BTreeMap<BallotNumber, usize>,
    /// Each reason once, in order of appearance.
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

    /// Why the ballot is voided; `None` if it is not.
    pub(crate) fn reason(&self, ballot: BallotNumber) -> Option<&str> {
        self.reasons.get(*self.reason_of.get(&ballot)?).map(String::as_str)
    }

    /// Voided ballots with their reasons, in log order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (BallotNumber, &str)> {
        self.reason_of
            .iter()
            .filter_map(|(ballot, number)| Some((*ballot, self.reasons.get(*number)?.as_str())))
    }
}
