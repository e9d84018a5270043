//! Voting: opens the contest, records the ballots of the intake, starts a new intake session after
//! a loss, and closes.

use acclaim_ballot_log::{Event, LogEntry, entry::opening_events};
use acclaim_contest::{Instant, definition::Definition};
use acclaim_store::{
    CommandOutcome, RequestId, StoreError,
    certification::find_opening_obstacle,
    hub::{BallotOutcome, Recording, Rejection},
    intake::{Cursors, DrainOutcome, Item, Slot},
};
use bytes::Bytes;

use crate::{
    batch::{Batch, NewSession},
    contest::{ContestTask, StepError, StepResult, damaged},
    log::CHUNK,
    projection::waiting_closings,
};

impl ContestTask {
    /// Opens the contest at `at`, and records the outcomes of the commands that requested it.
    #[tracing::instrument(level = "debug", skip_all, fields(contest = %self.id()))]
    pub(crate) async fn open(&mut self, at: Instant, commands: Vec<RequestId>) -> StepResult {
        let mut definition = Definition::clone(&self.record.definition);
        definition.opens = at;
        let mut batch = Batch::default();
        let mut opening = opening_events(&definition);
        opening.extend(self.issued_events(Some(at)).await.map_err(StepError::retry_or_reload)?);
        let mut first = None;
        for event in &opening {
            let index = batch.add_event(&mut self.log.replay, event).map_err(|error| damaged(&error))?;
            first.get_or_insert(index);
        }
        let outcome = self.outcome(first.unwrap_or_default());
        batch.commands = commands.into_iter().map(|id| (id, outcome.clone())).collect();
        let shards = self.context.settings.shards;
        self.commit(batch.with_session(NewSession { epoch: epoch()?, shards })).await
    }

    /// Returns why the contest cannot open; `None` if it can.
    ///
    /// The obstacle concerns the contest that its entries come from. It applies to an opening by
    /// command and by schedule.
    pub(crate) async fn find_opening_obstacle(&self) -> Result<Option<String>, StoreError> {
        match &self.record.definition.rounds {
            Some(rounds) => find_opening_obstacle(&*self.context.stores.database, rounds).await,
            None => Ok(None),
        }
    }

    /// Starts a new session of the intake.
    ///
    /// The ledger records the session first. Then no item of another session can be taken for one
    /// of this session.
    pub(crate) async fn start_session(&mut self, why: &str) -> StepResult {
        tracing::warn!(contest = %self.id(), why, "intake: new session");
        let session = NewSession { epoch: epoch()?, shards: self.record.state.shards };
        self.commit(Batch::default().with_session(session)).await
    }

    /// Whether the ledger has a session that the intake has not entered yet.
    pub(crate) fn has_pending_session(&self) -> bool {
        self.log.cursors.shards.is_empty()
    }

    /// Makes the intake ready for the session that the ledger has.
    ///
    /// It records the ballots that survived earlier sessions, marks the taken slots, and opens the
    /// intake. Every step can be repeated.
    #[tracing::instrument(level = "debug", skip_all, fields(contest = %self.id()))]
    pub(crate) async fn enter_session(&mut self) -> StepResult {
        let stores = self.context.stores.clone();
        let session = self.record.session();
        let start = loop {
            // `begin` runs in every round. Another holder, or an older copy of the intake, may have
            // put items in the session's place. `begin` turns them into survivors.
            let start = stores.intake.begin(&session).await.map_err(StepError::retry_or_reload)?;
            let survivors = stores.intake.survivors(&session).await.map_err(StepError::retry_or_reload)?;
            if survivors.taken.iter().all(|count| *count == 0) {
                break start;
            }
            tracing::info!(contest = %self.id(), ballots = survivors.items.len(), "recording the ballots that survived");
            self.record_ballots(survivors.items, None).await?;
            stores
                .intake
                .drop_survivors(&session, &survivors.taken)
                .await
                .map_err(StepError::retry_or_reload)?;
            self.keep_lease().await?;
        };
        if stores.intake.has_slot_table() {
            self.mark_slots().await?;
        }
        stores.intake.open(&session).await.map_err(StepError::retry_or_reload)?;
        self.set_recording(Recording::Healthy);
        self.commit(Batch { cursors: Some(start), ..Batch::default() }).await
    }

