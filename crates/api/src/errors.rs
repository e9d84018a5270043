//! How the service's errors are answered: for each a kind of problem, with the fields that programs read.

use acclaim_contest::ballot::SelectionError;
use acclaim_service::{
    casting::{CastError, Window},
    revoked_passes::RevocationError,
    sheet::{ChannelError, PeriodError},
};
use acclaim_store::hub::Rejection;

use crate::problem::{self, Problem};

/// Seconds after which a ballot is worth another try while the intake is being rebuilt.
const REBUILDING_DELAY: u64 = 2;

impl From<CastError> for Problem {
    fn from(error: CastError) -> Self {
        let detail = error.to_string();
        match error {
            CastError::LeftAlone | CastError::ClockSetForward | CastError::Stopping => {
                Self::new(&problem::UNAVAILABLE, detail)
            }
            CastError::Rebuilding => Self::new(&problem::UNAVAILABLE, detail).retry_after(REBUILDING_DELAY),
            CastError::NotOpen(window) => Self::new(&problem::VOTING_NOT_OPEN, detail).with_window(window),
            CastError::Closed(window) => Self::new(&problem::VOTING_CLOSED, detail).with_window(window),
            CastError::Suspended(window) => Self::new(&problem::VOTING_SUSPENDED, detail).with_window(window),
            CastError::MalformedReplaces(_) => Self::new(&problem::MALFORMED, detail),
            CastError::Selection(error) => error.into(),
            CastError::Period(error) => error.into(),
            CastError::Unwritable(_) => {
                Self::new(&problem::INVALID_SELECTION, detail).with("reason", "unwritable")
            }
            CastError::Rejected(rejection, window) => of_rejection(rejection, window),
            CastError::QueueFull => Self::new(&problem::QUEUE_FULL, detail),
            CastError::NotConfirmed | CastError::NotFound => Self::new(&problem::OUTCOME_UNKNOWN, detail),
            CastError::Store(error) => error.into(),
        }
    }
}

impl Problem {
    /// With the instants between which ballots are taken.
    fn with_window(self, window: Window) -> Self {
        self.with("opens", window.opens.to_string()).with("closes", window.closes.to_string())
    }
}

fn of_rejection(rejection: Rejection, window: Window) -> Problem {
    match rejection {
        Rejection::AlreadyVoted(categories) => {
            let detail = "an earlier ballot fills a category of this one";
            Problem::new(&problem::ALREADY_VOTED, detail).with("categories", categories)
        }
        Rejection::ReplacedIsNotStanding(standing) => {
            let detail = "`replaces` does not name the standing ballot";
            let problem = Problem::new(&problem::REPLACED_IS_NOT_STANDING, detail);
            match standing {
                Some(standing) => problem.with("standing", standing.to_string()),
                None => problem,
            }
        }
        Rejection::InvalidSelection(reason, detail) => {
            Problem::new(&problem::INVALID_SELECTION, detail).with("reason", reason)
        }
        Rejection::OutsideWindow => CastError::Closed(window).into(),
        Rejection::Refused(code, detail) => Problem::new(&problem::REFUSED, detail).with("code", code),
    }
}

impl From<SelectionError> for Problem {
    fn from(error: SelectionError) -> Self {
        let mut problem = Self::new(&problem::INVALID_SELECTION, error.to_string());
        let reason = serde_json::to_value(error.reason).unwrap_or_default();
        for (field, value) in [("category", error.category), ("entry", error.entry)] {
            if let Some(value) = value {
                problem = problem.with(field, value);
            }
        }
        problem.with("reason", reason)
    }
}

impl From<PeriodError> for Problem {
    fn from(error: PeriodError) -> Self {
        let PeriodError { detail, most, today } = error;
        let mut problem = Self::new(&problem::INVALID_SELECTION, detail).with("reason", "wrong-period");
        if let Some(most) = most {
            problem = problem.with("most", most);
        }
        match today {
            Some(today) => problem.with("today", today),
            None => problem,
        }
    }
}

impl From<ChannelError> for Problem {
    fn from(error: ChannelError) -> Self {
        Self::new(&problem::PASS_OF_ANOTHER_CHANNEL, error.to_string())
    }
}

impl From<RevocationError> for Problem {
    fn from(error: RevocationError) -> Self {
        let kind = match error {
            RevocationError::Revoked => &problem::PASS_REVOKED,
            RevocationError::Unknown => &problem::REVOCATIONS_UNKNOWN,
        };
        Self::new(kind, error.to_string())
    }
}
