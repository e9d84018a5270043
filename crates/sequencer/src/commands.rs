//! Staff commands. The sequencer turns each command into log entries, all of them or none, or
//! refuses it.

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

/// Maximum number of commands that one step processes before other work has its turn.
const MAX_COMMANDS_PER_STEP: usize = 64;
/// Detail of a refusal: the event belongs to a later version of the log than the contest's log has.
const OLD_LOG_VERSION_DETAIL: &str =
    "this contest was opened by an older program and cannot do this: only contests that open from now on can";

impl ContestTask {
    /// Processes the oldest queued commands.
    #[tracing::instrument(level = "debug", skip_all, fields(contest = %self.id()))]
    pub(crate) async fn process_commands(&mut self) -> StepResult {
        let commands = self.context.stores.database.pending_commands(self.id(), MAX_COMMANDS_PER_STEP);
        let commands = commands.await.map_err(StepError::retry_or_reload)?;
        // The outcome of `Close` follows later, with `closed`. If all commands of this step are
        // `Close`, the commands behind them cannot be processed yet.
        let any_has_outcome_now = commands.iter().any(|queued| queued.command != Command::Close);
        self.inbox.note_commands(any_has_outcome_now && commands.len() == MAX_COMMANDS_PER_STEP);
        for queued in commands {
            self.keep_lease().await?;
            // The clock is read here: an earlier reading could date the command before it was sent.
            self.process_command(queued, self.context.stores.clock.now()).await?;
            if self.record.state.phase.is_voting() && self.has_pending_session() {
                // The new session of the intake starts first. The remaining commands keep their
                // order.
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

    /// Records the waiting ballots, then suspends voting.
    async fn suspend(&mut self, queued: QueuedCommand) -> StepResult {
        // A command that is refused anyway records no ballots.
        if self.check(&queued.command).is_ok() {
            self.record_before_suspension().await?;
        }
        if self.has_pending_session() {
            // The intake starts a new session. The ballots that survived are recorded before the
            // command, which stays queued.
            return Ok(());
        }
        self.log_command(queued, self.context.stores.clock.now()).await
    }

    /// Refuses ballots from `at` on.
    ///
    /// The command's outcome follows with `closed`, after all ballots that arrived earlier are
    /// recorded.
    async fn close_at(&mut self, at: Instant) -> StepResult {
        self.schedule.confirm_closing();
        if at >= self.record.state.closes {
            return Ok(());
        }
        // A contest is open for at least one second, so that closing never precedes opening.
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

    /// Turns a command into log entries: all of them, or none and a refusal.
    async fn log_command(&mut self, queued: QueuedCommand, now: Timestamp) -> StepResult {
        let id = queued.id();
        let QueuedCommand { by, command, .. } = queued;
        let command = match self.closing_in_utc(command) {
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
                // An earlier entry of this command is already folded, so the replay differs from
                // the ledger. The log is loaded again, and then the command is refused.
                Err(error) => return self.refuse_after_reload(id, &refusal_message(&error)).await,
            }
        }
        let outcome = self.outcome(first.unwrap_or_default());
        batch.commands.push((id, outcome));
        self.commit(batch).await
    }

    /// Returns the command in the form of the log.
    ///
    /// A new closing instant can be given in the form of definitions, local to the contest's time
    /// zone. The log has it in UTC.
    fn closing_in_utc(&self, command: Command) -> Result<Command, String> {
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

    /// Returns the refusal of a certification whose winners are not decided.
    ///
    /// A command with `undecided: true` certifies undecided winners as well. `admit` refuses a
    /// certification for every other reason.
    fn undecided(&self, command: &Command) -> Option<CommandOutcome> {
        let may_be_certified =
            matches!(self.record.state.phase, Phase::Closed | Phase::Frozen) && !self.record.definition.test;
        if !may_be_certified || !matches!(command, Command::Certify { undecided: false, .. }) {
            return None;
        }
        let categories = self.log.replay.tally().undecided();
        let ids: Vec<&str> = categories.iter().map(|(category, _)| category.as_str()).collect();
        let detail = format!("the winners are not decided in {}", list_categories(&ids));
        let undecided: Vec<UndecidedCategory> = categories
            .iter()
            .flat_map(|(category, reasons)| {
                reasons.iter().map(move |reason| to_undecided_category(category, reason))
            })
            .collect();
        let code = UNDECIDED.to_owned();
        (!undecided.is_empty()).then_some(CommandOutcome::Refused { code, detail, undecided })
    }

    /// Whether a juror has entered the same scores, or the same recusal, as often as allowed.
    ///
    /// Organisers enter scores and recusals for jurors without a limit.
    async fn is_corrected_too_often(&self, command: &Command, by: &str) -> Result<bool, StoreError> {
        if !matches!(command, Command::Score { juror, .. } | Command::Recusal { juror, .. } if is_same_name(juror, by))
        {
            return Ok(false);
        }
        let mut previous = 0;
        let count_previous = |earlier: QueuedCommand, _| previous += usize::from(earlier.by == by);
        let database = &*self.context.stores.database;
        for_each_recorded(database, self.id(), CommandFilter::SameTarget(command), count_previous).await?;
        Ok(previous >= MAX_CORRECTIONS)
    }

    async fn refuse_after_reload(
        &mut self,
        id: RequestId,
        (code, detail): &(&'static str, String),
    ) -> StepResult {
        let to_store_error = |error| match error {
            LoadError::Store(error) => error,
            other => StoreError::Corrupt(other.to_string()),
        };
        let reader = LogReader::new(&self.context.keyring, self.id()).map_err(to_store_error)?;
        let take_over = Log::take_over(reader, &self.context.stores);
        let (log, _) = self.context.while_leased(self.id(), take_over).await.map_err(to_store_error)?;
        self.log.replace_by(log);
        self.refuse(id, code, detail).await
    }

    /// Checks whether the contest can open at `at`.
    ///
    /// `at` may be long before the opening instant with which the definition was checked.
    fn check_opening(&self, at: Instant) -> Result<(), (&'static str, String)> {
        if at >= self.record.state.closes {
            return Err(("closes-in-the-past", "the contest's closing instant has passed".to_owned()));
        }
        let definition = Definition { opens: at, ..Definition::clone(&self.record.definition) };
        definition.check_stored().map_err(|mistakes| ("invalid-window", mistakes.to_string()))?;
        self.refused_texts().map_or(Ok(()), |mistakes| Err(("invalid-definition", mistakes)))
    }

    /// Returns the mistakes that the current rules find in the draft; `None` if there are none.
    ///
    /// The rules can have changed since the draft was stored. A log must not begin with texts that
    /// are refused now.
    pub(crate) fn refused_texts(&self) -> Option<String> {
        self.record.definition.check().err().map(|mistakes| mistakes.to_string())
    }

    /// Checks the facts about a command that only the sequencer knows. `admit` checks the entries.
    fn check(&self, command: &Command) -> Result<(), (&'static str, String)> {
        match command {
            Command::Certify { size, root, .. } => {
                let (head_size, head_root) = self.log.head();
                if (*size, root.as_str()) != (head_size, head_root.to_string().as_str()) {
                    let detail = format!(
                        "the log has moved on to size {head_size}, root {head_root}: look at the result again"
                    );
                    return Err(("log-has-moved-on", detail));
                }
            }
            // `admit` refuses an early `closes` by the log alone. Only the clock shows whether it
            // lies in the past.
            Command::Amend { what, to: Amendment::Text(to), .. } if what == "closes" => {
                let now = Instant::at_or_after(self.context.stores.clock.now());
                if self.record.state.closes <= now || to.parse::<Instant>().is_ok_and(|to| to <= now) {
                    return Err((
                        "closing",
                        "the contest is closing, or the new instant has passed".to_owned(),
                    ));
                }
            }
            // After the closing instant, only ballots that arrived before it are still on their
            // way. A suspension has no effect on them.
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
            // The log must not state the destruction of the tag key while the key exists.
            Command::State { kind, .. } if is_reserved(kind) => {
                return Err((
                    "reserved-kind",
                    "this kind is reserved for the destruction of the tag key".to_owned(),
                ));
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks the whole definition after the command's amendment.
    ///
    /// The log must be readable at the next start. Texts that were stored before the rules refused
    /// their characters do not block a change of other fields. The new text is checked when the
    /// command arrives.
    fn check_amended(&self, command: &Command) -> Result<(), String> {
        let Command::Amend { what, key, to, .. } = command else { return Ok(()) };
        let mut amended = Definition::clone(&self.record.definition);
        amended.amend(what, key, to)?;
        amended.check_stored().map_err(|mistakes| mistakes.to_string())
    }
}

/// Maximum number of categories named in a refusal's detail. The refusal's `undecided` lists all of
/// them.
const MAX_NAMED: usize = 5;

fn list_categories(categories: &[&str]) -> String {
    match categories.get(MAX_NAMED..) {
        Some(more) if !more.is_empty() => {
            let named = categories.get(..MAX_NAMED).unwrap_or_default();
            format!("{} and {} other categories", named.join(", "), more.len())
        }
        _ => categories.join(", "),
    }
}

/// Returns code and detail of a refused entry, for the staff who sent the command.
///
/// The tally's messages are for auditors and name log versions. Staff know contests, so this
/// message names the contest instead.
fn refusal_message(error: &ReplayError) -> (&'static str, String) {
    let (code, detail) = error.code_and_detail();
    match &error.problem {
        ReplayProblem::Refusal(Refusal::LaterVersion(_) | Refusal::LaterRule(_)) => {
            (code, OLD_LOG_VERSION_DETAIL.to_owned())
        }
        _ => (code, detail),
    }
}

/// Converts a reason of the tally to its stored and sent form.
fn to_undecided_category(category: &CategoryId, undecided: &Undecided) -> UndecidedCategory {
    UndecidedCategory {
        category: category.clone(),
        reason: serde_json::to_value(undecided.reason)
            .ok()
            .and_then(|word| Some(word.as_str()?.to_owned()))
            .unwrap_or_default(),
        text: undecided.reason.text().to_owned(),
        panel: undecided.panel.clone(),
        jurors: undecided.jurors.clone(),
        entries: undecided.entries.clone(),
    }
}