    /// Marks every slot that the log fills as taken in the intake.
    ///
    /// It reads the next entries while the intake marks the previous ones.
    async fn mark_slots(&mut self) -> StepResult {
        let stores = self.context.stores.clone();
        let session = self.record.session();
        let (size, _) = self.log.head();
        let mut at = 0;
        let mut entries = self.entries_from(at, size).await.map_err(StepError::retry_or_reload)?;
        while !entries.is_empty() {
            at += entries.len() as u64;
            let slots: Vec<Slot> = entries.iter().flat_map(|entry| slots_of_entry(entry)).collect();
            let mark_slots_taken = stores.intake.mark_slots_taken(&session, &slots);
            ((), entries) = tokio::try_join!(mark_slots_taken, self.entries_from(at, size))
                .map_err(StepError::retry_or_reload)?;
            tracing::info!(contest = %self.id(), done = at, of = size, "intake: slots marked");
            self.set_recording(Recording::Rebuilding { done: at, of: size });
            self.keep_lease().await?;
        }
        Ok(())
    }

    /// Returns the log's next entries from `at` on; empty only at `size`.
    async fn entries_from(&self, at: u64, size: u64) -> Result<Vec<Bytes>, StoreError> {
        if at >= size {
            return Ok(Vec::new());
        }
        let entries = self.context.stores.database.entries(self.id(), at, CHUNK).await?;
        if entries.is_empty() {
            return Err(StoreError::Corrupt(format!("entry {at} is missing")));
        }
        Ok(entries)
    }

    /// Records the items that the intake returned.
    #[tracing::instrument(level = "debug", skip_all, fields(contest = %self.id()))]
    pub(crate) async fn record_drained(&mut self, drain_outcome: DrainOutcome) -> StepResult {
        match drain_outcome {
            DrainOutcome::Items { items, through } => self.record_ballots(items, Some(through)).await,
            DrainOutcome::Lost(why) => self.start_session(&why).await,
        }
    }

    async fn record_ballots(&mut self, items: Vec<Item>, through: Option<Cursors>) -> StepResult {
        let window = self.record.definition.opens.timestamp()..self.record.state.closes.timestamp();
        let mut batch = Batch { cursors: through, ..Batch::default() };
        for item in items {
            if window.contains(&item.arrived) {
                batch.add_ballot(&mut self.log.replay, item);
            } else {
                batch.refuse(&item, BallotOutcome::Rejected(Rejection::OutsideWindow));
            }
        }
        self.commit(batch).await
    }

    /// Records the waiting ballots once, if there are any.
    #[tracing::instrument(level = "debug", skip_all, fields(contest = %self.id()))]
    pub(crate) async fn record_waiting(&mut self) -> StepResult {
        if !self.record.state.phase.is_voting() || self.has_pending_session() {
            return Ok(());
        }
        let (stores, session) = (self.context.stores.clone(), self.record.session());
        let waiting = async {
            if stores.intake.backlog(&session).await?.items == 0 {
                return Ok(None);
            }
            stores.intake.drain(&session, &self.log.cursors, self.context.settings.batch).await.map(Some)
        };
        let waiting: Result<Result<_, StoreError>, _> =
            tokio::time::timeout(self.context.settings.lease / 4, waiting).await;
        match waiting {
            Ok(Ok(Some(drain_outcome))) => self.record_drained(drain_outcome).await,
            // An unavailable intake is handled by the step that waits for it.
            _ => Ok(()),
        }
    }

    /// Records the ballots that wait now. These are the ballots that arrived before a suspension.
    ///
    /// A ballot that is still on its way to the intake is rejected after the suspension. Its voter
    /// can cast it again when voting resumes.
    #[tracing::instrument(level = "debug", skip_all, fields(contest = %self.id()))]
    pub(crate) async fn record_before_suspension(&mut self) -> StepResult {
        let stores = self.context.stores.clone();
        let mut left = u64::MAX;
        while !self.has_pending_session() {
            // `left` never grows, so ballots that arrive meanwhile do not extend the loop.
            left = left.min(self.count_waiting().await?);
            if left == 0 {
                break;
            }
            let session = self.record.session();
            let drain = stores.intake.drain(&session, &self.log.cursors, self.context.settings.batch);
            let drain_outcome = self.with_timeout(drain).await?;
            let drained_count = match &drain_outcome {
                DrainOutcome::Items { items, .. } => items.len() as u64,
                DrainOutcome::Lost(_) => 0,
            };
            self.record_drained(drain_outcome).await?;
            self.keep_lease().await?;
            left = left.saturating_sub(drained_count);
        }
        Ok(())
    }

    /// Returns the number of ballots that wait in the intake and are not recorded.
    async fn count_waiting(&mut self) -> Result<u64, StepError> {
        let (stores, session) = (self.context.stores.clone(), self.record.session());
        // The backlog counts recorded ballots until they are trimmed.
        self.log.trim_again(&stores, &session).await.map_err(StepError::retry_or_reload)?;
        Ok(self.with_timeout(stores.intake.backlog(&session)).await?.items)
    }

