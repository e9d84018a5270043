//! Version rules: the types and salts that an entry may have by the version of its log.

use acclaim_ballot_log::Event;

use crate::{refusal::Refusal, tally::Tally};

/// The version that introduced salts, the newer types of entries and the newer rules.
pub(super) const VERSION_2: u32 = 2;

/// Refuses an event that the version of its log does not have.
///
/// The first entry is judged by the version that it declares itself.
pub(super) fn check(tally: &Tally, event: &Event, has_salt: bool) -> Result<(), Refusal> {
    if tally.version() < VERSION_2 && !is_in_version_1(event) && tally.header.is_some() {
        return Err(Refusal::LaterVersion(event.type_name()));
    }
    match (tally.is_salted(event), has_salt) {
        (true, false) => Err(Refusal::NoSalt(event.type_name())),
        (false, true) => Err(Refusal::Salt(event.type_name())),
        _ => Ok(()),
    }
}

fn is_in_version_1(event: &Event) -> bool {
    match event {
        Event::Recused(_)
        | Event::Rejoined(_)
        | Event::Suspended(_)
        | Event::Resumed(_)
        | Event::Unfrozen(_) => false,
        Event::Category(category) => {
            category.votes.is_none() && category.champions.is_none() && category.winners.is_none()
        }
        _ => true,
    }
}

impl Tally {
    /// The version of the log, from its first entry; 0 before that entry.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.header.as_ref().map_or(0, |header| header.v)
    }

    /// Whether an event has a salt in this log.
    #[must_use]
    pub fn is_salted(&self, event: &Event) -> bool {
        self.version() >= VERSION_2 && event.is_salted()
    }
}
