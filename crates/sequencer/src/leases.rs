//! The leases that a process holds, the last joint renewal of them, and the term of each one.

use std::{collections::HashMap, sync::Arc, time::Duration};

use acclaim_contest::ContestId;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

/// The leases that the last joint renewal renewed.
#[derive(Debug, Default)]
pub(crate) struct LeaseRenewals {
    /// When the renewal started. The renewed leases last from this instant.
    at: Option<Instant>,
    /// Each renewed contest, and whether commands of it wait.
    leases: HashMap<ContestId, bool>,
}

impl LeaseRenewals {
    /// Makes the record of a renewal that started at `at`.
    ///
    /// `leases` has each renewed contest, and whether commands of it wait.
    pub(crate) fn new(at: Instant, leases: HashMap<ContestId, bool>) -> Self {
        Self { at: Some(at), leases }
    }

    /// Returns when a contest's lease was renewed, and whether commands of the contest wait.
    ///
    /// `None` if the last renewal was not later than `earlier`, or did not include the contest.
    pub(crate) fn since(&self, contest: &ContestId, earlier: Instant) -> Option<(Instant, bool)> {
        let at = self.at.filter(|at| *at > earlier)?;
        self.leases.get(contest).map(|commands_wait| (at, *commands_wait))
    }
}

/// The contests that tasks of this process work on.
#[derive(Clone, Default)]
pub(crate) struct HeldLeases(Arc<Mutex<HashMap<ContestId, usize>>>);

impl HeldLeases {
    /// Includes the contest in the joint renewals until the returned guard is dropped.
    pub(crate) fn hold(&self, contest: &ContestId) -> HeldLease {
        *self.lock().entry(contest.clone()).or_default() += 1;
        HeldLease { held: self.clone(), contest: contest.clone() }
    }

    pub(crate) fn contests(&self) -> Vec<ContestId> {
        self.lock().keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ContestId, usize>> {
        self.0.lock()
    }
}

/// A guard of [`HeldLeases::hold`].
pub(crate) struct HeldLease {
    held: HeldLeases,
    contest: ContestId,
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        let mut held = self.held.lock();
        // While a task reloads, the old and the new task both hold the lease for a short time.
        if let Some(count) = held.get_mut(&self.contest) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.contest);
            }
        }
    }
}

/// The term of a contest's lease, and the time of the task's next upkeep.
pub(crate) struct LeaseTerm {
    /// When the lease must be renewed.
    renew: Instant,
    /// Start of the lease's current term.
    leased: Instant,
    /// When the task last trimmed the intake and republished the checkpoint.
    last_republish: Option<Instant>,
    /// Includes the contest in the joint renewals of the process.
    _held: HeldLease,
}

impl LeaseTerm {
    /// Returns the term of a lease that was just taken.
    pub(crate) fn begin(held: HeldLease) -> Self {
        let now = Instant::now();
        Self { renew: now, leased: now, last_republish: None, _held: held }
    }

    /// Returns when the lease must be renewed.
    pub(crate) fn renew(&self) -> Instant {
        self.renew
    }

    /// Returns the start of the lease's current term.
    pub(crate) fn leased(&self) -> Instant {
        self.leased
    }

    /// Whether the lease had expired before a renewal at `at`.
    pub(crate) fn has_run_out(&self, at: Instant, lease: Duration) -> bool {
        at >= self.leased + lease
    }

    /// Notes that the lease was renewed at `at`, and that no other process held it in between.
    pub(crate) fn note_prolonged(&mut self, at: Instant) {
        self.leased = at;
    }

    /// Sets when the lease must be renewed next.
    pub(crate) fn renew_at(&mut self, renew: Instant) {
        self.renew = renew;
    }

    /// Whether trimming the intake and republishing the checkpoint is due.
    pub(crate) fn is_republish_due(&self, interval: Duration) -> bool {
        self.last_republish.is_none_or(|last_republish| last_republish.elapsed() >= interval)
    }

    /// Notes that the intake was trimmed and the checkpoint republished just now.
    pub(crate) fn note_republish(&mut self) {
        self.last_republish = Some(Instant::now());
    }
}