    /// Returns the intake's answer.
    ///
    /// After a quarter of the lease it returns [`StepError::Wait`].
    async fn with_timeout<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StepError> {
        match tokio::time::timeout(self.context.settings.lease / 4, call).await {
            Ok(answer) => answer.map_err(StepError::retry_or_reload),
            Err(_) => {
                Err(StepError::Wait(StoreError::Unavailable("the intake does not answer in time".to_owned())))
            }
        }
    }

    /// Seals the intake, records its remaining ballots, and closes the contest.
    #[tracing::instrument(level = "debug", skip_all, fields(contest = %self.id()))]
    pub(crate) async fn close(&mut self) -> StepResult {
        let stores = self.context.stores.clone();
        let session = self.record.session();
        loop {
            // The intake is sealed in every round. An intake that was set back has lost its seal
            // and has another end.
            let Some(end) = stores.intake.seal(&session).await.map_err(StepError::retry_or_reload)? else {
                return self
                    .start_session("the intake does not know the session that the sequencer wants to seal")
                    .await;
            };
            if self.log.cursors == end {
                break;
            }
            let drain = stores.intake.drain(&session, &self.log.cursors, self.context.settings.batch);
            match tokio::time::timeout(self.context.settings.lease / 4, drain).await {
                Ok(Ok(DrainOutcome::Lost(why))) => return self.start_session(&why).await,
                Ok(drain_outcome) => {
                    self.record_drained(drain_outcome.map_err(StepError::retry_or_reload)?).await?;
                }
                Err(_) => {}
            }
            self.keep_lease().await?;
        }
        let closings = waiting_closings(&stores, self.id()).await.map_err(StepError::retry_or_reload)?;
        let issued = self.issued_events(None).await.map_err(StepError::retry_or_reload)?;
        let mut batch = Batch::default();
        for event in issued {
            batch.add_event(&mut self.log.replay, &event).map_err(|error| damaged(&error))?;
        }
        let closed = Event::Closed { at: self.record.state.closes };
        let index = batch.add_event(&mut self.log.replay, &closed).map_err(|error| damaged(&error))?;
        let outcome = self.outcome(index);
        batch.commands = closings.into_iter().map(|command| (command, outcome.clone())).collect();
        self.inbox.note_commands(true);
        self.commit(batch).await?;
        // The intake has no waiting ballots any more, so its memory of the contest is freed.
        if let Err(error) = stores.intake.forget(&session).await {
            tracing::warn!(contest = %self.id(), %error, "the intake did not free its memory of a closed contest");
        }
        Ok(())
    }

    /// Returns the outcome of a command. Its first entry is at `first`, and its last is the newest.
    pub(crate) fn outcome(&self, first: u64) -> CommandOutcome {
        let size = self.log.replay.size();
        let root = self.log.replay.root().to_string();
        CommandOutcome::Recorded { index: first, entries: size - first, size, root }
    }

    /// Returns `issued` entries for the sources whose totals have grown.
    ///
    /// They are dated `earliest` or later.
    async fn issued_events(&mut self, earliest: Option<Instant>) -> Result<Vec<Event>, StoreError> {
        let totals = self.context.stores.database.passes(self.id()).await?;
        // The clock is read after the totals: no counted pass was issued later than this instant.
        let read_at = Instant::at_or_before(self.context.stores.clock.now());
        let at = earliest.map_or(read_at, |earliest| earliest.max(read_at));
        self.schedule.note_issued_checked();
        let tally = self.log.replay.tally();
        Ok(totals
            .into_iter()
            .filter(|(source, passes)| tally.issued(source) < *passes)
            .map(|(source, passes)| Event::Issued { source, passes, at })
            .collect())
    }

    #[tracing::instrument(level = "debug", skip_all, fields(contest = %self.id()))]
    pub(crate) async fn log_issued(&mut self) -> StepResult {
        let mut batch = Batch::default();
        for event in self.issued_events(None).await.map_err(StepError::retry_or_reload)? {
            batch.add_event(&mut self.log.replay, &event).map_err(|error| damaged(&error))?;
        }
        self.commit(batch).await
    }
}

/// Returns the slots that a log entry fills; none unless it is a ballot.
fn slots_of_entry(entry: &[u8]) -> Vec<Slot> {
    let Ok(LogEntry::Ballot(ballot)) = LogEntry::decode(entry) else { return Vec::new() };
    let slot = |category: &str| Slot::new(ballot.voter, ballot.channel, ballot.period, category);
    ballot.selections.iter().map(|(category, _)| slot(category)).collect()
}

/// Returns a new session's epoch: any number except 0, which stands for no session.
fn epoch() -> Result<u64, StoreError> {
    let bytes =
        acclaim_store::keyring::random_bytes().map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok(u64::from_le_bytes(bytes).max(1))
}
