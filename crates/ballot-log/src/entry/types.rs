//! The types of entries, as the log writes them.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_are_those_that_an_event_can_have() {
        // serde names them in its message about an unknown one.
        let message = serde_json::from_str::<Event>(r#"{"type":"?"}"#).unwrap_err().to_string();
        let (_, listed) = message.split_once("expected one of ").unwrap();
        let listed: Vec<&str> = listed.split('`').skip(1).step_by(2).collect();
        assert_eq!(listed, EVENTS);
    }
}
