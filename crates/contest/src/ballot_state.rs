//! The state of a recorded ballot after all later log entries.

/// The current state of a recorded ballot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BallotState {
    /// The ballot stands.
    Recorded,
    /// The voter replaced the ballot.
    Replaced,
    /// A ruling says that the ballot does not count.
    Voided {
        /// The ruling's reason.
        reason: String,
        /// Whether the voter had replaced the ballot before. Then it fills no slots.
        replaced: bool,
    },
}

impl BallotState {
    /// Whether a ballot in this state fills slots.
    #[must_use]
    pub fn fills_slots(&self) -> bool {
        matches!(self, Self::Recorded | Self::Voided { replaced: false, .. })
    }
}
