//! The highest checkpoint shown, kept outside the ledger: a ledger set back to an older state is noticed.

use acclaim_contest::ContestId;
use async_trait::async_trait;

use crate::error::{Result, StoreError};

/// The size in a checkpoint's second line.
///
/// # Errors
/// `Corrupt` if there is none: what cannot be compared was not made by us.
pub fn checkpoint_size(note: &str) -> Result<u64> {
    let size = note.lines().nth(1).and_then(|size| size.parse().ok());
    size.ok_or_else(|| StoreError::Corrupt("a checkpoint without a size".to_owned()))
}

/// Remembers what has been shown to the world.
#[async_trait]
pub trait PublishedCheckpoints: Send + Sync {
    /// The newest checkpoint (a note) that may have been shown.
    async fn highest(&self, contest: &ContestId) -> Result<Option<String>>;

    /// Keeps a checkpoint that is in the ledger and about to be shown, unless a higher one is kept. Survives the process when it returns; the
    /// caller shows the checkpoint only after.
    async fn record_before_publish(&self, contest: &ContestId, checkpoint: &str) -> Result<()>;

    /// The newest checkpoint that witnesses have cosigned: a note that was shown, and below it the lines of those who have answered by now.
    async fn cosigned(&self, contest: &ContestId) -> Result<Option<String>>;

    /// Keeps a cosigned checkpoint, unless one of a larger size is kept. One of the same size takes the place of what was there: the caller
    /// hands over all cosignatures that it knows. Nothing depends on its surviving: witnesses cosign again.
    async fn save_cosigned(&self, contest: &ContestId, note: &str) -> Result<()>;

    /// Forgets a contest that was deleted.
    async fn forget(&self, contest: &ContestId) -> Result<()>;
}
