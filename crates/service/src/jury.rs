//! Scores and recusals that stand, and what is asked of the jurors who enter them.
//!
//! What stands is read from the commands that became entries: the table tells what was entered, by whom and at which index of the log, and it is
//! written in the transaction that appends the entries. The log says the same, among the ballots.

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

/// The newest scores of a juror in a category, by one criterion if the panel has several.
#[derive(Debug, Clone)]
pub struct StandingScores {
    /// The juror's panel.
    pub panel: String,
    /// The juror, in the spelling of the log.
    pub juror: String,
    /// The category.
    pub category: String,
    /// The criterion.
    pub criterion: Option<String>,
    /// Entry and score.
    pub values: Vec<(String, String)>,
    /// Name of the staff key that entered them.
    pub by: String,
    /// Where they are in the log.
    pub index: u64,
    /// How often they were entered, corrections included.
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
    /// Why.
    pub reason: String,
    /// Name of the staff key that entered it.
    pub by: String,
    /// Where it is in the log.
    pub index: u64,
}

/// A juror's name in the log: that of the key, in the spelling of the panel's definition if that names the juror.
#[must_use]
pub fn own_name<'a>(contest: &'a Contest, key: &'a StaffKey) -> &'a str {
    let panels = contest.record.definition.rules.panels.iter();
    let own = panels.filter(|panel| key.panel.as_ref() == Some(&panel.id)).flat_map(|panel| &panel.jurors);
    own.into_iter().find(|juror| juror::is_same_name(juror, &key.name)).map_or(&key.name, String::as_str)
}

/// The panel of a juror's key, and the juror's name in the log.
fn own_place<'a>(contest: &'a Contest, key: &'a StaffKey) -> Option<(&'a PanelId, &'a str)> {
    Some((key.panel.as_ref()?, own_name(contest, key)))
}

/// Panel, juror, category and criterion.
type ScoreKey = (String, String, String, Option<String>);

/// Reads what stands of a jury.
pub struct JuryReader {
    database: Arc<dyn Database>,
    /// Places for readings of all jurors' scores.
    long_reads: LongReads,
}

impl JuryReader {
    /// Of this database. `long_reads` bounds the readings that go on at once.
    #[must_use]
    pub fn new(database: Arc<dyn Database>, long_reads: LongReads) -> Self {
        Self { database, long_reads }
    }

