//! The highest checkpoint shown, kept outside the ledger: a ledger set back to an older state is noticed.

use acclaim_contest::ContestId;
use async_trait::async_trait;

use crate::error::Result;

/// Remembers what has been shown to the world.
#[async_trait]
pub trait Shown: Send + Sync {
    /// The newest checkpoint (a note) that may have been shown.
    async fn highest(&self, contest: &ContestId) -> Result<Option<String>>;

    /// Keeps a checkpoint that is in the ledger and about to be shown, unless a higher one is kept. Survives the process when it returns; the
    /// caller shows the checkpoint only after.
    async fn about_to_show(&self, contest: &ContestId, checkpoint: &str) -> Result<()>;

    /// Forgets a contest that was deleted.
    async fn forget(&self, contest: &ContestId) -> Result<()>;
}
