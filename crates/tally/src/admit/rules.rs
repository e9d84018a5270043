//! Whether the rules at the head of a log can be tallied at all.

use acclaim_ballot_log::entry::{ContestHeader, VERSION};

use crate::division::Division;
use crate::refusal::Refusal;

/// Refuses rules that contradict themselves, and those of another version. Answers how the contest divides votes.
pub(super) fn check(header: &ContestHeader) -> Result<Division, Refusal> {
    if header.v != VERSION {
        return Err(Refusal::Unsupported("another version than 1 of the log"));
    }
    if header.closes <= header.opens {
        return Err(Refusal::InvalidRules("`closes` is not after `opens`"));
    }
    if let Some(contradiction) = header.rules.contradictions().first() {
        return Err(Refusal::Contradiction { keys: contradiction.keys, reason: contradiction.reason });
    }
    Division::new(header)
}
