//! Staff commands: each becomes entries, all of them or none, or is refused.

use acclaim_ballot_log::Amendment;
use acclaim_contest::{CategoryId, Instant, Phase, Zone, definition::Definition, juror::is_same_name};
use acclaim_store::{
    Command, CommandOutcome, RequestId, StoreError,
    command::{
        CommandFilter, MAX_CORRECTIONS, QueuedCommand, TAG_KEY_DESTROYED, TOO_MANY_CORRECTIONS, UNDECIDED,
        UndecidedCategory, for_each_recorded, is_reserved,
    },
};
use acclaim_tally::{Refusal, ReplayError, ReplayProblem, Undecided};
use jiff::Timestamp;

use crate::{
    batch::Batch,
    contest::{ContestTask, StepError, StepResult},
    events,
    log::Log,
    log_reader::{LoadError, LogReader},
};

/// Commands worked off before other things have their turn.
const MAX_COMMANDS_PER_STEP: usize = 64;
/// Why a contest takes no event that came with a later version of the log.
const OLD_LOG_VERSION_DETAIL: &str =
    "this contest was opened by an older program and cannot do this: only contests that open from now on can";

impl ContestTask {
    /// Works off the oldest commands that wait.
    pub(crate) async fn process_commands(&mut self) -> StepResult {
        let waiting = self.context.stores.database.pending_commands(self.id(), MAX_COMMANDS_PER_STEP);
        let waiting = waiting.await.map_err(StepError::retry_or_reload)?;
        // Of one that closes the outcome comes later: where all are such, there is nothing to do for those behind.
        let any_is_decided = waiting.iter().any(|queued| queued.command != Command::Close);
        self.inbox.note_commands(any_is_decided && waiting.len() == MAX_COMMANDS_PER_STEP);
        for queued in waiting {
            self.keep_lease().await?;
            // The clock is read only now: a reading from before the command was given would date it too early.
            self.process_command(queued, self.context.stores.clock.now()).await?;
            if self.record.state.phase.is_voting() && self.has_pending_session() {
                // The intake begins anew first; those behind keep their order.
                self.inbox.note_commands(true);
                return Ok(());
            }
        }
        Ok(())
    }

    async fn process_command(&mut self, queued: QueuedCommand, now: Timestamp) -> StepResult {
        let phase = self.record.state.phase;
        match &queued.command {
            Command::Open if phase == Phase::Draft => {
                let at = Instant::at_or_before(now);
                if let Err((code, detail)) = self.check_opening(at) {
                    return self.refuse(queued.id(), code, &detail).await;
                }
                match self.find_opening_obstacle().await.map_err(StepError::retry_or_reload)? {
                    Some(why) => self.refuse(queued.id(), "previous-not-certified", &why).await,
                    None => self.open(at, vec![queued.id()]).await,
                }
            }
            Command::Open => {
                self.refuse(queued.id(), "already-open", "the contest has been opened before").await
            }
            Command::Close if phase.is_voting() => self.close_at(Instant::at_or_after(now)).await,
            Command::Close => self.refuse(queued.id(), "not-open", "the contest is not open").await,
            _ if phase == Phase::Draft => {
                self.refuse(queued.id(), "not-open", "the contest is a draft: nothing is in its log yet")
                    .await
            }
            Command::Suspend(_) if phase == Phase::Open => self.suspend(queued).await,
            _ => self.log_command(queued, now).await,
        }
    }

    /// Suspends voting, once what waits is recorded.
    async fn suspend(&mut self, queued: QueuedCommand) -> StepResult {
        // Nothing is recorded for one that is refused anyway.
        if self.check(&queued.command).is_ok() {
            self.record_before_suspension().await?;
        }
        if self.has_pending_session() {
            // The intake begins anew: what survived is recorded first.
            return Ok(());
        }
        self.log_command(queued, self.context.stores.clock.now()).await
    }

    /// Refuses ballots from `at` on. The command's outcome follows with `closed`, once all that arrived before is recorded.
    async fn close_at(&mut self, at: Instant) -> StepResult {
        self.schedule.confirm_closing();
        if at >= self.record.state.closes {
            return Ok(());
        }
        // A contest is open for a second at least, so that closing never comes before opening.
        let at = at.max(Instant::from_seconds(self.record.definition.opens.seconds() + 1).unwrap_or(at));
        self.commit(Batch { closing: Some(at), ..Batch::default() }).await
    }

    async fn refuse(&mut self, id: RequestId, code: &str, detail: &str) -> StepResult {
        self.refuse_with(id, CommandOutcome::refused(code, detail)).await
    }

