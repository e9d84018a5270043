//! One contest's task: takes what comes next (an instant, a command, ballots) and records it.

use std::sync::Arc;

use acclaim_ballot_log::{Amendment, Event};
use acclaim_contest::{
    ContestId, Instant,
    definition::{Definition, Overrides},
};
use acclaim_store::{
    ContestRecord, Phase, StoreError,
    command::{Command, CommandOutcome, QueuedCommand},
    contests::ContestState,
    hub::{BallotOutcome, Notice, Recording, Rejection},
    intake::{Cursor, Item},
    ledger::ContestChange,
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{
    broadcast::{Receiver, error::RecvError},
    watch,
};

use crate::{
    Context,
    batch::Batch,
    events,
    log::{LoadError, Log},
    publish::publication,
};

/// How often passes issued meanwhile are written into the log while voting goes on.
const ISSUED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// The owner of one contest's log.
pub(crate) struct ContestTask {
    context: Context,
    record: ContestRecord,
    log: Log,
    notices: Receiver<Notice>,
    /// Whether the command table may hold something new.
    commands_wait: bool,
    /// When the newest publication was made; `None` if the log has moved on since a publication is due at once.
    published: Option<Timestamp>,
    /// Whether the log has moved on since the newest publication.
    unpublished: bool,
    /// When passes issued were last looked at.
    issued_checked: Timestamp,
}

/// Why a step ended the loop.
enum Halt {
    /// State may differ from the ledger: drop it and load again.
    Reload(StoreError),
    /// The contest is gone.
    Gone,
    /// The process ends.
    Stop,
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Reload(error)
    }
}

type Step = Result<(), Halt>;

impl ContestTask {
    /// Replays the contest's log and publishes what it says.
    pub(crate) async fn load(context: &Context, record: ContestRecord) -> Result<Self, LoadError> {
        let hub = &context.stores.hub;
        let notices = hub.subscribe();
        hub.set_recording(record.id(), Recording::Loading);
        let log = Log::load(context, record.id()).await?;
        let now = context.stores.clock.now();
        let mut task = Self {
            context: context.clone(),
            record,
            log,
            notices,
            commands_wait: true,
            published: None,
            unpublished: true,
            issued_checked: now,
        };
        task.context.stores.hub.set_recording(task.id(), Recording::Well);
        task.publish_if_due(now);
        Ok(task)
    }

    pub(crate) fn id(&self) -> &ContestId {
        self.record.id()
    }

