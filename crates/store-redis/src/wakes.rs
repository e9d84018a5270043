//! Who waits for ballots of a contest, and is woken when one of its shards was filled that had been empty. A wake-up can
//! be lost with the connection that brings it, so that a drain also looks by itself from time to time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use acclaim_contest::ContestId;
use tokio::sync::Notify;

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Wakes(Mutex<HashMap<ContestId, Arc<Notify>>>);

impl Wakes {
    /// What is notified when ballots of the contest come. A notification before the first wait is not lost.
    pub(crate) fn of(&self, contest: &ContestId) -> Arc<Notify> {
        Arc::clone(self.lock().entry(contest.clone()).or_default())
    }

    /// Wakes the drain of the contest that a message names.
    pub(crate) fn wake(&self, contest: &[u8]) {
        let id = std::str::from_utf8(contest).unwrap_or_default();
        if let Some(waiting) = self.lock().get(id) {
            waiting.notify_one();
        }
    }

    /// Wakes all drains.
    pub(crate) fn wake_all(&self) {
        self.lock().values().for_each(|waiting| waiting.notify_one());
    }

    /// Drops what was kept of a contest that was deleted.
    pub(crate) fn forget(&self, contest: &ContestId) {
        self.lock().remove(contest);
    }

    /// The map is whole after every step, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, HashMap<ContestId, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
