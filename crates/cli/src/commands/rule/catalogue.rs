//! The panels, categories and entries of a contest, which are found by the ids or titles that
//! people write in tables.

#![expect(clippy::indexing_slicing, reason = "reading a JSON value by a key that is not there gives null")]

use std::{cell::Cell, collections::HashMap};

use acclaim_contest::{Category, ContestId, Entry, juror, rules::Panel};
use acclaim_tables::did_you_mean;
use anyhow::{Context as _, Result};

use crate::client::Client;

/// The largest number of names that are compared for a suggestion.
const MAX_COMPARED: usize = 2_000;
/// The largest number of mistakes that get a suggestion.
const MAX_SUGGESTIONS: usize = 100;

/// The panels, categories and entries of a contest.
pub(super) struct Contest {
    pub(super) panels: Vec<Panel>,
    pub(super) categories: Vec<Category>,
    pub(super) entries: Vec<Entry>,
}

/// Finds the categories and entries of a contest by their ids or titles.
pub(super) struct Catalogue<'a> {
    contest: &'a Contest,
    by_id: HashMap<&'a str, &'a Entry>,
    by_title: HashMap<String, Vec<&'a Entry>>,
    categories: HashMap<String, &'a Category>,
    /// The number of mistakes for which a suggestion was searched.
    suggestions: Cell<usize>,
}

impl Contest {
    /// Fetches a contest.
    pub(super) fn fetch(client: &Client, id: &ContestId) -> Result<Self> {
        let mut contest = client.contest(id)?;
        for entry in contest["entries"].as_array_mut().into_iter().flatten() {
            // This field of the answer is not part of the definition.
            entry.as_object_mut().and_then(|entry| entry.remove("withdrawn"));
        }
        let unreadable = || format!("cannot read the server's contest {id}");
        Ok(Self {
            panels: serde_json::from_value(contest["rules"]["panels"].take()).with_context(unreadable)?,
            categories: serde_json::from_value(contest["categories"].take()).with_context(unreadable)?,
            entries: serde_json::from_value(contest["entries"].take()).with_context(unreadable)?,
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
        // An id takes precedence over a title.
        let categories = titles.chain(ids).collect();
        Self { contest, by_id, by_title, categories, suggestions: Cell::new(0) }
    }

    /// Returns the category with this id or title.
    ///
    /// # Errors
    /// If there is no such category. The text suggests a similar name.
    pub(super) fn category(&self, name: &str) -> Result<&'a Category, String> {
        let known = self.categories.get(name).or_else(|| self.categories.get(&juror::normalize_name(name)));
        known.copied().ok_or_else(|| {
            let categories = self.contest.categories.iter().take(self.compared());
            let names = categories.flat_map(|category| [category.id.as_str(), &category.title]);
            format!("there is no category {name:?}{}", did_you_mean(name, names))
        })
    }

    /// Returns the number of names to compare for a suggestion. It is 0 after many mistakes,
    /// because a file can be wrong in every row.
    fn compared(&self) -> usize {
        self.suggestions.set(self.suggestions.get() + 1);
        if self.suggestions.get() <= MAX_SUGGESTIONS { MAX_COMPARED } else { 0 }
    }

    /// Returns the entry with this id or title. If several entries have the title, returns the one
    /// in `category`, if that is not empty.
    ///
    /// # Errors
    /// If there is no such entry, or if there are several. The text suggests a similar name, or
    /// lists the ids.
    pub(super) fn entry(&self, name: &str, category: &str) -> Result<&'a Entry, String> {
        if let Some(entry) = self.by_id.get(name) {
            return Ok(entry);
        }
        let matching = self.by_title.get(&juror::normalize_name(name)).map_or(&[][..], Vec::as_slice);
        let is_there = |entry: &&&Entry| category.is_empty() || entry.category.as_str() == category;
        let matching: Vec<&Entry> = matching.iter().filter(is_there).copied().collect();
        match matching[..] {
            [entry] => Ok(entry),
            [] => {
                let entries = self.contest.entries.iter().take(self.compared());
                let names = entries.flat_map(|entry| [entry.id.as_str(), entry.title.as_str()]);
                Err(format!("there is no entry {name:?}{}", did_you_mean(name, names)))
            }
            _ => {
                let ids: Vec<&str> = matching.iter().map(|entry| entry.id.as_str()).collect();
                Err(format!(
                    "{name:?} is the title of several entries: write the id, one of {}",
                    ids.join(", ")
                ))
            }
        }
    }
}