    async fn refuse_with(&mut self, id: RequestId, outcome: CommandOutcome) -> StepResult {
        let batch = Batch { commands: vec![(id, outcome)], ..Batch::default() };
        self.commit(batch).await
    }

    /// A command that becomes entries: all of them, or none and a refusal.
    async fn log_command(&mut self, queued: QueuedCommand, now: Timestamp) -> StepResult {
        let id = queued.id();
        let QueuedCommand { by, command, .. } = queued;
        let command = match self.in_utc(command) {
            Ok(command) => command,
            Err(detail) => return self.refuse(id, "invalid-amendment", &detail).await,
        };
        if let Err((code, detail)) = self.check(&command) {
            return self.refuse(id, code, &detail).await;
        }
        if let Some(outcome) = self.undecided(&command) {
            return self.refuse_with(id, outcome).await;
        }
        if self.is_corrected_too_often(&command, &by).await.map_err(StepError::retry_or_reload)? {
            let (code, detail) = TOO_MANY_CORRECTIONS;
            return self.refuse(id, code, detail).await;
        }
        if let Err(detail) = self.check_amended(&command) {
            return self.refuse(id, "invalid-amendment", &detail).await;
        }
        let destroys_tag_key = matches!(command, Command::DestroyTagKey { .. });
        let mut batch = Batch { destroys_tag_key, ..Batch::default() };
        let mut first = None;
        let rules = &self.record.definition.rules;
        for event in events::of_command(&command, rules, &by, Instant::at_or_before(now)) {
            match batch.add_event(&mut self.log.replay, &event) {
                Ok(index) => first = first.or(Some(index)),
                Err(error) if first.is_none() => {
                    let (code, detail) = refusal_message(&error);
                    return self.refuse(id, code, &detail).await;
                }
                // An earlier piece is folded already: this state has gone astray and is built anew; the command is refused after.
                Err(error) => return self.refuse_after_reload(id, &refusal_message(&error)).await,
            }
        }
        let outcome = self.outcome(first.unwrap_or_default());
        batch.commands.push((id, outcome));
        self.commit(batch).await
    }

    /// The command as the log has it: another closing can be given as definitions have it, local to the contest's time zone.
    fn in_utc(&self, command: Command) -> Result<Command, String> {
        match command {
            Command::Amend { what, key, to: Amendment::Text(text), reason } if what == "closes" => {
                let closes = match Zone::from_name(&self.record.definition.time_zone) {
                    Some(zone) => zone.instant(&text)?.to_string(),
                    None => text,
                };
                Ok(Command::Amend { what, key, to: Amendment::Text(closes), reason })
            }
            other => Ok(other),
        }
    }

    /// Why a result is not certified: winners are not decided, and the command does not say that they need not be. What is out of its place for other
    /// reasons is for `admit` to tell.
    fn undecided(&self, command: &Command) -> Option<CommandOutcome> {
        let may_be_certified =
            matches!(self.record.state.phase, Phase::Closed | Phase::Frozen) && !self.record.definition.test;
        if !may_be_certified || !matches!(command, Command::Certify { undecided: false, .. }) {
            return None;
        }
        let found = self.log.replay.tally().undecided();
        let ids: Vec<&str> = found.iter().map(|(category, _)| category.as_str()).collect();
        let detail = format!("the winners are not decided in {}", listed(&ids));
        let undecided: Vec<UndecidedCategory> = found
            .iter()
            .flat_map(|(category, reasons)| reasons.iter().map(move |reason| of_category(category, reason)))
            .collect();
        let code = UNDECIDED.to_owned();
        (!undecided.is_empty()).then_some(CommandOutcome::Refused { code, detail, undecided })
    }

    /// Whether a juror has entered the same scores, or the same recusal, as often as a juror may; what organisers enter for jurors has no end.
    async fn is_corrected_too_often(&self, command: &Command, by: &str) -> Result<bool, StoreError> {
        if !matches!(command, Command::Score { juror, .. } | Command::Recusal { juror, .. } if is_same_name(juror, by))
        {
            return Ok(false);
        }
        let mut entered = 0;
        let count = |earlier: QueuedCommand, _| entered += usize::from(earlier.by == by);
        let database = &*self.context.stores.database;
        for_each_recorded(database, self.id(), CommandFilter::SameTarget(command), count).await?;
        Ok(entered >= MAX_CORRECTIONS)
    }

