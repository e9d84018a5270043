//! When a contest takes ballots.

use acclaim_contest::{Instant, Phase};
use jiff::Timestamp;

use crate::directory::Contest;

/// The instants between which a contest takes ballots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first.
    pub opens: Instant,
    /// The first after voting.
    pub closes: Instant,
}

/// Why a contest does not take a ballot that arrived at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The operator has the contest left alone.
    #[error("nothing of this contest is recorded")]
    Excluded,
    /// It came too early.
    #[error("the ballot arrived before the opening")]
    NotOpen(Window),
    /// It came too late.
    #[error("the ballot arrived after the closing")]
    Closed(Window),
    /// Voting is suspended.
    #[error("the ballot arrived while voting is suspended: cast it again once voting is resumed")]
    Suspended(Window),
}

impl Window {
    /// The window of a contest, as it stands now.
    pub(crate) fn of(contest: &Contest) -> Self {
        Self { opens: contest.record.definition.opens, closes: contest.record.state.closes }
    }
}

/// Whether a time lies in the window of voting, suspended or not.
///
/// # Errors
/// [`WindowError`], but no suspension.
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

/// Whether the contest takes ballots that arrive at this time: within the window, and not while voting is suspended.
///
/// # Errors
/// [`WindowError`]
pub(crate) fn check_open(contest: &Contest, arrived: Timestamp) -> Result<(), WindowError> {
    check_window(contest, arrived)?;
    match contest.phase() {
        Phase::Suspended => Err(WindowError::Suspended(Window::of(contest))),
        _ => Ok(()),
    }
}
