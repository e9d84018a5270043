//! Jurors' scores as logged: the newest list of each juror, category and criterion.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use acclaim_contest::rules::{Panel, PanelKind};
use acclaim_contest::{CategoryId, EntryId, PanelId};

use crate::recusals::RecusalKey;
use crate::refusal::Refusal;
use crate::roster::{CategoryNumber, EntryNumber};
use crate::tally::Tally;

/// A score in ten-thousandths: the log's decimals have at most four places.
pub(crate) type Score = i64;
/// One of a score in [`Score`].
pub(crate) const ONE: Score = 10_000;

/// Most points that a juror gives to an entry, and the last rank.
const MOST_POINTS: Score = 1_000_000 * ONE;

/// Whose scores, and for what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ListKey {
    /// Position of the panel in the rules.
    pub(crate) panel: usize,
    pub(crate) category: CategoryNumber,
    pub(crate) juror: String,
    /// Position of the criterion in the panel's; 0 if it has none.
    pub(crate) criterion: usize,
}

/// An admitted list.
#[derive(Debug, Clone)]
pub(crate) struct ScoreList {
    key: ListKey,
    scores: Vec<(EntryNumber, Score)>,
}

/// See the [module](self).
#[derive(Debug, Clone, Default)]
pub(crate) struct Scores {
    lists: BTreeMap<ListKey, Vec<(EntryNumber, Score)>>,
}

/// One juror's lists in a category, by criterion.
pub(crate) type JurorLists<'a> = Vec<(usize, &'a [(EntryNumber, Score)])>;

impl Scores {
    /// Puts a list in the place of an earlier one. An empty list takes the earlier one back.
    pub(crate) fn put(&mut self, ScoreList { key, scores }: ScoreList) {
        if scores.is_empty() {
            self.lists.remove(&key);
        } else {
            self.lists.insert(key, scores);
        }
    }

    /// Drops a juror's scores for an entry.
    pub(crate) fn drop_entry(&mut self, recusal: &RecusalKey) {
        let RecusalKey { panel, category, juror, entry } = recusal;
        let key = |criterion| ListKey { panel: *panel, category: *category, juror: juror.clone(), criterion };
        let mut emptied = Vec::new();
        for (key, scores) in self.lists.range_mut(key(0)..=key(usize::MAX)) {
            scores.retain(|(scored, _)| scored != entry);
            if scores.is_empty() {
                emptied.push(key.clone());
            }
        }
        emptied.iter().for_each(|key| drop(self.lists.remove(key)));
    }

    /// The lists of each juror of a panel who has scored in a category.
    pub(crate) fn by_juror(&self, panel: usize, category: CategoryNumber) -> BTreeMap<&str, JurorLists<'_>> {
        let first = |category| ListKey { panel, category, juror: String::new(), criterion: 0 };
        let mut by_juror: BTreeMap<&str, JurorLists<'_>> = BTreeMap::new();
        for (key, scores) in self.lists.range(first(category)..first(category.saturating_add(1))) {
            by_juror.entry(&key.juror).or_default().push((key.criterion, scores.as_slice()));
        }
        by_juror
    }
}

/// What a `scores` entry says.
pub(crate) struct Given<'a> {
    pub(crate) panel: &'a PanelId,
    pub(crate) juror: &'a str,
    pub(crate) category: &'a CategoryId,
    pub(crate) criterion: Option<&'a str>,
    pub(crate) values: &'a [(EntryId, String)],
}

/// Admits a juror's scores: all of them, or none.
pub(crate) fn admit(tally: &Tally, given: &Given<'_>) -> Result<ScoreList, Refusal> {
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
pub(crate) fn find_panel<'t>(tally: &'t Tally, id: &PanelId) -> Result<(usize, &'t Panel), Refusal> {
    let panels = tally.header.as_ref().map_or(&[][..], |header| &header.rules.panels);
    let found = panels.iter().enumerate().find(|(_, panel)| panel.id == *id);
    found.ok_or_else(|| Refusal::UnknownPanel(id.clone()))
}

/// Whether somebody of this name can judge for a panel: one of its jurors, where the rules name them. Names are compared by their bytes.
pub(crate) fn check_juror(panel: &Panel, name: &str) -> Result<(), Refusal> {
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
    let score = ten_thousandths(text).ok_or("it is not a decimal of at most four places")?;
    let range: RangeInclusive<Score> = match (panel.kind, panel.scale) {
        (PanelKind::Score, Some([lowest, highest])) => lowest * ONE..=highest * ONE,
        (PanelKind::Rank, _) if score % ONE != 0 => return Err("a rank is a whole number".to_owned()),
        (PanelKind::Rank, _) => ONE..=MOST_POINTS,
        (PanelKind::Score | PanelKind::Points, _) => 0..=MOST_POINTS,
    };
    if range.contains(&score) {
        return Ok(score);
    }
    Err(format!("{text} is not from {} to {}", range.start() / ONE, range.end() / ONE))
}

/// No rank goes to two entries.
fn check_ranks(scores: &[(EntryNumber, Score)], values: &[(EntryId, String)]) -> Result<(), Refusal> {
    let mut ranks = std::collections::BTreeSet::new();
    match scores.iter().zip(values).find(|((_, rank), _)| !ranks.insert(*rank)) {
        None => Ok(()),
        Some((_, (entry, rank))) => {
            Err(Refusal::InvalidScore { entry: entry.clone(), why: format!("rank {rank} is given twice") })
        }
    }
}

/// A decimal of at most four places, times ten thousand.
fn ten_thousandths(text: &str) -> Option<Score> {
    if let Some(amount) = text.strip_prefix('-') {
        return Some(-ten_thousandths(amount).filter(|amount| *amount > 0)?);
    }
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    if !whole.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    if places.len() > 4 || !places.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: Score = format!("{places:0<4}").parse().ok()?;
    whole.parse::<Score>().ok()?.checked_mul(ONE)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        for (text, expected) in [
            ("0", Some(0)),
            ("8.5", Some(85_000)),
            ("0.0001", Some(1)),
            ("10.25", Some(102_500)),
            ("9999999999.9999", Some(99_999_999_999_999)),
            ("1.00001", None),
            ("1.-5", None),
            ("-2.5", Some(-25_000)),
            ("-0.0001", Some(-1)),
            ("-0", None),
            ("--1", None),
            ("+1", None),
            ("", None),
        ] {
            assert_eq!(ten_thousandths(text), expected, "{text}");
        }
    }
}
