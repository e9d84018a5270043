//! What names a staff request: repeating one is asking for the same thing once.

use serde::{Deserialize, Serialize};

/// Names a staff request within its contest. Each staff key has its own `Idempotency-Key`s: the requests of one staff key use up none of another's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestId {
    /// Name of the staff key that asked.
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