    /// The jurors of a panel among whom one is looked for by name: an own key makes a juror where the panel names none.
    ///
    /// # Errors
    /// When the database fails.
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
        let _place = self.long_reads.acquire().await;
        jurors::load_jurors_by_name(&*self.database, &contest.record, panel, juror).await
    }

    /// All jurors of a contest, as far as they are named or known by their keys or scores.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn jurors(&self, contest: &Contest) -> Result<Jurors, StoreError> {
        // It reads all scores.
        let _place = self.long_reads.acquire().await;
        jurors::load_jurors(&*self.database, &contest.record).await
    }

    /// The scores that stand, of all jurors or of the one whose key it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn scores(
        &self,
        contest: &Contest,
        own: Option<&StaffKey>,
    ) -> Result<Vec<StandingScores>, StoreError> {
        let own = own.and_then(|key| own_place(contest, key));
        let filter =
            own.map_or(CommandFilter::Scores, |(panel, juror)| CommandFilter::ScoresByJuror { panel, juror });
        // A big jury's scores, and one juror's with all corrections, are read for few requests at a time.
        let _place = self.long_reads.acquire().await;
        let mut newest: BTreeMap<ScoreKey, StandingScores> = BTreeMap::new();
        let keep_newest = |queued: QueuedCommand, outcome| keep_newest(&mut newest, queued, outcome);
        for_each_recorded(&*self.database, contest.id(), filter, keep_newest).await?;
        self.drop_recused(contest.id(), own, &mut newest).await?;
        // An empty list takes scores back.
        Ok(newest.into_values().filter(|standing| !standing.values.is_empty()).collect())
    }

    /// Drops scores for entries that their juror was recused for after they were entered; also where the juror has rejoined since.
    async fn drop_recused(
        &self,
        id: &ContestId,
        own: Option<(&PanelId, &str)>,
        newest: &mut BTreeMap<ScoreKey, StandingScores>,
    ) -> Result<(), StoreError> {
        let drop = |queued: QueuedCommand, outcome| {
            let (
                Command::Recusal { panel, juror, entry, rejoins: false, .. },
                CommandOutcome::Recorded { index: recused, .. },
            ) = (queued.command, outcome)
            else {
                return;
            };
            let from = (panel.as_str().to_owned(), juror.clone(), String::new(), None);
            let of_juror = newest.range_mut(from..);
            for (_, standing) in of_juror
                .take_while(|((of_panel, of, ..), _)| (of_panel.as_str(), of) == (panel.as_str(), &juror))
                .filter(|(_, standing)| standing.index < recused)
            {
                standing.values.retain(|(scored, _)| scored != entry.as_str());
            }
        };
        for_each_recorded(&*self.database, id, CommandFilter::recusals(own), drop).await
    }

    /// The recusals that stand, of all jurors or of the one whose key it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recusals(
        &self,
        contest: &Contest,
        own: Option<&StaffKey>,
    ) -> Result<Vec<StandingRecusal>, StoreError> {
        let filter = CommandFilter::recusals(own.and_then(|key| own_place(contest, key)));
        let _place = self.long_reads.acquire().await;
        standing_recusals(&*self.database, contest.id(), filter).await
    }

    /// The recusals of one juror that stand.
    ///
    /// # Errors
    /// When the database fails.
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
    /// When the database fails.
    pub async fn is_decided(&self, contest: &ContestId, asked: &RequestId) -> Result<bool, StoreError> {
        Ok(self.database.command_outcome(contest, asked).await?.is_some())
    }

    /// Refuses what a juror enters in vain: too late, or once more than a juror can. The sequencer would refuse it too, but what jurors send in vain is not to
    /// fill the database. What is sent again is answered again.
    ///
    /// # Errors
    /// [`CommandError::Refused`], and when the database fails.
    pub async fn check_juror(
        &self,
        contest: &Contest,
        key: &StaffKey,
        asked: &RequestId,
        command: &Command,
    ) -> Result<(), CommandError> {
        if key.role != Role::Juror {
            return Ok(());
        }
        let (mut is_repeated, mut entered) = (false, 0);
        let look = |queued: QueuedCommand, _| {
            is_repeated |= queued.id() == *asked;
            entered += usize::from(queued.by == key.name);
        };
        for_each_recorded(&*self.database, contest.id(), CommandFilter::SameTarget(command), look).await?;
        if is_repeated {
            return Ok(());
        }
        check_time(contest)?;
        // The sequencer counts too, and no request slips past it.
        if entered >= MAX_CORRECTIONS {
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
        Phase::Frozen => ("frozen", "the log is frozen: nothing of jurors after it"),
        Phase::Certified => ("out-of-place", "the result is certified: nothing of jurors after it"),
    };
    Err(CommandError::refused(code, detail))
}

/// Takes in scores of the log; those of a higher index stand.
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
    let place = (panel.clone(), juror.clone(), category.clone(), criterion.clone());
    let known = newest.get(&place);
    let times = known.map_or(0, |known| known.times) + 1;
    if known.is_some_and(|known| known.index > index) {
        return;
    }
    let values = values.into_iter().map(|(entry, score)| (entry.to_string(), score)).collect();
    let by = queued.by;
    newest.insert(place, StandingScores { panel, juror, category, criterion, values, by, index, times });
}

/// The recusals that stand of those sought, by panel, juror and entry.
async fn standing_recusals(
    commands: &(impl Commands + ?Sized),
    id: &ContestId,
    filter: CommandFilter<'_>,
) -> Result<Vec<StandingRecusal>, StoreError> {
    let mut found = BTreeMap::new();
    // They come in the order of the log.
    let take = |queued: QueuedCommand, outcome| {
        let (
            Command::Recusal { panel, juror, entry, rejoins, reason },
            CommandOutcome::Recorded { index, .. },
        ) = (queued.command, outcome)
        else {
            return;
        };
        let [panel, entry] = [panel.to_string(), entry.to_string()];
        let place = (panel.clone(), juror.clone(), entry.clone());
        if rejoins {
            found.remove(&place);
        } else {
            found.insert(place, StandingRecusal { panel, juror, entry, reason, by: queued.by, index });
        }
    };
    for_each_recorded(commands, id, filter, take).await?;
    Ok(found.into_values().collect())
}
