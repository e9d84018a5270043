//! The scores and recusals in force, and the checks on what jurors enter.
//!
//! They are read from the recorded commands. The command table holds each entry, its staff key and
//! its index in the log. It is written in the transaction that appends the entries. The log holds
//! the same facts, among the ballots.

use std::{collections::BTreeMap, sync::Arc};

use acclaim_contest::{
    ContestId, PanelId, Phase,
    juror::{self, Jurors},
};
use acclaim_store::{
    Command, CommandOutcome, Commands, Database, RequestId, StoreError,
    command::{CommandFilter, MAX_CORRECTIONS, QueuedCommand, TOO_MANY_CORRECTIONS, for_each_recorded},
    jurors,
    keys::{Role, StaffKey},
};

use crate::{commands::CommandError, directory::Contest, long_reads::LongReads};

/// The newest scores of a juror in a category, for one criterion if the panel has several.
#[derive(Debug, Clone)]
pub struct StandingScores {
    /// The juror's panel.
    pub panel: String,
    /// The juror, in the spelling of the log.
    pub juror: String,
    /// The category.
    pub category: String,
    /// The criterion; `None` if the panel has no criteria.
    pub criterion: Option<String>,
    /// Entry and score.
    pub values: Vec<(String, String)>,
    /// Name of the staff key that entered the scores.
    pub by: String,
    /// Index of the scores in the log.
    pub index: u64,
    /// Number of times that the scores were entered, corrections included.
    pub times: u64,
}

/// A recusal that was not taken back.
#[derive(Debug, Clone)]
pub struct StandingRecusal {
    /// The juror's panel.
    pub panel: String,
    /// The juror, in the spelling of the log.
    pub juror: String,
    /// The entry that the juror does not judge.
    pub entry: String,
    /// The reason of the recusal.
    pub reason: String,
    /// Name of the staff key that entered the recusal.
    pub by: String,
    /// Index of the recusal in the log.
    pub index: u64,
}

/// Returns a juror's name in the log.
///
/// It is the name of the key. If the panel's definition names the juror, it is in the definition's
/// spelling.
#[must_use]
pub fn own_name<'a>(contest: &'a Contest, key: &'a StaffKey) -> &'a str {
    let panels = contest.record.definition.rules.panels.iter();
    let own = panels.filter(|panel| key.panel.as_ref() == Some(&panel.id)).flat_map(|panel| &panel.jurors);
    own.into_iter().find(|juror| juror::is_same_name(juror, &key.name)).map_or(&key.name, String::as_str)
}

/// Returns the panel of a juror's key, and the juror's name in the log; `None` if the key has no
/// panel.
fn own_juror<'a>(contest: &'a Contest, key: &'a StaffKey) -> Option<(&'a PanelId, &'a str)> {
    Some((key.panel.as_ref()?, own_name(contest, key)))
}

/// Panel, juror, category and criterion.
type ScoreKey = (String, String, String, Option<String>);

/// Reads the scores and recusals of a jury.
pub struct JuryReader {
    database: Arc<dyn Database>,
    /// Bounds concurrent reads of all jurors' scores.
    long_reads: LongReads,
}

impl JuryReader {
    /// Returns a reader of this database. `long_reads` bounds its concurrent long reads.
    #[must_use]
    pub fn new(database: Arc<dyn Database>, long_reads: LongReads) -> Self {
        Self { database, long_reads }
    }