    /// Works until the contest is deleted, damaged, or the process stops.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let hub = Arc::clone(&self.context.stores.hub);
        loop {
            match self.step(&mut stop).await {
                Ok(()) => {}
                Err(Halt::Stop) => return,
                Err(Halt::Gone) => return hub.forget(self.id()),
                Err(Halt::Reload(error)) => match self.reload(error, &mut stop).await {
                    Ok(()) => {}
                    Err(()) => return,
                },
            }
        }
    }

    /// Drops all state and builds it anew, as often as it takes.
    async fn reload(&mut self, mut error: StoreError, stop: &mut watch::Receiver<bool>) -> Result<(), ()> {
        loop {
            tracing::warn!(contest = %self.id(), %error, "recording fails");
            self.set_recording(Recording::Failing(error.to_string()));
            tokio::select! {
                _ = stop.changed() => return Err(()),
                () = tokio::time::sleep(self.context.settings.retry_after) => {}
            }
            let record = match self.context.stores.database.contest(self.id()).await {
                Ok(Some(record)) => record,
                Ok(None) => {
                    self.context.stores.hub.forget(self.id());
                    return Err(());
                }
                Err(again) => {
                    error = again;
                    continue;
                }
            };
            match Self::load(&self.context, record).await {
                Ok(task) => {
                    *self = task;
                    return Ok(());
                }
                Err(LoadError::Store(again)) => error = again,
                Err(damage) => {
                    tracing::error!(contest = %self.id(), error = %damage, "recording has stopped");
                    self.set_recording(Recording::Stopped(damage.to_string()));
                    return Err(());
                }
            }
        }
    }

    fn set_recording(&self, recording: Recording) {
        self.context.stores.hub.set_recording(self.id(), recording);
    }

    /// Does the next thing, or waits for one.
    async fn step(&mut self, stop: &mut watch::Receiver<bool>) -> Step {
        let stores = self.context.stores.clone();
        let now = stores.clock.now();
        self.publish_if_due(now);
        match self.record.state.phase {
            Phase::Draft if self.record.definition.opens.timestamp() <= now => {
                return self.open(self.record.definition.opens, Vec::new()).await;
            }
            Phase::Open if self.sealing_time() <= now => return self.close(now).await,
            Phase::Open if now.duration_since(self.issued_checked) >= ISSUED_EVERY => {
                self.log_issued(now).await?;
            }
            _ => {}
        }
        if std::mem::take(&mut self.commands_wait) {
            return self.work_off_commands(now).await;
        }
        let id = self.id().clone();
        let (cursor, most) = (self.log.cursor, self.context.settings.batch);
        let takes_ballots = self.record.state.phase == Phase::Open;
        let wake = self.next_instant();
        tokio::select! {
            biased;
            _ = stop.changed() => Err(Halt::Stop),
            notice = self.notices.recv() => self.heed(notice).await,
            items = stores.intake.drain(&id, cursor, most), if takes_ballots => {
                let items = items?;
                self.record_ballots(items).await
            }
            () = sleep_until(&stores, wake) => Ok(()),
        }
    }

    /// From then on no ballot that arrived in time can still be on its way to the intake.
    fn sealing_time(&self) -> Timestamp {
        let grace = SignedDuration::try_from(self.context.settings.grace).unwrap_or(SignedDuration::MAX);
        self.record.state.closes.timestamp().saturating_add(grace).unwrap_or(Timestamp::MAX)
    }

    /// When the clock gives the next reason to act.
    fn next_instant(&self) -> Option<Timestamp> {
        let publish = self.unpublished.then(|| self.publish_time());
        let phase = match self.record.state.phase {
            Phase::Draft => Some(self.record.definition.opens.timestamp()),
            Phase::Open => {
                let issued = self.issued_checked.saturating_add(ISSUED_EVERY).unwrap_or(Timestamp::MAX);
                Some(self.sealing_time().min(issued))
            }
            Phase::Closed | Phase::Frozen | Phase::Certified => None,
        };
        publish.into_iter().chain(phase).min()
    }

    async fn heed(&mut self, notice: Result<Notice, RecvError>) -> Step {
        match notice {
            Ok(Notice::CommandQueued(id)) if id == *self.id() => self.commands_wait = true,
            Ok(Notice::ContestChanged(id)) if id == *self.id() => return self.look_again().await,
            Err(RecvError::Lagged(_)) => {
                self.commands_wait = true;
                return self.look_again().await;
            }
            Err(RecvError::Closed) => return Err(Halt::Stop),
            Ok(_) => {}
        }
        Ok(())
    }

    /// Drafts are edited, and drafts and tests deleted, by others than this task.
    async fn look_again(&mut self) -> Step {
        let record = self.context.stores.database.contest(self.id()).await?.ok_or(Halt::Gone)?;
        match (self.record.state.phase, record.state.phase) {
            (Phase::Draft, Phase::Draft) => self.record = record,
            (ours, theirs) if ours == theirs => {}
            _ => return Err(StoreError::Conflict("the contest is not the one it was".to_owned()).into()),
        }
        Ok(())
    }

    async fn commit(&mut self, mut batch: Batch, cursor: Cursor, change: Option<ContestChange>) -> Step {
        batch.contest = change.clone();
        if batch.is_empty() {
            return Ok(());
        }
        let decided = self.log.commit(&self.context.stores, batch, cursor).await?;
        let hub = Arc::clone(&self.context.stores.hub);
        self.unpublished = true;
        let changed = change.is_some();
        if let Some(ContestChange { definition, state }) = change {
            if let Some(definition) = definition {
                self.record.definition = Arc::new(definition);
            }
            self.record.state = state;
        }
        if !decided.commands.is_empty() || changed {
            // Whoever hears of a ruling finds it in the figures.
            self.published = None;
            self.publish_if_due(self.context.stores.clock.now());
        }
        hub.send(Notice::Decided(Arc::new(decided)));
        if changed {
            hub.send(Notice::ContestChanged(self.id().clone()));
        }
        Ok(())
    }

    /// Opens the contest at `at`; outcomes of the commands that asked for it go with it.
    async fn open(&mut self, at: Instant, commands: Vec<String>) -> Step {
        let mut definition = Definition::clone(&self.record.definition);
        definition.opens = at;
        let mut batch = Batch::default();
        let mut opening = events::opening(&definition);
        let now = Instant::at_or_before(self.context.stores.clock.now());
        opening.extend(self.issued_events(now.max(at)).await?);
        let mut first = None;
        for event in &opening {
            let index = batch.add_event(&mut self.log.replay, event).map_err(|error| damaged(&error))?;
            first.get_or_insert(index);
        }
        let outcome = self.outcome(first.unwrap_or_default());
        batch.commands = commands.into_iter().map(|key| (key, outcome.clone())).collect();
        let state = ContestState { phase: Phase::Open, ..self.record.state.clone() };
        let cursor = self.log.cursor;
        self.commit(batch, cursor, Some(ContestChange { definition: Some(definition), state })).await
    }

    /// Seals the intake, records what is left in it, and closes.
    async fn close(&mut self, now: Timestamp) -> Step {
        let stores = self.context.stores.clone();
        let last = stores.intake.seal(self.id()).await?;
        while self.log.cursor.epoch == last.epoch && self.log.cursor.position < last.position
            || self.log.cursor.epoch != last.epoch && last.position > 0
        {
            let items = stores.intake.drain(self.id(), self.log.cursor, self.context.settings.batch).await?;
            self.record_ballots(items).await?;
        }
        let mut batch = Batch::default();
        for event in self.issued_events(Instant::at_or_before(now)).await? {
            batch.add_event(&mut self.log.replay, &event).map_err(|error| damaged(&error))?;
        }
        let closed = Event::Closed { at: self.record.state.closes };
        let index = batch.add_event(&mut self.log.replay, &closed).map_err(|error| damaged(&error))?;
        let waiting = stores.database.pending_commands(self.id()).await?;
        let outcome = self.outcome(index);
        batch.commands = waiting
            .into_iter()
            .filter(|queued| queued.command == Command::Close)
            .map(|queued| (queued.key, outcome.clone()))
            .collect();
        self.commands_wait = true;
        let state = ContestState { phase: Phase::Closed, ..self.record.state.clone() };
        let cursor = self.log.cursor;
        self.commit(batch, cursor, Some(ContestChange { definition: None, state })).await
    }

    /// The outcome of a command whose first entry is at `first` and whose last is the newest.
    fn outcome(&self, first: u64) -> CommandOutcome {
        let size = self.log.replay.size();
        let root = self.log.replay.root().to_string();
        CommandOutcome::Recorded { index: first, entries: size - first, size, root }
    }

    async fn record_ballots(&mut self, items: Vec<(Cursor, Item)>) -> Step {
        let Some((cursor, _)) = items.last() else { return Ok(()) };
        let cursor = *cursor;
        let window = self.record.definition.opens.timestamp()..self.record.state.closes.timestamp();
        let mut batch = Batch::default();
        for (_, item) in items {
            if window.contains(&item.arrived) {
                batch.add_ballot(&mut self.log.replay, item);
            } else {
                batch.outcomes.push((item.ballot, BallotOutcome::Rejected(Rejection::OutsideWindow)));
            }
        }
        self.commit(batch, cursor, None).await
    }

    /// `issued` entries for the sources whose totals have grown.
    async fn issued_events(&mut self, at: Instant) -> Result<Vec<Event>, StoreError> {
        let totals = self.context.stores.database.passes(self.id()).await?;
        self.issued_checked = self.context.stores.clock.now();
        let tally = self.log.replay.tally();
        Ok(totals
            .into_iter()
            .filter(|(source, passes)| tally.issued(source) < *passes)
            .map(|(source, passes)| Event::Issued { source, passes, at })
            .collect())
    }

    async fn log_issued(&mut self, now: Timestamp) -> Step {
        let mut batch = Batch::default();
        for event in self.issued_events(Instant::at_or_before(now)).await? {
            batch.add_event(&mut self.log.replay, &event).map_err(|error| damaged(&error))?;
        }
        let cursor = self.log.cursor;
        self.commit(batch, cursor, None).await
    }

    async fn work_off_commands(&mut self, now: Timestamp) -> Step {
        for queued in self.context.stores.database.pending_commands(self.id()).await? {
            self.work_off(queued, now).await?;
        }
        Ok(())
    }

    async fn work_off(&mut self, queued: QueuedCommand, now: Timestamp) -> Step {
        let phase = self.record.state.phase;
        match &queued.command {
            Command::Open if phase == Phase::Draft => {
                let at = Instant::at_or_before(now);
                if at >= self.record.state.closes {
                    return self
                        .refuse(queued.key, "closes-in-the-past", "the contest's closing instant has passed")
                        .await;
                }
                self.open(at, vec![queued.key]).await
            }
            Command::Open => {
                self.refuse(queued.key, "already-open", "the contest has been opened before").await
            }
            Command::Close if phase == Phase::Open => self.close_at(Instant::at_or_after(now)).await,
            Command::Close => self.refuse(queued.key, "not-open", "the contest is not open").await,
            _ if phase == Phase::Draft => {
                self.refuse(queued.key, "not-open", "the contest is a draft: nothing is in its log yet").await
            }
            _ => self.log_command(queued, now).await,
        }
    }

    /// Refuses ballots from `at` on. The command's outcome follows with `closed`, once all that arrived before is recorded.
    async fn close_at(&mut self, at: Instant) -> Step {
        if at >= self.record.state.closes {
            return Ok(());
        }
        // A contest is open for a second at least, so that closing never comes before opening.
        let at = at.max(Instant::from_seconds(self.record.definition.opens.seconds() + 1).unwrap_or(at));
        let state = ContestState { closes: at, ..self.record.state.clone() };
        let cursor = self.log.cursor;
        self.commit(Batch::default(), cursor, Some(ContestChange { definition: None, state })).await
    }

    async fn refuse(&mut self, key: String, code: &str, detail: &str) -> Step {
        let outcome = CommandOutcome::Refused { code: code.to_owned(), detail: detail.to_owned() };
        let batch = Batch { commands: vec![(key, outcome)], ..Batch::default() };
        let cursor = self.log.cursor;
        self.commit(batch, cursor, None).await
    }

    /// A command that becomes entries: all of them, or none and a refusal.
    async fn log_command(&mut self, queued: QueuedCommand, now: Timestamp) -> Step {
        let QueuedCommand { key, by, command, .. } = queued;
        if let Err((code, detail)) = self.check(&command) {
            return self.refuse(key, code, &detail).await;
        }
        let change = match self.change(&command) {
            Ok(change) => change,
            Err(detail) => return self.refuse(key, "invalid-amendment", &detail).await,
        };
        let mut batch = Batch::default();
        let mut first = None;
        for event in events::of_command(&command, &by, Instant::at_or_before(now)) {
            match batch.add_event(&mut self.log.replay, &event) {
                Ok(index) => first = first.or(Some(index)),
                Err(error) if first.is_none() => {
                    let (code, detail) = error.code_and_detail();
                    return self.refuse(key, code, &detail).await;
                }
                // An earlier piece is folded already: this state has gone astray and is built anew; the command is refused after.
                Err(error) => return self.refuse_after_reload(key, &error.code_and_detail()).await,
            }
        }
        let outcome = self.outcome(first.unwrap_or_default());
        batch.commands.push((key, outcome));
        let cursor = self.log.cursor;
        self.commit(batch, cursor, change).await
    }

    async fn refuse_after_reload(&mut self, key: String, (code, detail): &(&'static str, String)) -> Step {
        self.log = Log::load(&self.context, self.record.id()).await.map_err(|error| match error {
            LoadError::Store(error) => error,
            other => StoreError::Corrupt(other.to_string()),
        })?;
        self.refuse(key, code, detail).await
    }

    /// What only the sequencer can know of a command, beyond what `admit` says of its entries.
    fn check(&self, command: &Command) -> Result<(), (&'static str, String)> {
        match command {
            Command::Certify { size, root, .. } => {
                let (have, have_root) = self.log.head();
                if (*size, root.as_str()) != (have, have_root.to_string().as_str()) {
                    let detail = format!(
                        "the log has moved on to size {have}, root {have_root}: look at the result again"
                    );
                    return Err(("log-has-moved-on", detail));
                }
            }
            // `admit` refuses an early `closes` by the log alone; that it lies in the past is a matter of the clock.
            Command::Amend { what, to: Amendment::Text(to), .. } if what == "closes" => {
                let now = Instant::at_or_after(self.context.stores.clock.now());
                if self.record.state.closes <= now || to.parse::<Instant>().is_ok_and(|to| to <= now) {
                    return Err((
                        "closing",
                        "the contest is closing, or the new instant has passed".to_owned(),
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// How the contest stands once the command is in the log; `None` if as before.
    fn change(&self, command: &Command) -> Result<Option<ContestChange>, String> {
        let mut state = self.record.state.clone();
        let mut definition = None;
        match command {
            Command::Freeze => state.phase = Phase::Frozen,
            Command::Certify { .. } => state.phase = Phase::Certified,
            Command::Reopen(_) => state.phase = Phase::Closed,
            Command::Withdraw { entry, .. } => {
                state.withdrawn.insert(entry.clone());
            }
            Command::ReinstateEntry { entry, .. } => {
                state.withdrawn.remove(entry);
            }
            Command::Amend { what, key, to, .. } => {
                let amended = amended(&self.record.definition, what, key, to)?;
                if what == "closes" {
                    state.closes = amended.closes;
                }
                definition = Some(amended);
            }
            _ => return Ok(None),
        }
        Ok(Some(ContestChange { definition, state }))
    }

    fn publish_time(&self) -> Timestamp {
        let every =
            SignedDuration::try_from(self.context.settings.publish_every).unwrap_or(SignedDuration::ZERO);
        self.published.map_or(Timestamp::MIN, |last| last.saturating_add(every).unwrap_or(Timestamp::MAX))
    }

    fn publish_if_due(&mut self, now: Timestamp) {
        if self.unpublished && self.publish_time() <= now {
            self.unpublished = false;
            self.published = Some(now);
            if self.log.replay.size() > 0 {
                let publication = publication(self.record.id(), &self.log.replay, now);
                self.context.stores.hub.publish(publication);
            }
        }
    }
}

/// The definition with one key changed, checked as a whole: what is in the log must be readable at the next start.
fn amended(definition: &Definition, what: &str, key: &str, to: &Amendment) -> Result<Definition, String> {
    let mut amended = definition.clone();
    amended.amend(what, key, to)?;
    Definition::from_json(amended.to_json().as_bytes(), &Overrides::default())
        .map_err(|mistakes| mistakes.to_string())
}

/// An entry of the sequencer's own making that the log does not admit.
fn damaged(error: &acclaim_tally::ReplayError) -> StoreError {
    StoreError::Corrupt(format!("an entry that must be admitted is not: {error}"))
}

async fn sleep_until(stores: &acclaim_store::Stores, time: Option<Timestamp>) {
    match time {
        Some(time) => stores.clock.sleep_until(time).await,
        None => std::future::pending().await,
    }
}
