//! The time in which a contest takes ballots.

use acclaim_contest::{Instant, Phase};
use jiff::Timestamp;

use crate::directory::Contest;

/// The instants between which a contest takes ballots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first instant of voting.
    pub opens: Instant,
    /// The first instant after voting.
    pub closes: Instant,
}

/// The reason why a contest does not take a ballot that arrived at a given time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The operator excluded the contest.
    #[error("the operator excluded this contest: no ballots are recorded")]
    Excluded,
    /// The ballot arrived too early.
    #[error("the ballot arrived before the opening")]
    NotOpen(Window),
    /// The ballot arrived too late.
    #[error("the ballot arrived after the closing")]
    Closed(Window),
    /// Voting is suspended.
    #[error("the ballot arrived while voting is suspended: cast it again once voting is resumed")]
    Suspended(Window),
}

impl Window {
    /// Returns the current window of a contest.
    pub(crate) fn of(contest: &Contest) -> Self {
        Self { opens: contest.record.definition.opens, closes: contest.record.state.closes }
    }
}

/// Checks that a time lies in the window of voting, suspended or not.
///
/// # Errors
/// - [`WindowError::Excluded`]: the operator excluded the contest.
/// - [`WindowError::NotOpen`]: the time is before the opening.
/// - [`WindowError::Closed`]: the time is after the closing, or the contest has closed.
pub(crate) fn check_window(contest: &Contest, arrived: Timestamp) -> Result<(), WindowError> {
    if contest.is_excluded {
        Err(WindowError::Excluded)
    } else if arrived < contest.opens() {
        Err(WindowError::NotOpen(Window::of(contest)))
    } else if arrived >= contest.closes() || contest.phase() > Phase::Open {
        Err(WindowError::Closed(Window::of(contest)))
    } else {
        Ok(())
    }
}

/// Checks that the contest takes ballots that arrive at this time.
///
/// The time must lie in the window, and voting must not be suspended.
///
/// # Errors
/// The errors of [`check_window`], and [`WindowError::Suspended`].
pub(crate) fn check_open(contest: &Contest, arrived: Timestamp) -> Result<(), WindowError> {
    check_window(contest, arrived)?;
    match contest.phase() {
        Phase::Suspended => Err(WindowError::Suspended(Window::of(contest))),
        _ => Ok(()),
    }
}
