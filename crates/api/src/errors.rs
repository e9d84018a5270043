//! Problems for the service's errors: the kind of each, and the fields that programs read.

use acclaim_contest::{ballot::SelectionError, subject::RefusedSubjects};
use acclaim_service::{
    casting::CastError,
    commands::CommandError,
    drafts::DraftError,
    passes::PassesError,
    revoked_passes::RevocationError,
    rounds::RoundsError,
    sheet::{ChannelError, PeriodError},
    window::{Window, WindowError},
};
use acclaim_store::{StoreError, hub::Rejection};
use serde_json::json;

use crate::problem::{self, Problem};

/// Most barred subjects that an answer names.
const MAX_NAMED: usize = 100;
/// Seconds after which a client asks for a command's outcome again.
const COMMAND_DELAY: u64 = 5;
/// Seconds after which a client sends a ballot again while the intake is being rebuilt.
const REBUILDING_DELAY: u64 = 2;

impl From<CastError> for Problem {
    fn from(error: CastError) -> Self {
        // Only the answers that need a text format one: a refusal under load must cost little.
        match error {
            CastError::Window(error) => error.into(),
            CastError::ClockSetForward | CastError::WrongClock | CastError::Stopping => {
                Self::new(&problem::UNAVAILABLE, error.to_string())
            }
            CastError::Rebuilding => {
                Self::new(&problem::UNAVAILABLE, error.to_string()).retry_after(REBUILDING_DELAY)
            }
            CastError::MalformedReplaces(_) => Self::new(&problem::MALFORMED, error.to_string()),
            CastError::Selection(error) => error.into(),
            CastError::Period(error) => error.into(),
            CastError::Unwritable(_) => {
                Self::new(&problem::INVALID_SELECTION, error.to_string()).with("reason", "unwritable")
            }
            CastError::Rejected(rejection) => rejection_problem(rejection),
            CastError::QueueFull => Self::new(&problem::QUEUE_FULL, error.to_string()),
            CastError::NotConfirmed | CastError::NotFound => {
                Self::new(&problem::OUTCOME_UNKNOWN, error.to_string())
            }
            CastError::Store(error) => error.into(),
        }
    }
}

impl From<DraftError> for Problem {
    fn from(error: DraftError) -> Self {
        let detail = error.to_string();
        match error {
            DraftError::Definition(error) => error.into(),
            DraftError::NotADraft(_) => Self::new(&problem::NOT_A_DRAFT, detail),
            DraftError::Exists(_) | DraftError::OtherRevision => {
                Self::new(&problem::PRECONDITION_FAILED, detail)
            }
            DraftError::ChangedMeanwhile(_) => {
                Self::new(&problem::PRECONDITION_FAILED, detail).with("code", "conflict")
            }
            DraftError::Key(_) => Self::new(&problem::INTERNAL, detail),
            DraftError::Store(error) => error.into(),
        }
    }
}

impl From<WindowError> for Problem {
    fn from(error: WindowError) -> Self {
        let detail = error.to_string();
        let (kind, window) = match error {
            WindowError::Excluded => return Self::new(&problem::UNAVAILABLE, detail),
            WindowError::NotOpen(window) => (&problem::VOTING_NOT_OPEN, window),
            WindowError::Closed(window) => (&problem::VOTING_CLOSED, window),
            WindowError::Suspended(window) => (&problem::VOTING_SUSPENDED, window),
        };
        let Window { opens, closes } = window;
        Self::new(kind, detail).with("opens", opens.to_string()).with("closes", closes.to_string())
    }
}

fn rejection_problem(rejection: Rejection) -> Problem {
    match rejection {
        Rejection::AlreadyVoted(categories) => {
            let detail = "an earlier ballot of this voter fills a category of this ballot";
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
        Rejection::OutsideWindow => {
            Problem::new(&problem::VOTING_CLOSED, "the ballot arrived after the closing")
        }
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

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let detail = error.to_string();
        match error {
            CommandError::IdempotencyKeyUsed => Self::new(&problem::IDEMPOTENCY_KEY_USED, detail),
            CommandError::Refused { code, undecided, .. } => {
                let problem = Self::new(&problem::REFUSED, detail).with("code", code);
                if undecided.is_empty() { problem } else { problem.with("undecided", json!(undecided)) }
            }
            CommandError::NotConfirmed => {
                Self::new(&problem::OUTCOME_UNKNOWN, detail).retry_after(COMMAND_DELAY)
            }
            CommandError::Stopping => Self::new(&problem::UNAVAILABLE, detail),
            CommandError::Store(error) => error.into(),
        }
    }
}

impl From<RoundsError> for Problem {
    fn from(error: RoundsError) -> Self {
        let detail = error.to_string();
        match error {
            RoundsError::Mistakes { mistakes, code } => {
                let listed = mistakes.iter().map(|(key, problem)| json!({"key": key, "problem": problem}));
                let problem = Self::new(&problem::INVALID_DEFINITION, detail)
                    .with("mistakes", listed.collect::<Vec<_>>());
                match code {
                    Some(code) => problem.with("code", code),
                    None => problem,
                }
            }
            RoundsError::ResultPending(_) => Self::new(&problem::UNAVAILABLE, detail),
            RoundsError::Internal(_) => Self::new(&problem::INTERNAL, detail),
            RoundsError::Store(error) => error.into(),
        }
    }
}

/// The purpose of a list of subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListPurpose {
    Minting,
    Revoking,
}

