//! Renews the leases of a process together.
//!
//! One statement renews all leases, four times per lease duration. So hundreds of contests without
//! activity cost one statement. If a contest's lease was not renewed in time this way, the
//! contest's task renews it alone.

use acclaim_store::lease::RenewedLease;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{context::Context, leases::LeaseRenewals};

/// Renews the leases of a process until it is dropped.
pub(crate) struct LeaseRenewer(JoinHandle<()>);

impl LeaseRenewer {
    pub(crate) fn start(context: Context, renewals: watch::Sender<LeaseRenewals>) -> Self {
        Self(tokio::spawn(async move {
            loop {
                sleep(context.settings.lease / 4).await;
                let at = Instant::now();
                let (database, contests) = (&context.stores.database, context.held.contests());
                match database.renew_leases(&contests, context.holder, context.settings.lease).await {
                    Ok(leases) => {
                        let pair = |lease: RenewedLease| (lease.contest, lease.commands_wait);
                        let leases = leases.into_iter().map(pair).collect();
                        renewals.send_replace(LeaseRenewals::new(at, leases));
                    }
                    Err(error) => tracing::warn!(%error, "the joint renewal of leases failed"),
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
