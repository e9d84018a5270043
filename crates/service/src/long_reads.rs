//! Long reads: all ballots of a voter with many ballots, all scores of a jury, or pieces of a log.
//!
//! Only a few of them run at once, so that other requests can use the database.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Maximum number of long reads at the same time.
const MAX_CONCURRENT_READS: usize = 2;

/// Permits for long reads. Clones share them.
#[derive(Clone)]
pub struct LongReads(Arc<Semaphore>);

impl Default for LongReads {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_CONCURRENT_READS)))
    }
}

impl LongReads {
    /// Waits for a permit. Dropping the permit frees it for the next read.
    pub async fn acquire(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}