    async fn refuse_after_reload(
        &mut self,
        id: RequestId,
        (code, detail): &(&'static str, String),
    ) -> StepResult {
        let doubtful = |error| match error {
            LoadError::Store(error) => error,
            other => StoreError::Corrupt(other.to_string()),
        };
        let reading = LogReader::new(&self.context.keyring, self.id()).map_err(doubtful)?;
        let taking_over = Log::take_over(reading, &self.context.stores);
        let (log, _) = self.context.while_leased(self.id(), taking_over).await.map_err(doubtful)?;
        self.log.replace_by(log);
        self.refuse(id, code, detail).await
    }

    /// Whether the contest can open at `at`, which may be long before the instant that its definition was checked with.
    fn check_opening(&self, at: Instant) -> Result<(), (&'static str, String)> {
        if at >= self.record.state.closes {
            return Err(("closes-in-the-past", "the contest's closing instant has passed".to_owned()));
        }
        let definition = Definition { opens: at, ..Definition::clone(&self.record.definition) };
        definition.check_stored().map_err(|mistakes| ("invalid-window", mistakes.to_string()))?;
        self.refused_texts().map_or(Ok(()), |mistakes| Err(("invalid-definition", mistakes)))
    }

    /// The draft's texts that have been refused only since the draft was stored: they are not to begin a log. `None` if there are none.
    pub(crate) fn refused_texts(&self) -> Option<String> {
        self.record.definition.check().err().map(|mistakes| mistakes.to_string())
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
            // What is on its way from before the closing has nothing to be suspended for.
            Command::Suspend(_) | Command::Resume(_)
                if self.record.state.phase.is_voting()
                    && self.record.state.closes.timestamp() <= self.context.stores.clock.now() =>
            {
                return Err(("closing", "the contest is closing".to_owned()));
            }
            Command::Draw { .. } if self.record.definition.rules.draw.is_none() => {
                return Err(("no-draw", "the rules of this contest have no draw".to_owned()));
            }
            Command::DestroyTagKey { .. } if self.record.state.phase < Phase::Closed => {
                let detail = "passes are minted with the key until voting has ended".to_owned();
                return Err(("still-open", detail));
            }
            Command::DestroyTagKey { .. } if self.record.tag_key.is_none() => {
                return Err((
                    TAG_KEY_DESTROYED,
                    "the contest's tag key has been destroyed before".to_owned(),
                ));
            }
            // The log must not say so while the key is there.
            Command::State { kind, .. } if is_reserved(kind) => {
                return Err(("reserved-kind", "only the destruction of the tag key says so".to_owned()));
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks the definition with the command's amendment as a whole: what is in the log must be readable at the next start. Texts that were stored before
    /// their characters were refused do not stand in the way of a change elsewhere; the new text was checked where it entered.
    fn check_amended(&self, command: &Command) -> Result<(), String> {
        let Command::Amend { what, key, to, .. } = command else { return Ok(()) };
        let mut amended = Definition::clone(&self.record.definition);
        amended.amend(what, key, to)?;
        amended.check_stored().map_err(|mistakes| mistakes.to_string())
    }
}

/// The most categories that a refusal names in its sentence; it has all of them beside it.
const MAX_NAMED: usize = 5;

fn listed(categories: &[&str]) -> String {
    match categories.get(MAX_NAMED..) {
        Some(more) if !more.is_empty() => {
            let named = categories.get(..MAX_NAMED).unwrap_or_default();
            format!("{} and {} other categories", named.join(", "), more.len())
        }
        _ => categories.join(", "),
    }
}

/// Why an entry is refused, for the staff whose command it was. The tally's words are for auditors, who know versions of logs; staff know contests.
fn refusal_message(error: &ReplayError) -> (&'static str, String) {
    let (code, detail) = error.code_and_detail();
    match &error.problem {
        ReplayProblem::Refusal(Refusal::LaterVersion(_) | Refusal::LaterRule(_)) => {
            (code, OLD_LOG_VERSION_DETAIL.to_owned())
        }
        _ => (code, detail),
    }
}

/// A reason of the tally as it is stored and sent.
fn of_category(category: &CategoryId, found: &Undecided) -> UndecidedCategory {
    UndecidedCategory {
        category: category.clone(),
        reason: serde_json::to_value(found.reason)
            .ok()
            .and_then(|word| Some(word.as_str()?.to_owned()))
            .unwrap_or_default(),
        text: found.reason.text().to_owned(),
        panel: found.panel.clone(),
        jurors: found.jurors.clone(),
        entries: found.entries.clone(),
    }
}
