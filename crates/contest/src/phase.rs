//! The phases of a contest.

use std::{fmt, str::FromStr};

/// The phase of a contest, in the order of time.
///
/// [`Phase::Suspended`] comes before [`Phase::Open`], because voting continues after a suspension.
/// In the database only a draft has no log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Everything may change. In a log, the definition is still being written.
    Draft,
    /// Voting has begun and is suspended. No ballot is recorded until voting resumes.
    Suspended,
    /// Ballots are recorded.
    Open,
    /// Voting has ended. Rulings may follow.
    Closed,
    /// Voting has ended. No ruling may follow, but draws and choices may.
    Frozen,
    /// The result is final, unless the contest is reopened.
    Certified,
}

impl Phase {
    const ALL: [Self; 6] =
        [Self::Draft, Self::Suspended, Self::Open, Self::Closed, Self::Frozen, Self::Certified];

    /// Returns the word used in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Suspended => "suspended",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Frozen => "frozen",
            Self::Certified => "certified",
        }
    }

    /// Returns the word that the API uses for a contest.
    ///
    /// A suspended contest is `open` there, because the API has a separate field for suspension.
    #[must_use]
    pub fn public_name(self) -> &'static str {
        match self {
            Self::Suspended => Self::Open.as_str(),
            other => other.as_str(),
        }
    }

    /// Returns the word in tallies and in refusals by the log. A frozen contest is `closed` there.
    #[must_use]
    pub fn log_name(self) -> &'static str {
        match self {
            Self::Frozen => Self::Closed.as_str(),
            other => other.public_name(),
        }
    }

    /// Whether voting has begun and not ended, suspended or not.
    ///
    /// In these phases the contest has a session of the intake.
    #[must_use]
    pub fn is_voting(self) -> bool {
        matches!(self, Self::Open | Self::Suspended)
    }

    /// Whether voting has ended and the result is not certified, frozen or not.
    #[must_use]
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Closed | Self::Frozen)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Phase {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|phase| phase.as_str() == text)
            .ok_or_else(|| format!("unknown phase `{text}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_has_its_words() {
        let words = |phase: Phase| [phase.as_str(), phase.public_name(), phase.log_name()];
        assert_eq!(
            Phase::ALL.map(words),
            [
                ["draft", "draft", "draft"],
                ["suspended", "open", "open"],
                ["open", "open", "open"],
                ["closed", "closed", "closed"],
                ["frozen", "frozen", "closed"],
                ["certified", "certified", "certified"],
            ]
        );
        assert_eq!(Phase::ALL.map(|phase| phase.as_str().parse()), Phase::ALL.map(Ok));
        assert!("paused".parse::<Phase>().is_err());
    }
}
