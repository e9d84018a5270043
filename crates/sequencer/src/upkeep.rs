//! What a contest's task does beside its work: it keeps its lease, makes up for what went wrong beside the ledger, and waits for stores that are away.

use acclaim_store::{StoreError, hub::Recording};
use tokio::{sync::watch, time::Instant};

use crate::contest::{ContestTask, Ended, Halt, Step};

impl ContestTask {
    /// Prolongs the lease if that is due, and catches up on what may have been missed. Where leases do not run out that
    /// is seldom due: hundreds of contests in which nothing happens cost next to nothing.
    pub(crate) async fn keep_lease(&mut self) -> Step {
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
            self.nobody_else_was_there().await?;
        }
        self.lease.note_prolonged(leased);
        // What may have been missed.
        self.inbox.note_commands(commands_wait);
        // What is not trimmed counts as waiting, and voters are told so: it is made up for at once, and until it is.
        if self.lease.is_making_up_due(lease) || self.log.is_untrimmed() {
            self.lease.note_making_up();
            self.make_up().await;
        }
        self.lease.renew_at(match self.log.is_untrimmed() {
            true => Instant::now() + lease / 4,
            false => leased + self.context.upkeep_interval(),
        });
        Ok(())
    }

    /// Prolongs the lease of this contest alone: when it was begun, and that commands may wait.
    async fn prolong_alone(&self) -> Result<(Instant, bool), Halt> {
        let begun = Instant::now();
        if self.context.take_lease(self.id()).await.map_err(Halt::of_call)? {
            return Ok((begun, true));
        }
        tracing::warn!(contest = %self.id(), "another process sequences it now");
        Err(Halt::End(Ended::Waiting))
    }

    /// Makes up for what went wrong beside the ledger.
    async fn make_up(&mut self) {
        let session = self.record.session();
        let making_up = self.log.make_up(&self.context.stores, &session);
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
    async fn nobody_else_was_there(&mut self) -> Step {
        self.inbox.set_may_have_changed(true);
        let head = self.context.stores.database.head(self.id()).await.map_err(Halt::of_call)?;
        if head.map(|head| (head.size, head.root)) == self.log.committed() {
            return Ok(());
        }
        Err(StoreError::Conflict("another process had the lease".to_owned()).into())
    }

    /// Whether the stores answer, in time for the lease.
    pub(crate) async fn stores_answer(&self) -> bool {
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
    ) -> Step {
        tracing::warn!(contest = %self.id(), %error, "recording waits");
        self.set_recording(Recording::Failing(error.to_string()));
        self.stores_away = true;
        self.inbox.note_commands(true);
        tokio::select! {
            _ = stop.changed() => Err(Halt::End(Ended::Told)),
            () = tokio::time::sleep(self.context.settings.retry_after) => Ok(()),
        }
    }
}
