//! The errors of minting and revoking passes.

use acclaim_contest::subject::RefusedSubjects;
use acclaim_store::StoreError;

/// The reason why no pass is minted or revoked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum PassesError {
    /// The contest's tag key was destroyed, so no voter of a subject can be found.
    #[error("the contest's tag key is gone")]
    TagKeyDestroyed,
    /// Voting has ended.
    #[error("voting has ended: passes are minted only until the closing")]
    VotingEnded,
    /// A value is invalid.
    #[error("`{field}`: {problem}")]
    Invalid {
        /// The field of the request.
        field: String,
        /// The problem of the value.
        problem: String,
    },
    /// Subjects of the list are invalid.
    #[error("subjects of the list are refused")]
    RefusedSubjects(RefusedSubjects),
    /// The contest reads its subjects by other rules than the request.
    #[error("{0}")]
    OtherSubjects(String),
    /// No pass of a subject was minted in the contest.
    #[error("no pass of a subject was minted in this contest, so none can be revoked")]
    NoSubjects,
    /// These voters of the list can get no new pass: position and subject of each.
    #[error("voters of the list can get no new pass: their passes were revoked with the mode `bar`")]
    Barred(Vec<(Option<usize>, String)>),
    /// The staff key has used the `Idempotency-Key` for another request.
    #[error("the staff key has used this Idempotency-Key for another request")]
    IdempotencyKeyUsed,
    /// The contest has changed since this process read it.
    #[error("the contest has changed meanwhile: send the request again")]
    Changed,
    /// A fault of this installation.
    #[error("{0}")]
    Internal(&'static str),
    /// A read failed. Its only possible conflict is the deletion of the contest.
    #[error(transparent)]
    Unread(StoreError),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(super) fn invalid(field: &str, problem: impl Into<String>) -> PassesError {
    PassesError::Invalid { field: field.to_owned(), problem: problem.into() }
}
