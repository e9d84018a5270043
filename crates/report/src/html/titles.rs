//! Titles of the entries of a category.

use std::collections::HashMap;

use acclaim_contest::EntryId;
use maud::{Markup, html};

use super::words::{isolate_text, join_list, name};
use crate::document::{WithdrawnEntry, category::CategoryResult};

/// The titles of a category's entries, by entry id.
pub(super) struct Titles<'a>(HashMap<&'a str, &'a str>);

impl<'a> Titles<'a> {
    pub(super) fn new(category: &'a CategoryResult, withdrawn: &[&'a WithdrawnEntry]) -> Self {
        let standings = category.standings.iter().map(|entry| (entry.entry.as_str(), entry.title.as_str()));
        let withdrawn = withdrawn.iter().map(|entry| (entry.entry.as_str(), entry.title.as_str()));
        Self(standings.chain(withdrawn).collect())
    }

    /// Returns the entry's title, or its id if the category does not list the entry.
    pub(super) fn of(&self, entry: &EntryId) -> Markup {
        match self.0.get(entry.as_str()) {
            Some(title) => isolate_text(title),
            None => html! { code { (entry) } },
        }
    }

    /// Returns a list of entries, each title cut off if it is very long.
    ///
    /// The same entries can be in several lists, so a long title would make the page long.
    pub(super) fn listed(&self, entries: &[EntryId]) -> Markup {
        let short = |entry: &EntryId| match self.0.get(entry.as_str()) {
            Some(title) => name(title),
            None => html! { code { (entry) } },
        };
        join_list(&entries.iter().map(short).collect::<Vec<_>>())
    }
}
