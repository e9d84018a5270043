//! Voting: opening, recording what the intake hands out, beginning anew after a loss of the intake, closing.

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
    /// Opens the contest at `at`; outcomes of the commands that asked for it go with it.
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

    /// Why the contest cannot open, whoever asks: what its entries come from is not what it was.
    pub(crate) async fn find_opening_obstacle(&self) -> Result<Option<String>, StoreError> {
        match &self.record.definition.rounds {
            Some(rounds) => find_opening_obstacle(&*self.context.stores.database, rounds).await,
            None => Ok(None),
        }
    }

    /// Begins a new session of the intake: the ledger knows of it first, so that nothing of any other session is taken for one of this.
    pub(crate) async fn start_session(&mut self, why: &str) -> StepResult {
        tracing::warn!(contest = %self.id(), why, "the intake begins anew");
        let session = NewSession { epoch: epoch()?, shards: self.record.state.shards };
        self.commit(Batch::default().with_session(session)).await
    }

    /// Whether the ledger knows of a session that has not been entered.
    pub(crate) fn has_pending_session(&self) -> bool {
        self.log.cursors.shards.is_empty()
    }

    /// Makes the intake ready for the session that the ledger knows: records what survived of earlier ones, has it remember the slots
    /// that are filled, and lets it take ballots. Every step can be repeated.
    pub(crate) async fn enter_session(&mut self) -> StepResult {
        let stores = self.context.stores.clone();
        let session = self.record.session();
        let start = loop {
            // Each time: it makes survivors of whatever another holder, or an older copy of the intake, put in the session's place.
            let start = stores.intake.begin(&session).await.map_err(StepError::retry_or_reload)?;
            let survivors = stores.intake.survivors(&session).await.map_err(StepError::retry_or_reload)?;
            if survivors.taken.iter().all(|count| *count == 0) {
                break start;
            }
            tracing::info!(contest = %self.id(), ballots = survivors.items.len(), "recording what survived");
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

    /// Tells the intake of every slot that the log fills. The next entries are read while those before are marked.
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
            tracing::info!(contest = %self.id(), done = at, of = size, "slots rebuilt");
            self.set_recording(Recording::Rebuilding { done: at, of: size });
            self.keep_lease().await?;
        }
        Ok(())
    }

    /// Some of the log's entries from `at` on; none only at its end.
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

    /// Records what the intake handed out.
    pub(crate) async fn record_drained(&mut self, drained: DrainOutcome) -> StepResult {
        match drained {
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

    /// Records once what waits by now, if anything does.
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
            Ok(Ok(Some(drained))) => self.record_drained(drained).await,
            // An intake that is away is noticed where it is waited for.
            _ => Ok(()),
        }
    }

    /// Records as many ballots as wait by now: those that arrived before a suspension. What is on its way to the intake at this moment is rejected behind
    /// the suspension, and can be cast again after it.
    pub(crate) async fn record_before_suspension(&mut self) -> StepResult {
        let stores = self.context.stores.clone();
        let mut left = u64::MAX;
        while !self.has_pending_session() {
            // What came meanwhile is not waited for.
            left = left.min(self.count_waiting().await?);
            if left == 0 {
                break;
            }
            let session = self.record.session();
            let drain = stores.intake.drain(&session, &self.log.cursors, self.context.settings.batch);
            let drained = self.with_timeout(drain).await?;
            let taken = match &drained {
                DrainOutcome::Items { items, .. } => items.len() as u64,
                DrainOutcome::Lost(_) => 0,
            };
            self.record_drained(drained).await?;
            self.keep_lease().await?;
            left = left.saturating_sub(taken);
        }
        Ok(())
    }

    /// How many ballots wait in the intake and are not recorded.
    async fn count_waiting(&mut self) -> Result<u64, StepError> {
        let (stores, session) = (self.context.stores.clone(), self.record.session());
        // What is recorded and not trimmed would be counted.
        self.log.trim_again(&stores, &session).await.map_err(StepError::retry_or_reload)?;
        Ok(self.with_timeout(stores.intake.backlog(&session)).await?.items)
    }

    /// The intake's answer, unless it takes too long.
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

    /// Seals the intake, records what is left in it, and closes.
    pub(crate) async fn close(&mut self) -> StepResult {
        let stores = self.context.stores.clone();
        let session = self.record.session();
        loop {
            // Sealed each time: an intake that fell back has forgotten its seal, and ends elsewhere.
            let Some(end) = stores.intake.seal(&session).await.map_err(StepError::retry_or_reload)? else {
                return self.start_session("it does not know the session that is to be sealed").await;
            };
            if self.log.cursors == end {
                break;
            }
            let drain = stores.intake.drain(&session, &self.log.cursors, self.context.settings.batch);
            match tokio::time::timeout(self.context.settings.lease / 4, drain).await {
                Ok(Ok(DrainOutcome::Lost(why))) => return self.start_session(&why).await,
                Ok(drained) => self.record_drained(drained.map_err(StepError::retry_or_reload)?).await?,
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
        // Nothing waits in it any more: what it remembers is memory for nothing.
        if let Err(error) = stores.intake.forget(&session).await {
            tracing::warn!(contest = %self.id(), %error, "the intake keeps what it no longer needs");
        }
        Ok(())
    }

    /// The outcome of a command whose first entry is at `first` and whose last is the newest.
    pub(crate) fn outcome(&self, first: u64) -> CommandOutcome {
        let size = self.log.replay.size();
        let root = self.log.replay.root().to_string();
        CommandOutcome::Recorded { index: first, entries: size - first, size, root }
    }

    /// `issued` entries for the sources whose totals have grown, dated `earliest` or later.
    async fn issued_events(&mut self, earliest: Option<Instant>) -> Result<Vec<Event>, StoreError> {
        let totals = self.context.stores.database.passes(self.id()).await?;
        // After they were read: none of them was issued later.
        let read = Instant::at_or_before(self.context.stores.clock.now());
        let at = earliest.map_or(read, |earliest| earliest.max(read));
        self.schedule.note_issued_checked();
        let tally = self.log.replay.tally();
        Ok(totals
            .into_iter()
            .filter(|(source, passes)| tally.issued(source) < *passes)
            .map(|(source, passes)| Event::Issued { source, passes, at })
            .collect())
    }

    pub(crate) async fn log_issued(&mut self) -> StepResult {
        let mut batch = Batch::default();
        for event in self.issued_events(None).await.map_err(StepError::retry_or_reload)? {
            batch.add_event(&mut self.log.replay, &event).map_err(|error| damaged(&error))?;
        }
        self.commit(batch).await
    }
}

/// The slots that an entry fills: none unless it is a ballot.
fn slots_of_entry(entry: &[u8]) -> Vec<Slot> {
    let Ok(LogEntry::Ballot(ballot)) = LogEntry::decode(entry) else { return Vec::new() };
    let slot = |category: &str| Slot::new(ballot.voter, ballot.channel, ballot.period, category);
    ballot.selections.iter().map(|(category, _)| slot(category)).collect()
}

/// A new session's epoch: any number but 0, which stands for none.
fn epoch() -> Result<u64, StoreError> {
    let bytes =
        acclaim_store::keyring::random_bytes().map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok(u64::from_le_bytes(bytes).max(1))
}
