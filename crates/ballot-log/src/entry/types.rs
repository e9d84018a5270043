//! The types of entries, as the log writes them.

use super::Event;

/// The type of a ballot.
const BALLOT: &str = "ballot";

/// The types of all events.
const EVENTS: [&str; 22] = [
    "contest",
    "category",
    "entry",
    "opened",
    "issued",
    "amended",
    "withdrawn",
    "voided",
    "reinstated",
    "scores",
    "recused",
    "rejoined",
    "suspended",
    "resumed",
    "closed",
    "frozen",
    "unfrozen",
    "drawn",
    "choice",
    "certified",
    "reopened",
    "statement",
];

/// Whether there are entries of this type.
pub(super) fn is_type(name: &str) -> bool {
    name == BALLOT || EVENTS.contains(&name)
}

impl Event {
    /// The event's type, as the log writes it.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Contest(_) => "contest",
            Self::Category(_) => "category",
            Self::Entry(_) => "entry",
            Self::Opened { .. } => "opened",
            Self::Issued { .. } => "issued",
            Self::Amended { .. } => "amended",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Voided { .. } => "voided",
            Self::Reinstated { .. } => "reinstated",
            Self::Scores { .. } => "scores",
            Self::Recused(_) => "recused",
            Self::Rejoined(_) => "rejoined",
            Self::Suspended(_) => "suspended",
            Self::Resumed(_) => "resumed",
            Self::Closed { .. } => "closed",
            Self::Frozen { .. } => "frozen",
            Self::Unfrozen(_) => "unfrozen",
            Self::Drawn { .. } => "drawn",
            Self::Choice { .. } => "choice",
            Self::Certified { .. } => "certified",
            Self::Reopened(_) => "reopened",
            Self::Statement { .. } => "statement",
        }
    }
}