impl ListPurpose {
    /// The participle for an answer: nothing was minted, or nothing was revoked.
    fn done(self) -> &'static str {
        match self {
            Self::Minting => "minted",
            Self::Revoking => "revoked",
        }
    }
}

impl From<PassesError> for Problem {
    fn from(error: PassesError) -> Self {
        passes_problem(error, ListPurpose::Minting)
    }
}

/// Returns the answer to a refused list of subjects.
pub(crate) fn passes_problem(error: PassesError, list: ListPurpose) -> Problem {
    let detail = error.to_string();
    let refused = |code: &str| Problem::new(&problem::REFUSED, detail.clone()).with("code", code);
    match error {
        PassesError::TagKeyDestroyed => {
            let what = match list {
                ListPurpose::Minting => "no pass can be minted",
                ListPurpose::Revoking => "no voter of a subject can be found",
            };
            Problem::new(&problem::TAG_KEY_DESTROYED, format!("{what} any more: {detail}"))
        }
        PassesError::VotingEnded => Problem::new(&problem::VOTING_CLOSED, detail),
        PassesError::Invalid { field, .. } => {
            Problem::new(&problem::INVALID_REQUEST, detail).with("field", field)
        }
        PassesError::RefusedSubjects(subjects) => refused_subjects(&subjects, list.done()),
        PassesError::OtherSubjects(_) => refused("other-subjects").with("field", "subjects_are"),
        PassesError::NoSubjects => refused("no-subjects"),
        PassesError::Barred(subjects) => barred(&subjects),
        PassesError::IdempotencyKeyUsed => Problem::new(&problem::IDEMPOTENCY_KEY_USED, detail),
        PassesError::Changed => Problem::new(&problem::UNAVAILABLE, detail),
        PassesError::Internal(_) => Problem::new(&problem::INTERNAL, detail),
        PassesError::Unread(error) => read_problem(error),
        PassesError::Store(error) => error.into(),
    }
}

/// Returns the answer to a list with voters who can get no pass.
fn barred(subjects: &[(Option<usize>, String)]) -> Problem {
    let named = subjects.iter().take(MAX_NAMED);
    let named = named.map(|(position, subject)| json!({"position": position, "subject": subject}));
    let detail = format!(
        "{} of the subjects get no pass: their passes were revoked with the mode `bar`. Nothing was minted. \
         Revoke them with the mode `replace` to allow passes again",
        subjects.len()
    );
    Problem::new(&problem::REFUSED, detail)
        .with("code", "barred")
        .with("barred", named.collect::<Vec<_>>())
        .with("barred_count", subjects.len())
}

/// Returns the answer to a list with refused subjects, each with its position.
fn refused_subjects(refused: &RefusedSubjects, done: &str) -> Problem {
    let field = |position: usize| format!("subjects[{position}]");
    let (field_name, first) = match refused.first.first() {
        Some(first) => (field(first.position), first.to_string()),
        None => ("subjects".to_owned(), String::new()),
    };
    let listed = refused.first.iter().map(
        |one| json!({"position": one.position, "subject": one.subject, "reason": one.reason.to_string()}),
    );
    let more = match refused.count {
        1 => format!("Nothing was {done}"),
        count => format!("{count} subjects of the list are refused, and nothing was {done}"),
    };
    // A reason may be a question.
    let end = if first.ends_with(['?', '.', '!']) { "" } else { "." };
    Problem::new(&problem::INVALID_REQUEST, format!("`{field_name}`: {first}{end} {more}."))
        .with("field", field_name)
        .with("refused", listed.collect::<Vec<_>>())
        .with("refused_count", refused.count)
}

/// Returns the answer for an id without a contest that the request may see.
pub(crate) fn contest_not_found() -> Problem {
    Problem::new(
        &problem::CONTEST_NOT_FOUND,
        "no contest of this id can be seen with these credentials: check the id, and for a draft the key",
    )
}

/// Returns the answer to a failed read of the database.
///
/// A read conflicts only with a deletion that this process does not know of yet.
pub(crate) fn read_problem(error: StoreError) -> Problem {
    match error {
        StoreError::Conflict(_) => contest_not_found(),
        other => other.into(),
    }
}
