//! Who waits for ballots of a contest, and is woken when one of its shards was filled that had been empty. A wake-up can
//! be lost with the connection that brings it, so that a drain also looks by itself from time to time.

use std::{collections::HashMap, sync::Arc, time::Duration};

use acclaim_contest::ContestId;
use acclaim_store::intake::Cursors;
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

/// See the [module](self).
#[derive(Default)]
pub(crate) struct DrainWaiters(Mutex<HashMap<ContestId, Arc<DrainWaiter>>>);

/// Who waits for ballots of one contest.
#[derive(Default)]
pub(crate) struct DrainWaiter {
    /// A notification before the first wait is not lost.
    pub(crate) notify: Notify,
    /// The cursors behind which nothing was found, and when to look again. The next drain goes on from here.
    idle: Mutex<Option<Idle>>,
}

impl DrainWaiter {
    /// What is kept, if nothing was found behind these cursors.
    pub(crate) fn idle_behind(&self, after: &Cursors) -> Option<Idle> {
        let idle = self.idle.lock();
        idle.as_ref().filter(|idle| idle.behind == *after).cloned()
    }

    pub(crate) fn keep(&self, idle: Option<Idle>) {
        *self.idle.lock() = idle;
    }
}

/// See [`DrainWaiter::idle`].
#[derive(Debug, Clone)]
pub(crate) struct Idle {
    pub(crate) behind: Cursors,
    pub(crate) interval: Duration,
    pub(crate) again: Instant,
}

impl DrainWaiters {
    /// What is notified when ballots of the contest come.
    pub(crate) fn of(&self, contest: &ContestId) -> Arc<DrainWaiter> {
        Arc::clone(self.0.lock().entry(contest.clone()).or_default())
    }

    /// Wakes the drain of the contest that a message names.
    pub(crate) fn wake(&self, contest: &[u8]) {
        let id = std::str::from_utf8(contest).unwrap_or_default();
        if let Some(waiting) = self.0.lock().get(id) {
            waiting.notify.notify_one();
        }
    }

    /// Wakes all drains.
    pub(crate) fn wake_all(&self) {
        self.0.lock().values().for_each(|waiting| waiting.notify.notify_one());
    }

    /// Drops what was kept of a contest that was deleted.
    pub(crate) fn forget(&self, contest: &ContestId) {
        self.0.lock().remove(contest);
    }
}
