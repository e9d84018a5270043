//! What a recorded ballot is after everything that was recorded behind it.

/// What a recorded ballot is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BallotState {
    /// It stands.
    Recorded,
    /// Its voter replaced it.
    Replaced,
    /// A ruling says that it does not count.
    Voided {
        /// The ruling's reason.
        reason: String,
        /// Whether its voter had replaced it: then it fills no slots.
        replaced: bool,
    },
}

impl BallotState {
    /// Whether a ballot of this state fills slots.
    #[must_use]
    pub fn fills_slots(&self) -> bool {
        matches!(self, Self::Recorded | Self::Voided { replaced: false, .. })
    }
}
