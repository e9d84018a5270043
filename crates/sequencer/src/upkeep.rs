//! What a contest's task does beside its work: it keeps its lease, makes up for what went wrong beside the ledger, and waits for stores that are away.

use acclaim_store::{StoreError, hub::Recording};
use tokio::{sync::watch, time::Instant};

use crate::contest::{ContestTask, Exit, StepError, StepResult};

impl ContestTask {
    /// Prolongs the lease if that is due, and catches up on what may have been missed. Where leases do not run out that
    /// is seldom due: hundreds of contests in which nothing happens cost next to nothing.
    pub(crate) async fn keep_lease(&mut self) -> StepResult {
        if Instant::now() < self.lease.renew() {
            return Ok(());
        }
        let prolonged = self.context.prolonged.borrow().since(self.id(), self.lease.leased());
        let (leased, commands_wait) = match prolonged {
            Some(prolonged) => prolonged,
            None => self.prolong_alone().await?,
        };
        let lease = self.context.settings.lease;
        if self.lease.has_run_out(leased, lease) {
            self.verify_head().await?;
        }
        self.lease.note_prolonged(leased);
        // What may have been missed.
        self.inbox.note_commands(commands_wait);
        // What is not trimmed counts as waiting, and voters are told so: it is made up for at once, and until it is.
        if self.lease.is_republish_due(lease) || self.log.is_untrimmed() {
            self.lease.note_republish();
            self.trim_and_republish().await;
        }
        self.lease.renew_at(match self.log.is_untrimmed() {
            true => Instant::now() + lease / 4,
            false => leased + self.context.upkeep_interval(),
        });
        Ok(())
    }

    /// Prolongs the lease of this contest alone: when it was begun, and that commands may wait.
    async fn prolong_alone(&self) -> Result<(Instant, bool), StepError> {
        let begun = Instant::now();
        if self.context.take_lease(self.id()).await.map_err(StepError::retry_or_reload)? {
            return Ok((begun, true));
        }
        tracing::warn!(contest = %self.id(), "another process sequences it now");
        Err(StepError::End(Exit::RetryLater))
    }

    /// Makes up for what went wrong beside the ledger.
    async fn trim_and_republish(&mut self) {
        let session = self.record.session();
        let making_up = self.log.trim_and_republish(&self.context.stores, &session);
        match tokio::time::timeout(self.context.settings.lease / 4, making_up).await {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => {
                // The figures were kept in the same place.
                self.publisher.publish_again();
            }
            // Next time: the log is as good as before.
            Ok(Err(error)) => tracing::warn!(contest = %self.id(), %error, "nothing can be made up for"),
            Err(_) => tracing::warn!(contest = %self.id(), "making up takes too long"),
        }
    }

    /// The log must end where this task left it: the lease had run out, and another process may have had it.
    async fn verify_head(&mut self) -> StepResult {
        self.inbox.set_record_stale(true);
        let head = self.context.stores.database.head(self.id()).await.map_err(StepError::retry_or_reload)?;
        if head.map(|head| (head.size, head.root)) == self.log.committed() {
            return Ok(());
        }
        Err(StoreError::Conflict("another process had the lease".to_owned()).into())
    }

    /// Whether the stores answer, in time for the lease.
    pub(crate) async fn can_reach_stores(&self) -> bool {
        let (stores, session) = (&self.context.stores, self.record.session());
        let asking = async {
            stores.intake.backlog(&session).await?;
            stores.database.head(self.id()).await
        };
        matches!(tokio::time::timeout(self.context.settings.lease / 4, asking).await, Ok(Ok(_)))
    }

    /// Goes on when a store does not answer: the log is as good as before, so waiting is all there is to do.
    pub(crate) async fn wait_for_stores(
        &mut self,
        error: &StoreError,
        stop: &mut watch::Receiver<bool>,
    ) -> StepResult {
        tracing::warn!(contest = %self.id(), %error, "recording waits");
        self.set_recording(Recording::Failing(error.to_string()));
        self.stores_away = true;
        self.inbox.note_commands(true);
        tokio::select! {
            _ = stop.changed() => Err(StepError::End(Exit::Shutdown)),
            () = tokio::time::sleep(self.context.settings.retry_after) => Ok(()),
        }
    }
}
