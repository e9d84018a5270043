//! Golden case of rounds: entries that are another contest's champions.

use acclaim_ballot_log::entry::PreviousRound;

use super::{Case, steps::votes};
use crate::support::Log;

pub(super) const NAME: &str = "entries-from-a-previous-contest";
pub(super) const CASES: &[Case] = &[(NAME, entries_from_a_previous_contest)];

/// What whoever creates the contest has looked up: a definition does not know it.
pub(super) fn previous() -> PreviousRound {
    PreviousRound {
        origin: "example.org/longlist".to_owned(),
        size: 41,
        root: "0aStYs6ulABRg9jUNVqJTTT4ivU2vWs0OuKvfpMAzSs=".to_owned(),
        result: "bbfbe95af4551cfefe641d1bc010602bef88fb0571fbba892dbd68d732a04b47".to_owned(),
    }
}

/// Nothing is counted in another way; the document says where the entries come from. a3 has 2 of 3 votes, a2 1.
fn entries_from_a_previous_contest(log: &mut Log) {
    votes(log, &["a3", "a2", "a3"]);
    log.close();
}
