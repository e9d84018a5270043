//! The highest published checkpoint, kept outside the ledger to detect a ledger restored to an
//! older state.

use acclaim_contest::ContestId;
use async_trait::async_trait;

use crate::error::{Result, StoreError};

/// The size of the log, from a checkpoint's second line.
///
/// # Errors
/// `Corrupt` if there is no number. This program did not write such a checkpoint, and it cannot be
/// compared.
pub fn checkpoint_size(note: &str) -> Result<u64> {
    let size = note.lines().nth(1).and_then(|size| size.parse().ok());
    size.ok_or_else(|| StoreError::Corrupt("a checkpoint has no size".to_owned()))
}

/// Stores the checkpoints that were published.
#[async_trait]
pub trait PublishedCheckpoints: Send + Sync {
    /// The newest checkpoint (a note) that may have been published; `None` if there is none.
    async fn highest(&self, contest: &ContestId) -> Result<Option<String>>;

    /// Stores a checkpoint of the ledger before it is published, unless a higher one is stored.
    ///
    /// The checkpoint survives the process when this returns. The caller publishes it only
    /// afterwards.
    async fn record_before_publish(&self, contest: &ContestId, checkpoint: &str) -> Result<()>;

    /// The newest cosigned checkpoint; `None` if there is none.
    ///
    /// It is a published note, followed by the signature lines of the witnesses that have answered
    /// so far.
    async fn cosigned(&self, contest: &ContestId) -> Result<Option<String>>;

    /// Stores a cosigned checkpoint, unless one of a larger size is stored.
    ///
    /// A stored one of the same size is replaced. The caller passes all cosignatures that it knows.
    /// The copy may be lost without harm: witnesses cosign again.
    async fn save_cosigned(&self, contest: &ContestId, note: &str) -> Result<()>;

    /// Deletes the checkpoints of a deleted contest.
    async fn forget(&self, contest: &ContestId) -> Result<()>;
}
