//! The outcome of a ballot: its record, or the reason why there is none.

use acclaim_ballot_log::Hash;
use acclaim_contest::{BallotId, ballot::SelectionError};
use acclaim_store::{StoreError, hub::Rejection, ledger::RecordedBallot};
use jiff::Timestamp;

use crate::{
    directory::Contest,
    sheet::PeriodError,
    window::{Window, WindowError, check_window},
};

/// The code with which the log refuses a ballot while voting is suspended.
pub const SUSPENDED: &str = "voting-suspended";

/// The outcome of a ballot.
#[derive(Debug)]
pub enum CastOutcome {
    /// The ballot is recorded now.
    Recorded(NewRecord),
    /// The ballot was recorded before. It has this state now, and this leaf hash.
    AlreadyRecorded(RecordedBallot, Hash),
    /// The intake holds the ballot. It will be recorded or rejected.
    Accepted(BallotId),
}

/// A ballot that was recorded while its request waited.
#[derive(Debug)]
pub struct NewRecord {
    /// The ballot's id.
    pub ballot: BallotId,
    /// The ballot's index in the log.
    pub index: u64,
    /// The hash of the ballot's leaf.
    pub leaf_hash: Hash,
    /// Size of the log with the ballot.
    pub size: u64,
    /// Root of the log with the ballot.
    pub root: Hash,
    /// Whether another waiting request for the same ballot counts as the one that recorded it.
    pub is_repetition: bool,
}

/// The reason why a ballot is not recorded, or is not known to be.
#[derive(Debug, thiserror::Error)]
pub enum CastError {
    /// The contest takes no ballots at that time.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// Only a clock that was set forward says that the ballot came too late.
    #[error("the server's clock was set forward past the closing: the operator must check it")]
    ClockSetForward,
    /// The id of the ballot to replace is malformed.
    #[error("`replaces` is {0}")]
    MalformedReplaces(String),
    /// The contest's rules do not allow the selections.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The period is not valid.
    #[error(transparent)]
    Period(#[from] PeriodError),
    /// The ballot does not fit into a log entry.
    #[error("{0}")]
    Unwritable(String),
    /// This process's clock differs from the intake's clock.
    ///
    /// The process would take late ballots, or refuse ballots that are in time.
    #[error("the clock of this process is wrong, so it takes no ballots; another process may take them")]
    WrongClock,
    /// The sequencer or the ledger reports that the ballot is not in the log.
    #[error("the ballot was rejected")]
    Rejected(Rejection),
    /// Too many ballots wait.
    #[error("too many ballots wait to be recorded")]
    QueueFull,
    /// The process ends.
    #[error("the server is stopping")]
    Stopping,
    /// The ballot was not decided before the deadline.
    #[error("the ballot was not confirmed in time")]
    NotConfirmed,
    /// The sequencer has recorded the ballot before, but its record is not published yet.
    #[error("the ballot was recorded before, but its record is not published yet")]
    NotFound,
    /// The intake has lost its content.
    #[error("the intake is being rebuilt from the ledger")]
    Rebuilding,
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Returns the error for a rejection.
#[must_use]
pub fn rejection_error(contest: &Contest, rejection: Rejection) -> CastError {
    let window = Window::of(contest);
    match rejection {
        Rejection::OutsideWindow => {
            check_window(contest, Timestamp::MAX).err().unwrap_or(WindowError::Closed(window)).into()
        }
        Rejection::Refused(code, _) if code == SUSPENDED => WindowError::Suspended(window).into(),
        other => CastError::Rejected(other),
    }
}
