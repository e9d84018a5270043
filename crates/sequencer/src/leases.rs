//! The leases of a process are prolonged all at once, four times as often as they run out: hundreds of contests in which nothing happens cost one statement.
//! If a contest's lease was not among them, or not in time, its task prolongs it alone.

use std::{collections::HashMap, sync::Arc, time::Duration};

use acclaim_contest::ContestId;
use acclaim_store::lease::RenewedLease;
use parking_lot::{Mutex, MutexGuard};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::Context;

/// The leases that were prolonged last.
#[derive(Debug, Default)]
pub(crate) struct LeaseRenewals {
    /// When that was begun: they last from then on.
    at: Option<Instant>,
    /// By contest, whether commands of it wait.
    leases: HashMap<ContestId, bool>,
}

impl LeaseRenewals {
    /// When a contest's lease was prolonged, if that was later than this, and whether commands of the contest wait.
    pub(crate) fn since(&self, contest: &ContestId, earlier: Instant) -> Option<(Instant, bool)> {
        let at = self.at.filter(|at| *at > earlier)?;
        self.leases.get(contest).map(|commands_wait| (at, *commands_wait))
    }
}

/// The contests that tasks of this process work on.
#[derive(Clone, Default)]
pub(crate) struct HeldLeases(Arc<Mutex<HashMap<ContestId, usize>>>);

impl HeldLeases {
    /// Has the lease of a contest prolonged until what is returned is dropped.
    pub(crate) fn hold(&self, contest: &ContestId) -> HeldLease {
        *self.lock().entry(contest.clone()).or_default() += 1;
        HeldLease { held: self.clone(), contest: contest.clone() }
    }

    fn contests(&self) -> Vec<ContestId> {
        self.lock().keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ContestId, usize>> {
        self.0.lock()
    }
}

/// See [`HeldLeases::hold`].
pub(crate) struct HeldLease {
    held: HeldLeases,
    contest: ContestId,
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        let mut held = self.held.lock();
        // A task that begins anew holds its lease twice for a moment.
        if let Some(times) = held.get_mut(&self.contest) {
            *times -= 1;
            if *times == 0 {
                held.remove(&self.contest);
            }
        }
    }
}

/// Prolongs the leases of a process until it is dropped.
pub(crate) struct LeaseRenewer(JoinHandle<()>);

impl LeaseRenewer {
    pub(crate) fn start(context: Context, prolonging: watch::Sender<LeaseRenewals>) -> Self {
        Self(tokio::spawn(async move {
            loop {
                sleep(context.settings.lease / 4).await;
                let at = Instant::now();
                let (database, contests) = (&context.stores.database, context.held.contests());
                match database.renew_leases(&contests, context.holder, context.settings.lease).await {
                    Ok(leases) => {
                        let pair = |lease: RenewedLease| (lease.contest, lease.commands_wait);
                        let leases = leases.into_iter().map(pair).collect();
                        prolonging.send_replace(LeaseRenewals { at: Some(at), leases });
                    }
                    Err(error) => tracing::warn!(%error, "leases were not prolonged together"),
                }
            }
        }))
    }
}

impl Drop for LeaseRenewer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How long the contest's lease lasts, and when its task looks after it.
pub(crate) struct LeaseTerm {
    /// When the lease is to be prolonged.
    renew: Instant,
    /// Since when the lease lasts.
    leased: Instant,
    /// When it was made up last for what may have gone wrong beside the ledger.
    last_republish: Option<Instant>,
    /// Has it prolonged with the process's others.
    _held: HeldLease,
}

impl LeaseTerm {
    /// Of a lease that was taken a moment ago.
    pub(crate) fn begin(held: HeldLease) -> Self {
        let now = Instant::now();
        Self { renew: now, leased: now, last_republish: None, _held: held }
    }

    /// When the lease is to be prolonged.
    pub(crate) fn renew(&self) -> Instant {
        self.renew
    }

    /// Since when the lease lasts.
    pub(crate) fn leased(&self) -> Instant {
        self.leased
    }

    /// Whether a lease that is prolonged at an instant has run out before it.
    pub(crate) fn has_run_out(&self, at: Instant, lease: Duration) -> bool {
        at >= self.leased + lease
    }

    /// The lease was prolonged at an instant, and nobody else had it meanwhile.
    pub(crate) fn note_prolonged(&mut self, at: Instant) {
        self.leased = at;
    }

    /// The lease is to be prolonged next at this instant.
    pub(crate) fn renew_at(&mut self, renew: Instant) {
        self.renew = renew;
    }

    /// Whether it is time to make up for what may have gone wrong beside the ledger.
    pub(crate) fn is_republish_due(&self, interval: Duration) -> bool {
        self.last_republish.is_none_or(|last_republish| last_republish.elapsed() >= interval)
    }

    /// Notes that this has just been done.
    pub(crate) fn note_republish(&mut self) {
        self.last_republish = Some(Instant::now());
    }
}
