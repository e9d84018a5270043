//! The drains that wait for ballots, by contest.
//!
//! A drain is woken when an empty shard of its contest gets ballots. A wake-up can be lost with the
//! connection, so a drain also polls from time to time.

use std::{collections::HashMap, sync::Arc, time::Duration};

use acclaim_contest::ContestId;
use acclaim_store::intake::Cursors;
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

/// See the [module](self).
#[derive(Default)]
pub(crate) struct DrainWaiters(Mutex<HashMap<ContestId, Arc<DrainWaiter>>>);

/// The drain that waits for ballots of one contest.
#[derive(Default)]
pub(crate) struct DrainWaiter {
    /// Wakes the drain. A notification before the wait begins is not lost.
    pub(crate) notify: Notify,
    /// Cursors without ballots after them, and the time of the next poll. The next drain continues
    /// from here.
    idle: Mutex<Option<Idle>>,
}

impl DrainWaiter {
    /// Returns the idle state if the last poll found no ballots after these cursors.
    pub(crate) fn idle_after(&self, after: &Cursors) -> Option<Idle> {
        let idle = self.idle.lock();
        idle.as_ref().filter(|idle| idle.cursors == *after).cloned()
    }

    pub(crate) fn set_idle(&self, idle: Option<Idle>) {
        *self.idle.lock() = idle;
    }
}

/// See [`DrainWaiter::idle`].
#[derive(Debug, Clone)]
pub(crate) struct Idle {
    /// Cursors without ballots after them.
    pub(crate) cursors: Cursors,
    /// The current time between two polls.
    pub(crate) interval: Duration,
    /// The time of the next poll.
    pub(crate) next_poll: Instant,
}

impl DrainWaiters {
    /// Returns the waiter of a contest. It is created if it does not exist.
    pub(crate) fn waiter(&self, contest: &ContestId) -> Arc<DrainWaiter> {
        Arc::clone(self.0.lock().entry(contest.clone()).or_default())
    }

    /// Wakes the drain of the contest that a message names.
    pub(crate) fn wake(&self, contest: &[u8]) {
        let id = std::str::from_utf8(contest).unwrap_or_default();
        if let Some(waiter) = self.0.lock().get(id) {
            waiter.notify.notify_one();
        }
    }

    /// Wakes all drains.
    pub(crate) fn wake_all(&self) {
        self.0.lock().values().for_each(|waiter| waiter.notify.notify_one());
    }

    /// Forgets a contest that was deleted.
    pub(crate) fn forget(&self, contest: &ContestId) {
        self.0.lock().remove(contest);
    }
}
