//! Readings that take long: all ballots of a voter who has many, all scores of a jury, pieces of a log. A few go on at once, so that the others have the
//! database to themselves meanwhile.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Readings that go on at once.
const MAX_CONCURRENT_READS: usize = 2;

/// Places for such readings; clones share them.
#[derive(Clone)]
pub struct LongReads(Arc<Semaphore>);

impl Default for LongReads {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_CONCURRENT_READS)))
    }
}

impl LongReads {
    /// A place, as soon as there is one; dropping it leaves it to the next.
    pub async fn acquire(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}
