//! The state that the tasks of all contests share.

use std::{convert::Infallible, fmt::Display, sync::Arc, time::Duration};

use acclaim_contest::ContestId;
use acclaim_store::{Keyring, StoreError, Stores, hub::Recording, intake::Session};
use tokio::sync::watch;

use crate::{
    leases::{HeldLeases, LeaseRenewals},
    settings::Settings,
};

/// Time between two upkeep checks of a contest whose lease does not expire.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(30);

/// See the [module](self).
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) stores: Stores,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) settings: Settings,
    /// The id of this process among the processes that want leases.
    pub(crate) holder: u64,
    /// The contests that tasks of this process work on.
    pub(crate) held: HeldLeases,
    /// The last joint renewal of these leases.
    pub(crate) prolonged: watch::Receiver<LeaseRenewals>,
}

impl Context {
    pub(crate) async fn take_lease(&self, contest: &ContestId) -> Result<bool, StoreError> {
        self.stores.database.take_lease(contest, self.holder, self.settings.lease).await
    }

    /// Time between two upkeep checks of a contest.
    pub(crate) fn upkeep_interval(&self) -> Duration {
        if self.stores.database.leases_expire() { self.settings.lease / 2 } else { UPKEEP_INTERVAL }
    }

    /// Runs work that can take long, and renews the contest's lease meanwhile.
    pub(crate) async fn while_leased<T>(&self, contest: &ContestId, work: impl Future<Output = T>) -> T {
        tokio::select! {
            done = work => done,
            never = self.keep_renewing_lease(contest) => match never {},
        }
    }

    async fn keep_renewing_lease(&self, contest: &ContestId) -> Infallible {
        loop {
            tokio::time::sleep(self.settings.lease / 4).await;
            if !matches!(self.take_lease(contest).await, Ok(true)) {
                // The work continues until it is finished. The next step notices the lost lease.
                tracing::warn!(%contest, "the lease was not renewed");
            }
        }
    }

    /// Removes the remaining state of a deleted contest.
    pub(crate) async fn forget(&self, session: &Session) {
        let (stores, contest) = (&self.stores, &session.contest);
        stores.hub.forget(contest);
        // A draft has no other state, and its id may already belong to another contest.
        if session.epoch == 0 {
            return;
        }
        let removed = match stores.published_checkpoints.forget(contest).await {
            Ok(()) => stores.intake.forget(session).await,
            Err(error) => Err(error),
        };
        if let Err(error) = removed {
            // Harmless: the contest's id is never used again.
            tracing::warn!(%contest, %error, "state of a deleted contest was not removed");
        }
    }

    pub(crate) fn report_failure(&self, id: &ContestId, error: &dyn Display) {
        tracing::error!(contest = %id, %error, "recording has stopped");
        self.stores.hub.set_recording(id, Recording::Stopped(error.to_string()));
    }
}
