//! The names of the entry types in the log.

use super::Event;

/// The type of a ballot.
const BALLOT: &str = "ballot";

/// The types of all events, in the order of [`Event`].
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
    "closed",
    "recused",
    "rejoined",
    "suspended",
    "resumed",
    "frozen",
    "unfrozen",
    "drawn",
    "choice",
    "certified",
    "reopened",
    "statement",
];

/// Whether this is the name of an entry type.
pub(super) fn is_type(name: &str) -> bool {
    name == BALLOT || EVENTS.contains(&name)
}

impl Event {
    /// The name of the event's type in the log.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_all_types_of_events() {
        // serde lists the names in its error message about an unknown type.
        let message = serde_json::from_str::<Event>(r#"{"type":"?"}"#).unwrap_err().to_string();
        let (_, listed) = message.split_once("expected one of ").unwrap();
        let listed: Vec<&str> = listed.split('`').skip(1).step_by(2).collect();
        assert_eq!(listed, EVENTS);
    }
}
