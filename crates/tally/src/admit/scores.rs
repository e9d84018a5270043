//! Admission of scores.

use std::collections::BTreeSet;

use acclaim_contest::rules::{Panel, PanelKind};
use acclaim_contest::{CategoryId, Decimal, EntryId, PanelId};

use crate::numbers::EntryNumber;
use crate::recusals::RecusalKey;
use crate::refusal::Refusal;
use crate::scores::{ListKey, Score, ScoreList};
use crate::tally::Tally;

/// What a `scores` entry says.
pub(super) struct ScoresInput<'a> {
    pub(super) panel: &'a PanelId,
    pub(super) juror: &'a str,
    pub(super) category: &'a CategoryId,
    pub(super) criterion: Option<&'a str>,
    pub(super) values: &'a [(EntryId, String)],
}

/// Admits a juror's scores: all of them, or none.
pub(super) fn admit(tally: &Tally, given: &ScoresInput<'_>) -> Result<ScoreList, Refusal> {
    let (number, panel) = find_panel(tally, given.panel)?;
    check_juror(panel, given.juror)?;
    let category = tally
        .roster
        .category_number(given.category.as_str())
        .ok_or_else(|| Refusal::UnknownCategory(given.category.to_string()))?;
    let criterion = criterion(panel, given.criterion)?;
    let mut recusal = RecusalKey { panel: number, category, juror: given.juror.to_owned(), entry: 0 };
    let mut scores = Vec::with_capacity(given.values.len());
    for (id, text) in given.values {
        let entry =
            tally.roster.entry_number(id.as_str()).ok_or_else(|| Refusal::UnknownEntry(id.to_string()))?;
        if tally.roster.entry(entry).category != category {
            return Err(Refusal::WrongCategory { category: given.category.to_string(), entry: id.clone() });
        }
        recusal.entry = entry;
        if tally.recusals.has(&recusal) {
            return Err(Refusal::ScoreOfRecused { juror: given.juror.to_owned(), entry: id.clone() });
        }
        let score = check(panel, text).map_err(|why| Refusal::InvalidScore { entry: id.clone(), why })?;
        scores.push((entry, score));
    }
    if panel.kind == PanelKind::Rank {
        check_ranks(&scores, given.values)?;
    }
    let key = ListKey { panel: number, category, juror: recusal.juror, criterion };
    Ok(ScoreList { key, scores })
}

/// The panel of an id, with its position in the rules.
pub(super) fn find_panel<'t>(tally: &'t Tally, id: &PanelId) -> Result<(usize, &'t Panel), Refusal> {
    let panels = tally.header.as_ref().map_or(&[][..], |header| &header.rules.panels);
    let found = panels.iter().enumerate().find(|(_, panel)| panel.id == *id);
    found.ok_or_else(|| Refusal::UnknownPanel(id.clone()))
}

/// Whether somebody of this name can judge for a panel: one of its jurors, where the rules name them. Names are compared by their bytes.
pub(super) fn check_juror(panel: &Panel, name: &str) -> Result<(), Refusal> {
    if name.trim().is_empty() {
        return Err(Refusal::NoJuror);
    }
    match panel.jurors.is_empty() || panel.jurors.iter().any(|juror| juror == name) {
        true => Ok(()),
        false => Err(Refusal::UnknownJuror { panel: panel.id.clone(), juror: name.to_owned() }),
    }
}

fn criterion(panel: &Panel, given: Option<&str>) -> Result<usize, Refusal> {
    let wrong = |why| Refusal::WrongCriterion { criterion: given.map(str::to_owned), why };
    match given {
        None if panel.criteria.is_empty() => Ok(0),
        None => Err(wrong("the panel scores by criteria")),
        Some(_) if panel.criteria.is_empty() => Err(wrong("the panel has no criteria")),
        Some(given) => panel
            .criteria
            .iter()
            .position(|(name, _)| name == given)
            .ok_or_else(|| wrong("the panel has no such criterion")),
    }
}

fn check(panel: &Panel, text: &str) -> Result<Score, String> {
    let score = Decimal::read_canonical(text).ok_or("it is not a decimal of at most four places")?;
    panel.check_score(score).map_err(|error| error.to_string())?;
    Ok(score.ten_thousandths())
}

/// No rank goes to two entries.
fn check_ranks(scores: &[(EntryNumber, Score)], values: &[(EntryId, String)]) -> Result<(), Refusal> {
    let mut ranks = BTreeSet::new();
    match scores.iter().zip(values).find(|((_, rank), _)| !ranks.insert(*rank)) {
        None => Ok(()),
        Some((_, (entry, rank))) => {
            Err(Refusal::InvalidScore { entry: entry.clone(), why: format!("rank {rank} is given twice") })
        }
    }
}
