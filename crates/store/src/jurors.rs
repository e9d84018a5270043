//! Who the jurors of a contest are. A panel's definition names them, and then exactly these may score. Where it names none, jurors come to be by their keys; and
//! who has scores that stand in a contest is a juror of it, also of one from before jurors had to be known.

use std::collections::{BTreeMap, BTreeSet};

use acclaim_contest::{ContestId, PanelId, juror::Jurors, rules::Panel};

use crate::{
    Command, CommandOutcome, Database,
    command::{CommandFilter, QueuedCommand, for_each_recorded},
    contests::ContestRecord,
    error::Result,
    keys::{Role, StaffKey},
};

/// All jurors of a contest: by panel those whom it names, else those with a key in the order of their names and then those with scores that stand.
///
/// # Errors
/// As any read.
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

/// As many of the jurors of a panel as it takes to find the one whom a name names, or that there is none: what [`load_jurors`] finds, these find too.
///
/// # Errors
/// As any read.
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
    // All scores are read only if this very spelling has scored, or no juror is known by the name.
    let by_name = CommandFilter::ScoresByJuror { panel: &panel.id, juror: name };
    let has_scored = !database.recorded_commands(record.id(), by_name, 0, 1).await?.is_empty();
    if !has_scored && registered.find(&panel.id, name).is_ok() {
        return Ok(registered);
    }
    load_jurors(database, record).await
}

/// Adds those whom the panel names, or who have a key for it.
fn add_registered(jurors: &mut Jurors, panel: &Panel, contest: &ContestId, keys: &[StaffKey]) {
    for juror in &panel.jurors {
        jurors.add(&panel.id, juror);
    }
    if panel.jurors.is_empty() {
        let own = keys.iter().filter(|key| key.revoked.is_none() && is_juror_key(key, contest, &panel.id));
        own.for_each(|key| jurors.add(&panel.id, &key.name));
    }
}

/// Whether a key is a juror's of a panel of a contest.
#[must_use]
pub fn is_juror_key(key: &StaffKey, contest: &ContestId, panel: &PanelId) -> bool {
    key.role == Role::Juror && key.covers(contest) && key.panel.as_ref() == Some(panel)
}

/// A juror's panel and name.
type Juror = (PanelId, String);
/// Category and criterion of a list of scores.
type ListPlace = (String, Option<String>);

/// The jurors with scores that stand, in the order in which they first scored.
async fn load_jurors_with_scores(database: &dyn Database, contest: &ContestId) -> Result<Vec<Juror>> {
    let mut order: Vec<Juror> = Vec::new();
    let mut lists: BTreeMap<Juror, BTreeSet<ListPlace>> = BTreeMap::new();
    let take = |queued: QueuedCommand, _: CommandOutcome| {
        let Command::Score { panel, juror, category, criterion, values } = queued.command else { return };
        let who = (panel, juror);
        let own = lists.entry(who.clone()).or_insert_with(|| {
            order.push(who);
            BTreeSet::new()
        });
        let list = (category.to_string(), criterion);
        // An empty list takes an earlier one back.
        if values.is_empty() {
            own.remove(&list)
        } else {
            own.insert(list)
        };
    };
    for_each_recorded(database, contest, CommandFilter::Scores, take).await?;
    order.retain(|who| lists.get(who).is_some_and(|lists| !lists.is_empty()));
    Ok(order)
}