    /// Returns the jurors of a panel for the lookup of one juror by name.
    ///
    /// If the panel names no jurors, a juror's key makes its own holder a juror.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn load_jurors_by_name(
        &self,
        contest: &Contest,
        key: &StaffKey,
        panel: &str,
        juror: &str,
    ) -> Result<Jurors, StoreError> {
        let panels = &contest.record.definition.rules.panels;
        let Some(panel) = panels.iter().find(|known| known.id.as_str() == panel) else {
            return Ok(Jurors::default());
        };
        if key.role == Role::Juror && panel.jurors.is_empty() {
            let mut own = Jurors::default();
            own.add(&panel.id, &key.name);
            return Ok(own);
        }
        let _permit = self.long_reads.acquire().await;
        jurors::load_jurors_by_name(&*self.database, &contest.record, panel, juror).await
    }

    /// Returns all jurors of a contest that the definition names, or that have keys or scores.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn jurors(&self, contest: &Contest) -> Result<Jurors, StoreError> {
        // The call reads all scores.
        let _permit = self.long_reads.acquire().await;
        jurors::load_jurors(&*self.database, &contest.record).await
    }

    /// Returns the scores in force, of all jurors or of the juror whose key is `own`.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn scores(
        &self,
        contest: &Contest,
        own: Option<&StaffKey>,
    ) -> Result<Vec<StandingScores>, StoreError> {
        let own = own.and_then(|key| own_juror(contest, key));
        let filter =
            own.map_or(CommandFilter::Scores, |(panel, juror)| CommandFilter::ScoresByJuror { panel, juror });
        // The scores of a large jury, and one juror's scores with all corrections, are long reads.
        let _permit = self.long_reads.acquire().await;
        let mut newest: BTreeMap<ScoreKey, StandingScores> = BTreeMap::new();
        let keep_newest = |queued: QueuedCommand, outcome| keep_newest(&mut newest, queued, outcome);
        for_each_recorded(&*self.database, contest.id(), filter, keep_newest).await?;
        self.drop_recused(contest.id(), own, &mut newest).await?;
        // An empty list takes scores back.
        Ok(newest.into_values().filter(|standing| !standing.values.is_empty()).collect())
    }

    /// Drops scores for entries for which the juror was recused after entering them.
    ///
    /// It drops them even if the juror has rejoined since.
    async fn drop_recused(
        &self,
        id: &ContestId,
        own: Option<(&PanelId, &str)>,
        newest: &mut BTreeMap<ScoreKey, StandingScores>,
    ) -> Result<(), StoreError> {
        let drop = |queued: QueuedCommand, outcome| {
            let (
                Command::Recusal { panel, juror, entry, rejoins: false, .. },
                CommandOutcome::Recorded { index: recused_at, .. },
            ) = (queued.command, outcome)
            else {
                return;
            };
            let from = (panel.as_str().to_owned(), juror.clone(), String::new(), None);
            let panel_scores = newest.range_mut(from..);
            for (_, standing) in panel_scores
                .take_while(|((score_panel, score_juror, ..), _)| {
                    (score_panel.as_str(), score_juror) == (panel.as_str(), &juror)
                })
                .filter(|(_, standing)| standing.index < recused_at)
            {
                standing.values.retain(|(scored_entry, _)| scored_entry != entry.as_str());
            }
        };
        for_each_recorded(&*self.database, id, CommandFilter::recusals(own), drop).await
    }

    /// Returns the recusals in force, of all jurors or of the juror whose key is `own`.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn recusals(
        &self,
        contest: &Contest,
        own: Option<&StaffKey>,
    ) -> Result<Vec<StandingRecusal>, StoreError> {
        let filter = CommandFilter::recusals(own.and_then(|key| own_juror(contest, key)));
        let _permit = self.long_reads.acquire().await;
        standing_recusals(&*self.database, contest.id(), filter).await
    }

    /// Returns the recusals of one juror that are in force.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn recusals_of(
        &self,
        contest: &ContestId,
        panel: &PanelId,
        juror: &str,
    ) -> Result<Vec<StandingRecusal>, StoreError> {
        standing_recusals(&*self.database, contest, CommandFilter::RecusalsByJuror { panel, juror }).await
    }

    /// Whether a request's command has an outcome already.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn is_decided(&self, contest: &ContestId, request: &RequestId) -> Result<bool, StoreError> {
        Ok(self.database.command_outcome(contest, request).await?.is_some())
    }

    /// Refuses an entry of a juror that comes too late, or that exceeds the limit of corrections.
    ///
    /// The sequencer would refuse it too. The check here keeps useless commands out of the
    /// database. A repeated request passes, so that it gets its earlier answer.
    ///
    /// # Errors
    /// - [`CommandError::Refused`]: the entry comes too late, or exceeds the limit.
    /// - [`CommandError::Store`]: the database fails.
    pub async fn check_juror(
        &self,
        contest: &Contest,
        key: &StaffKey,
        request: &RequestId,
        command: &Command,
    ) -> Result<(), CommandError> {
        if key.role != Role::Juror {
            return Ok(());
        }
        let (mut is_repeated, mut entry_count) = (false, 0);
        let count_entries = |queued: QueuedCommand, _| {
            is_repeated |= queued.id() == *request;
            entry_count += usize::from(queued.by == key.name);
        };
        for_each_recorded(&*self.database, contest.id(), CommandFilter::SameTarget(command), count_entries)
            .await?;
        if is_repeated {
            return Ok(());
        }
        check_time(contest)?;
        // The sequencer counts again, so no concurrent request exceeds the limit.
        if entry_count >= MAX_CORRECTIONS {
            let (code, detail) = TOO_MANY_CORRECTIONS;
            return Err(CommandError::refused(code, detail));
        }
        Ok(())
    }
}

