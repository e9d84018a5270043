//! The jurors of a contest.
//!
//! If a panel's definition names jurors, exactly these may score. If it names none, each holder of
//! a juror's key for the panel is a juror. A name with standing scores in the contest is also a
//! juror. This includes contests from before jurors needed to be known.

use std::collections::{BTreeMap, BTreeSet};

use acclaim_contest::{ContestId, PanelId, juror::Jurors, rules::Panel};

use crate::{
    Command, CommandOutcome, Database,
    command::{CommandFilter, QueuedCommand, for_each_recorded},
    contests::ContestRecord,
    error::Result,
    keys::{Role, StaffKey},
};

/// All jurors of a contest, by panel.
///
/// If the panel names jurors, these are its jurors. Otherwise its jurors are those with a key, in
/// the order of their names, then those with standing scores.
///
/// # Errors
/// The errors of a read.
pub async fn load_jurors(database: &dyn Database, record: &ContestRecord) -> Result<Jurors> {
    let panels = &record.definition.rules.panels;
    let mut jurors = Jurors::default();
    let mut open: BTreeSet<&PanelId> = BTreeSet::new();
    let keys = if panels.iter().any(|panel| panel.jurors.is_empty()) {
        database.staff_keys().await?
    } else {
        Vec::new()
    };
    for panel in panels {
        add_registered(&mut jurors, panel, record.id(), &keys);
        if panel.jurors.is_empty() {
            open.insert(&panel.id);
        }
    }
    if !open.is_empty() {
        for (panel, juror) in load_jurors_with_scores(database, record.id()).await? {
            if open.contains(&panel) {
                jurors.add(&panel, &juror);
            }
        }
    }
    Ok(jurors)
}

/// The jurors of one panel that are needed to look up `name`.
///
/// A look-up of this name gives the same result as among the jurors of [`load_jurors`].
///
/// # Errors
/// The errors of a read.
pub async fn load_jurors_by_name(
    database: &dyn Database,
    record: &ContestRecord,
    panel: &Panel,
    name: &str,
) -> Result<Jurors> {
    let is_named = !panel.jurors.is_empty();
    let keys = if is_named { Vec::new() } else { database.staff_keys().await? };
    let mut registered = Jurors::default();
    add_registered(&mut registered, panel, record.id(), &keys);
    if is_named || registered.of(&panel.id).iter().any(|juror| juror == name) {
        return Ok(registered);
    }
    // All scores are read only if this exact spelling has scores, or if no juror has the name.
    let by_name = CommandFilter::ScoresByJuror { panel: &panel.id, juror: name };
    let has_scored = !database.recorded_commands(record.id(), by_name, 0, 1).await?.is_empty();
    if !has_scored && registered.find(&panel.id, name).is_ok() {
        return Ok(registered);
    }
    load_jurors(database, record).await
}

/// Adds the jurors that the panel names. If it names none, adds those with a key for it.
fn add_registered(jurors: &mut Jurors, panel: &Panel, contest: &ContestId, keys: &[StaffKey]) {
    for juror in &panel.jurors {
        jurors.add(&panel.id, juror);
    }
    if panel.jurors.is_empty() {
        let own = keys.iter().filter(|key| key.revoked.is_none() && is_juror_key(key, contest, &panel.id));
        own.for_each(|key| jurors.add(&panel.id, &key.name));
    }
}

/// Whether a key is a juror's key for this panel of this contest.
#[must_use]
pub fn is_juror_key(key: &StaffKey, contest: &ContestId, panel: &PanelId) -> bool {
    key.role == Role::Juror && key.covers(contest) && key.panel.as_ref() == Some(panel)
}

/// A juror: panel and name.
type Juror = (PanelId, String);
/// Category and criterion of a list of scores.
type ListKey = (String, Option<String>);

/// The jurors with standing scores, in the order of their first scores.
async fn load_jurors_with_scores(database: &dyn Database, contest: &ContestId) -> Result<Vec<Juror>> {
    let mut order: Vec<Juror> = Vec::new();
    let mut lists: BTreeMap<Juror, BTreeSet<ListKey>> = BTreeMap::new();
    let take = |queued: QueuedCommand, _: CommandOutcome| {
        let Command::Score { panel, juror, category, criterion, values } = queued.command else { return };
        let juror = (panel, juror);
        let own = lists.entry(juror.clone()).or_insert_with(|| {
            order.push(juror);
            BTreeSet::new()
        });
        let list = (category.to_string(), criterion);
        // An empty list takes an earlier list back.
        if values.is_empty() {
            own.remove(&list)
        } else {
            own.insert(list)
        };
    };
    for_each_recorded(database, contest, CommandFilter::Scores, take).await?;
    order.retain(|juror| lists.get(juror).is_some_and(|lists| !lists.is_empty()));
    Ok(order)
}
