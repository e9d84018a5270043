//! What one part of a document may not say beside another. Not whether it is true, but that a report cannot be much longer than its document: what is named again and again (a
//! category in each of its tables, an entry in each of its ties) is short or is named once; and that nothing of it is left out.

use std::collections::HashSet;

use acclaim_contest::{CategoryId, EntryId};

use crate::document::{
    Document,
    category::{CategoryResult, Concern, Standing},
    correction::{CategoryCorrection, Correction},
    panel::PanelResult,
};

/// Most channels, and most panels: as many as a definition can have.
const MAX_LIST_LENGTH: usize = 100;

/// The longest title of a category, in characters: twice what a definition can have.
const MAX_TITLE_LENGTH: usize = 1_000;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {why}")]
pub struct Contradiction {
    /// Path of the key.
    at: String,
    /// What is wrong with it.
    why: String,
}

pub(crate) fn check(document: &Document) -> Result<(), Contradiction> {
    check_length("rules.channels", document.rules.channels.len())?;
    check_length("rules.panels", document.rules.panels.len())?;
    check_length("rules.limits", document.rules.limits.len())?;
    for (number, limit) in document.rules.limits.iter().enumerate() {
        let categories = limit.categories.iter().map(CategoryId::as_str);
        check_unique(&format!("rules.limits[{number}].categories"), categories)?;
    }
    check_unique("categories", document.categories.iter().map(|category| category.id.as_str()))?;
    let known: HashSet<&CategoryId> = document.categories.iter().map(|category| &category.id).collect();
    if let Some(number) = document.withdrawn.iter().position(|entry| !known.contains(&entry.category)) {
        return Err(contradiction(
            format!("withdrawn[{number}].category"),
            "there is no such category".to_owned(),
        ));
    }
    if let Some(correction) = &document.corrects {
        check_correction(correction, &known)?;
    }
    let mut categories = document.categories.iter().enumerate();
    categories.try_for_each(|(number, category)| check_category(&format!("categories[{number}]"), category))
}

fn check_correction(correction: &Correction, known: &HashSet<&CategoryId>) -> Result<(), Contradiction> {
    check_unique("corrects.categories", correction.categories.iter().map(|category| category.id.as_str()))?;
    for (number, category) in correction.categories.iter().enumerate() {
        let CategoryCorrection { id, champions, winners, standings, ranking } = category;
        let at = format!("corrects.categories[{number}]");
        if !known.contains(id) {
            return Err(contradiction(format!("{at}.id"), "there is no such category".to_owned()));
        }
        for (key, change) in [("champions", champions), ("winners", winners)] {
            let Some(change) = change else { continue };
            check_unique_entries(&format!("{at}.{key}.before"), change.before.iter().flatten())?;
            check_unique_entries(&format!("{at}.{key}.after"), change.after.iter().flatten())?;
        }
        check_unique_entries(&format!("{at}.standings"), standings.iter().map(|change| &change.entry))?;
        check_unique_entries(&format!("{at}.ranking"), ranking.iter().map(|change| &change.entry))?;
    }
    Ok(())
}

fn check_panel(at: &str, panel: &PanelResult) -> Result<(), Contradiction> {
    check_unique(&format!("{at}.missing"), panel.missing.iter().map(String::as_str))?;
    for (key, jurors) in [("incomplete", &panel.incomplete), ("recused", &panel.recused)] {
        check_unique(&format!("{at}.{key}"), jurors.iter().map(|one| one.juror.as_str()))?;
        for (number, one) in jurors.iter().enumerate() {
            check_unique_entries(&format!("{at}.{key}[{number}].entries"), one.entries.iter())?;
        }
    }
    Ok(())
}

fn check_category(at: &str, category: &CategoryResult) -> Result<(), Contradiction> {
    if category.title.chars().nth(MAX_TITLE_LENGTH).is_some() {
        return Err(contradiction(
            format!("{at}.title"),
            format!("longer than {MAX_TITLE_LENGTH} characters"),
        ));
    }
    check_length(&format!("{at}.panels"), category.panels.len())?;
    for (number, panel) in category.panels.iter().enumerate() {
        check_panel(&format!("{at}.panels[{number}]"), panel)?;
    }
    for (number, reason) in category.winners.undecided.iter().enumerate() {
        check_unique_entries(&format!("{at}.winners.undecided[{number}].entries"), reason.entries.iter())?;
    }
    check_length(&format!("{at}.counts.channels"), category.counts.channels.len())?;
    let other = |standing: &Standing| standing.channels.len() != category.counts.channels.len();
    if let Some(number) = category.standings.iter().position(other) {
        let why = "other channels than the category counts".to_owned();
        return Err(contradiction(format!("{at}.standings[{number}].channels"), why));
    }
    check_unique(&format!("{at}.standings"), category.standings.iter().map(|place| place.entry.as_str()))?;
    check_unique(
        &format!("{at}.without_rulings"),
        category.without_rulings.iter().map(|place| place.entry.as_str()),
    )?;
    check_unique_entries(
        &format!("{at}.winners.no_longer_eligible"),
        category.winners.no_longer_eligible.iter(),
    )?;
    // An entry is in one tie of the standings, in one of the winners, and so on.
    for concern in [Concern::Standings, Concern::Ranking, Concern::Champions, Concern::Winners] {
        let ties = category.ties.iter().filter(|tie| tie.concerns == concern);
        check_unique_entries(&format!("{at}.ties"), ties.clone().flat_map(|tie| &tie.entries))?;
        check_unique_entries(
            &format!("{at}.ties"),
            ties.flat_map(|tie| &tie.order).map(|ordered| &ordered.entry),
        )?;
    }
    Ok(())
}

fn check_length(at: &str, number: usize) -> Result<(), Contradiction> {
    if number > MAX_LIST_LENGTH {
        return Err(contradiction(
            at.to_owned(),
            format!("{number} of them: there are at most {MAX_LIST_LENGTH}"),
        ));
    }
    Ok(())
}

fn check_unique_entries<'a>(
    at: &str,
    entries: impl Iterator<Item = &'a EntryId>,
) -> Result<(), Contradiction> {
    check_unique(at, entries.map(EntryId::as_str))
}

fn check_unique<'a>(at: &str, mut ids: impl Iterator<Item = &'a str>) -> Result<(), Contradiction> {
    let mut known = HashSet::new();
    match ids.find(|id| !known.insert(*id)) {
        Some(id) => Err(contradiction(at.to_owned(), format!("`{id}` is there twice"))),
        None => Ok(()),
    }
}

fn contradiction(at: String, why: String) -> Contradiction {
    Contradiction { at, why }
}