fn check_time(contest: &Contest) -> Result<(), CommandError> {
    let (code, detail) = match contest.phase() {
        Phase::Open | Phase::Suspended | Phase::Closed => return Ok(()),
        Phase::Draft => ("not-open", "the contest is a draft: nothing is in its log yet"),
        Phase::Frozen => ("frozen", "the log is frozen: scores and recusals are refused"),
        Phase::Certified => ("out-of-place", "the result is certified: scores and recusals are refused"),
    };
    Err(CommandError::refused(code, detail))
}

/// Takes recorded scores. The scores with the highest index are in force.
fn keep_newest(
    newest: &mut BTreeMap<ScoreKey, StandingScores>,
    queued: QueuedCommand,
    outcome: CommandOutcome,
) {
    let (
        Command::Score { panel, juror, category, criterion, values },
        CommandOutcome::Recorded { index, .. },
    ) = (queued.command, outcome)
    else {
        return;
    };
    let [panel, category] = [panel.as_str(), category.as_str()].map(str::to_owned);
    let lookup_key = (panel.clone(), juror.clone(), category.clone(), criterion.clone());
    let known = newest.get(&lookup_key);
    let times = known.map_or(0, |known| known.times) + 1;
    if known.is_some_and(|known| known.index > index) {
        return;
    }
    let values = values.into_iter().map(|(entry, score)| (entry.to_string(), score)).collect();
    let by = queued.by;
    newest.insert(lookup_key, StandingScores { panel, juror, category, criterion, values, by, index, times });
}

/// Returns the recusals in force that match the filter, by panel, juror and entry.
async fn standing_recusals(
    commands: &(impl Commands + ?Sized),
    id: &ContestId,
    filter: CommandFilter<'_>,
) -> Result<Vec<StandingRecusal>, StoreError> {
    let mut recusals = BTreeMap::new();
    // The commands come in the order of the log.
    let apply = |queued: QueuedCommand, outcome| {
        let (
            Command::Recusal { panel, juror, entry, rejoins, reason },
            CommandOutcome::Recorded { index, .. },
        ) = (queued.command, outcome)
        else {
            return;
        };
        let [panel, entry] = [panel.to_string(), entry.to_string()];
        let lookup_key = (panel.clone(), juror.clone(), entry.clone());
        if rejoins {
            recusals.remove(&lookup_key);
        } else {
            recusals
                .insert(lookup_key, StandingRecusal { panel, juror, entry, reason, by: queued.by, index });
        }
    };
    for_each_recorded(commands, id, filter, apply).await?;
    Ok(recusals.into_values().collect())
}
