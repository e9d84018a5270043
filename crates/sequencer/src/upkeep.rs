//! The upkeep of a contest's task. It renews the lease, repeats failed side effects of commits, and
//! waits for stores that do not answer.

use acclaim_store::{StoreError, hub::Recording};
use tokio::{sync::watch, time::Instant};

use crate::contest::{ContestTask, Exit, StepError, StepResult};

impl ContestTask {
    /// Renews the lease if that is due, and handles notices that may have been missed.
    ///
    /// If leases do not expire, this is due at long intervals only. Then hundreds of contests
    /// without activity cost almost nothing.
    pub(crate) async fn keep_lease(&mut self) -> StepResult {
        if Instant::now() < self.lease.renew() {
            return Ok(());
        }
        let renewal = self.context.prolonged.borrow().since(self.id(), self.lease.leased());
        let (leased, commands_wait) = match renewal {
            Some(renewal) => renewal,
            None => self.renew_alone().await?,
        };
        let lease = self.context.settings.lease;
        if self.lease.has_run_out(leased, lease) {
            self.verify_head().await?;
        }
        self.lease.note_prolonged(leased);
        // The notice of a queued command may have been missed.
        self.inbox.note_commands(commands_wait);
        // The backlog counts untrimmed items as waiting, and voters get that number. So trimming is
        // tried at once, and again until it succeeds.
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

    /// Renews the lease of this contest alone. Returns when the renewal started, and `true`,
    /// because commands may wait.
    async fn renew_alone(&self) -> Result<(Instant, bool), StepError> {
        let started = Instant::now();
        if self.context.take_lease(self.id()).await.map_err(StepError::retry_or_reload)? {
            return Ok((started, true));
        }
        tracing::warn!(contest = %self.id(), "another process sequences the contest now");
        Err(StepError::End(Exit::RetryLater))
    }

    /// Repeats failed side effects of commits: trims the intake and republishes the checkpoint.
    #[tracing::instrument(level = "debug", skip_all, fields(contest = %self.id()))]
    async fn trim_and_republish(&mut self) {
        let session = self.record.session();
        let trim_and_republish = self.log.trim_and_republish(&self.context.stores, &session);
        match tokio::time::timeout(self.context.settings.lease / 4, trim_and_republish).await {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => {
                // The store that lost the checkpoint also kept the figures.
                self.publisher.publish_again();
            }
            // The next upkeep tries again. The log's state is still valid.
            Ok(Err(error)) => {
                tracing::warn!(contest = %self.id(), %error, "trimming the intake or republishing the checkpoint failed");
            }
            Err(_) => {
                tracing::warn!(contest = %self.id(), "trimming the intake and republishing the checkpoint took too long");
            }
        }
    }

    /// Checks that the log still ends where this task left it.
    ///
    /// The lease had expired, and another process may have had it.
    #[tracing::instrument(level = "debug", skip_all, fields(contest = %self.id()))]
    async fn verify_head(&mut self) -> StepResult {
        self.inbox.set_record_stale(true);
        let head = self.context.stores.database.head(self.id()).await.map_err(StepError::retry_or_reload)?;
        if head.map(|head| (head.size, head.root)) == self.log.committed() {
            return Ok(());
        }
        Err(StoreError::Conflict("another process had the lease".to_owned()).into())
    }

    /// Whether the stores answer within a quarter of the lease.
    pub(crate) async fn can_reach_stores(&self) -> bool {
        let (stores, session) = (&self.context.stores, self.record.session());
        let call_stores = async {
            stores.intake.backlog(&session).await?;
            stores.database.head(self.id()).await
        };
        matches!(tokio::time::timeout(self.context.settings.lease / 4, call_stores).await, Ok(Ok(_)))
    }

    /// Waits when a store does not answer. The log's state is still valid, so nothing else is
    /// needed.
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
