//! The phases of a contest, as its log goes through them.

use std::fmt;

use serde::Serialize;

/// Where a contest stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Before `opened`: the log is being given its definition.
    Draft,
    /// Ballots are taken.
    Open,
    /// Voting is over; rulings, choices and freezing follow.
    Closed,
    /// The result is final, unless reopened.
    Certified,
}

impl Phase {
    /// The phase as documents write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Certified => "certified",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
