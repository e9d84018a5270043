//! Golden case of rounds: the entries are the champions of another contest.

use acclaim_ballot_log::entry::PreviousRound;

use super::{Case, steps::votes};
use crate::support::Log;

pub(super) const NAME: &str = "entries-from-a-previous-contest";
pub(super) const CASES: &[Case] = &[(NAME, entries_from_a_previous_contest)];

/// The previous contest. The program that creates a contest looks it up; no definition contains it.
pub(super) fn previous() -> PreviousRound {
    PreviousRound {
        origin: "example.org/longlist".to_owned(),
        size: 41,
        root: "0aStYs6ulABRg9jUNVqJTTT4ivU2vWs0OuKvfpMAzSs=".to_owned(),
        result: "bbfbe95af4551cfefe641d1bc010602bef88fb0571fbba892dbd68d732a04b47".to_owned(),
    }
}

/// Counting does not change. The document says where the entries come from. a3 has 2 of 3 votes,
/// a2 1.
fn entries_from_a_previous_contest(log: &mut Log) {
    votes(log, &["a3", "a2", "a3"]);
    log.close();
}
