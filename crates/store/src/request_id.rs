//! The id of a staff request. A repeated request is executed once.

use serde::{Deserialize, Serialize};

/// The id of a staff request within its contest.
///
/// Each staff key has its own `Idempotency-Key`s, so that two staff keys can use the same one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestId {
    /// Name of the staff key that sent the request.
    pub by: String,
    /// The request's `Idempotency-Key`.
    pub key: String,
}

impl RequestId {
    /// The request of the staff key `by` with this `Idempotency-Key`.
    #[must_use]
    pub fn new(by: &str, key: &str) -> Self {
        Self { by: by.to_owned(), key: key.to_owned() }
    }
}
