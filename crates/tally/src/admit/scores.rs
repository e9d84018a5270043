//! Admission of jurors' scores.

use std::collections::BTreeSet;

use acclaim_contest::{
    CategoryId, Decimal, EntryId, PanelId,
    rules::{Panel, PanelKind},
};

use crate::{
    numbers::EntryNumber,
    recusals::RecusalKey,
    refusal::Refusal,
    scores::{ListKey, Score, ScoreList},
    tally::Tally,
};

/// The content of a `scores` entry.
pub(super) struct ScoresInput<'a> {
    pub(super) panel: &'a PanelId,
    pub(super) juror: &'a str,
    pub(super) category: &'a CategoryId,
    pub(super) criterion: Option<&'a str>,
    pub(super) values: &'a [(EntryId, String)],
}

/// Admits a juror's scores: either all of them or none.
pub(super) fn admit(tally: &Tally, input: &ScoresInput<'_>) -> Result<ScoreList, Refusal> {
    let (number, panel) = find_panel(tally, input.panel)?;
    check_juror(panel, input.juror)?;
    let category = tally
        .roster
        .category_number(input.category.as_str())
        .ok_or_else(|| Refusal::UnknownCategory(input.category.to_string()))?;
    let criterion = criterion(panel, input.criterion)?;
    let mut recusal = RecusalKey { panel: number, category, juror: input.juror.to_owned(), entry: 0 };
    let mut scores = Vec::with_capacity(input.values.len());
    for (id, text) in input.values {
        let entry =
            tally.roster.entry_number(id.as_str()).ok_or_else(|| Refusal::UnknownEntry(id.to_string()))?;
        if tally.roster.entry(entry).category != category {
            return Err(Refusal::WrongCategory { category: input.category.to_string(), entry: id.clone() });
        }
        recusal.entry = entry;
        if tally.recusals.has(&recusal) {
            return Err(Refusal::ScoreOfRecused { juror: input.juror.to_owned(), entry: id.clone() });
        }
        let score = check(panel, text).map_err(|why| Refusal::InvalidScore { entry: id.clone(), why })?;
        scores.push((entry, score));
    }
    if panel.kind == PanelKind::Rank {
        check_ranks(&scores, input.values)?;
    }
    let key = ListKey { panel: number, category, juror: recusal.juror, criterion };
    Ok(ScoreList { key, scores })
}

/// Finds a panel by its id. Returns its position in the rules, and the panel.
pub(super) fn find_panel<'t>(tally: &'t Tally, id: &PanelId) -> Result<(usize, &'t Panel), Refusal> {
    let panels = tally.header.as_ref().map_or(&[][..], |header| &header.rules.panels);
    let panel = panels.iter().enumerate().find(|(_, panel)| panel.id == *id);
    panel.ok_or_else(|| Refusal::UnknownPanel(id.clone()))
}

/// Checks whether a juror of this name can judge for a panel.
///
/// Where the rules name the panel's jurors, the name must be one of them. Names are compared byte
/// by byte.
pub(super) fn check_juror(panel: &Panel, name: &str) -> Result<(), Refusal> {
    if name.trim().is_empty() {
        return Err(Refusal::NoJuror);
    }
    match panel.jurors.is_empty() || panel.jurors.iter().any(|juror| juror == name) {
        true => Ok(()),
        false => Err(Refusal::UnknownJuror { panel: panel.id.clone(), juror: name.to_owned() }),
    }
}

fn criterion(panel: &Panel, input: Option<&str>) -> Result<usize, Refusal> {
    let wrong = |why| Refusal::WrongCriterion { criterion: input.map(str::to_owned), why };
    match input {
        None if panel.criteria.is_empty() => Ok(0),
        None => Err(wrong("the panel scores by criteria")),
        Some(_) if panel.criteria.is_empty() => Err(wrong("the panel has no criteria")),
        Some(input) => panel
            .criteria
            .iter()
            .position(|(name, _)| name == input)
            .ok_or_else(|| wrong("the panel has no such criterion")),
    }
}

fn check(panel: &Panel, text: &str) -> Result<Score, String> {
    let score = Decimal::read_canonical(text).ok_or("it is not a decimal of at most four places")?;
    panel.check_score(score).map_err(|error| error.to_string())?;
    Ok(score.ten_thousandths())
}

/// Refuses a rank that is given to two entries.
fn check_ranks(scores: &[(EntryNumber, Score)], values: &[(EntryId, String)]) -> Result<(), Refusal> {
    let mut ranks = BTreeSet::new();
    match scores.iter().zip(values).find(|((_, rank), _)| !ranks.insert(*rank)) {
        None => Ok(()),
        Some((_, (entry, rank))) => {
            Err(Refusal::InvalidScore { entry: entry.clone(), why: format!("rank {rank} is given twice") })
        }
    }
}
