//! What a contest has, found by the words that people write in tables: ids or titles.

#![expect(clippy::indexing_slicing, reason = "reading a JSON value by a key that is not there gives null")]

use std::{cell::Cell, collections::HashMap};

use acclaim_contest::{Category, ContestId, Entry, juror, rules::Panel};
use acclaim_tables::did_you_mean;
use anyhow::{Context as _, Result};

use crate::client::Client;

/// The most entries among which one is looked for that was probably meant.
const MAX_COMPARED: usize = 2_000;
/// The most mistakes for which one is looked for.
const MAX_SUGGESTIONS: usize = 100;

/// Panels, categories and entries of a contest.
pub(super) struct Contest {
    pub(super) panels: Vec<Panel>,
    pub(super) categories: Vec<Category>,
    pub(super) entries: Vec<Entry>,
}

/// Finds categories and entries of a contest.
pub(super) struct Catalogue<'a> {
    contest: &'a Contest,
    by_id: HashMap<&'a str, &'a Entry>,
    by_title: HashMap<String, Vec<&'a Entry>>,
    categories: HashMap<String, &'a Category>,
    /// For how many mistakes a name has been looked for that was probably meant.
    suggestions: Cell<usize>,
}

impl Contest {
    /// Asks for a contest.
    pub(super) fn fetch(client: &Client, id: &ContestId) -> Result<Self> {
        let mut contest = client.contest(id)?;
        for entry in contest["entries"].as_array_mut().into_iter().flatten() {
            // What the server says beyond the definition.
            entry.as_object_mut().and_then(|entry| entry.remove("withdrawn"));
        }
        let named = || format!("the server's contest {id}");
        Ok(Self {
            panels: serde_json::from_value(contest["rules"]["panels"].take()).with_context(named)?,
            categories: serde_json::from_value(contest["categories"].take()).with_context(named)?,
            entries: serde_json::from_value(contest["entries"].take()).with_context(named)?,
        })
    }
}

impl<'a> Catalogue<'a> {
    pub(super) fn new(contest: &'a Contest) -> Self {
        let by_id = contest.entries.iter().map(|entry| (entry.id.as_str(), entry)).collect();
        let mut by_title: HashMap<String, Vec<&Entry>> = HashMap::new();
        for entry in &contest.entries {
            by_title.entry(juror::normalize_name(&entry.title)).or_default().push(entry);
        }
        let titles =
            contest.categories.iter().map(|category| (juror::normalize_name(&category.title), category));
        let ids = contest.categories.iter().map(|category| (category.id.to_string(), category));
        // An id goes before a title.
        let categories = titles.chain(ids).collect();
        Self { contest, by_id, by_title, categories, suggestions: Cell::new(0) }
    }

    /// The category of this id or title.
    ///
    /// # Errors
    /// That there is none, and which was probably meant.
    pub(super) fn category(&self, name: &str) -> Result<&'a Category, String> {
        let found = self.categories.get(name).or_else(|| self.categories.get(&juror::normalize_name(name)));
        found.copied().ok_or_else(|| {
            let categories = self.contest.categories.iter().take(self.compared());
            let names = categories.flat_map(|category| [category.id.as_str(), &category.title]);
            format!("there is no category {name:?}{}", did_you_mean(name, names))
        })
    }

    /// Among how many names the one is looked for that was probably meant: among none once many were, for a file can be wrong in every row.
    fn compared(&self) -> usize {
        self.suggestions.set(self.suggestions.get() + 1);
        if self.suggestions.get() <= MAX_SUGGESTIONS { MAX_COMPARED } else { 0 }
    }

    /// The entry of this id or title. Of several with one title the one in the category, if that is said.
    ///
    /// # Errors
    /// That there is none, or several, and which was probably meant.
    pub(super) fn entry(&self, name: &str, category: &str) -> Result<&'a Entry, String> {
        if let Some(entry) = self.by_id.get(name) {
            return Ok(entry);
        }
        let named = self.by_title.get(&juror::normalize_name(name)).map_or(&[][..], Vec::as_slice);
        let is_there = |entry: &&&Entry| category.is_empty() || entry.category.as_str() == category;
        let named: Vec<&Entry> = named.iter().filter(is_there).copied().collect();
        match named[..] {
            [entry] => Ok(entry),
            [] => {
                let entries = self.contest.entries.iter().take(self.compared());
                let names = entries.flat_map(|entry| [entry.id.as_str(), entry.title.as_str()]);
                Err(format!("there is no entry {name:?}{}", did_you_mean(name, names)))
            }
            _ => {
                let ids: Vec<&str> = named.iter().map(|entry| entry.id.as_str()).collect();
                Err(format!(
                    "{name:?} is the title of several entries: write the id, one of {}",
                    ids.join(", ")
                ))
            }
        }
    }
}
