//! Checks that the parts of a document agree with each other.
//!
//! These checks do not ask whether the result is correct. They make sure that a report is not much
//! longer than its document, and that it omits no part of it. A report repeats some names: a
//! category in each of its tables, an entry in each of its ties. Such a name is therefore short, or
//! appears once.

use std::collections::HashSet;

use acclaim_contest::{CategoryId, EntryId};

use crate::document::{
    Document,
    category::{CategoryResult, Concern, Standing},
    correction::{CategoryCorrection, Correction},
    panel::PanelResult,
};

/// The most channels, and the most panels. A definition has the same limit.
const MAX_LIST_LENGTH: usize = 100;

/// The longest title of a category, in characters: twice the limit of a definition.
const MAX_TITLE_LENGTH: usize = 1_000;

/// A contradiction between two parts of a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {why}")]
pub struct Contradiction {
    /// The path of the key.
    at: String,
    /// The problem at this place.
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
    let category_ids: HashSet<&CategoryId> =
        document.categories.iter().map(|category| &category.id).collect();
    if let Some(number) = document.withdrawn.iter().position(|entry| !category_ids.contains(&entry.category))
    {
        return Err(contradiction(
            format!("withdrawn[{number}].category"),
            "the document has no category with this id".to_owned(),
        ));
    }
    if let Some(correction) = &document.corrects {
        check_correction(correction, &category_ids)?;
    }
    let mut categories = document.categories.iter().enumerate();
    categories.try_for_each(|(number, category)| check_category(&format!("categories[{number}]"), category))
}

fn check_correction(
    correction: &Correction,
    category_ids: &HashSet<&CategoryId>,
) -> Result<(), Contradiction> {
    check_unique("corrects.categories", correction.categories.iter().map(|category| category.id.as_str()))?;
    for (number, category) in correction.categories.iter().enumerate() {
        let CategoryCorrection { id, champions, winners, standings, ranking } = category;
        let at = format!("corrects.categories[{number}]");
        if !category_ids.contains(id) {
            return Err(contradiction(
                format!("{at}.id"),
                "the document has no category with this id".to_owned(),
            ));
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
        let why = "the channels differ from those of the category's counts".to_owned();
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
    // An entry is in at most one tie of each kind.
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
            format!("{number} items, and at most {MAX_LIST_LENGTH} are allowed"),
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
        Some(id) => Err(contradiction(at.to_owned(), format!("`{id}` appears twice"))),
        None => Ok(()),
    }
}

fn contradiction(at: String, why: String) -> Contradiction {
    Contradiction { at, why }
}
