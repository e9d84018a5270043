//! Readings that take long: all ballots of a voter who has many, all scores of a jury, pieces of a log. A few go on at once, so that the others have the
//! database to themselves meanwhile.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Readings that go on at once.
const AT_ONCE: usize = 2;

/// Places for such readings; clones share them.
#[derive(Clone)]
pub struct LongReadings(Arc<Semaphore>);

impl Default for LongReadings {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl LongReadings {
    /// A place, as soon as there is one; dropping it leaves it to the next.
    pub async fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}
