//! What is checked of a ballot before it joins the log: its selections against the contest's categories and entries.

use std::collections::{HashMap, HashSet};

use acclaim_text::first_chars;
use serde::{Deserialize, Serialize};

use crate::{
    entry::{Category, Entry},
    id::{CategoryId, EntryId},
    rules::Rules,
};

/// The most bytes that the selections of a ballot take in its log entry; the rest of 65,535 is left to the ballot's other keys.
pub const MAX_SELECTIONS_LENGTH: usize = 65_000;

/// The most characters of an unknown id that an error repeats.
const MAX_QUOTED: usize = 80;

/// The bytes of one selection in a log entry: `["c01","p0001"],`.
#[must_use]
pub fn selection_length(category: usize, entry: usize) -> usize {
    category + entry + br#"["",""],"#.len()
}

/// A contest's categories and entries, indexed for checking ballots.
#[derive(Debug, Clone)]
pub struct BallotValidator {
    /// Each with the least and most votes of a ballot in it.
    categories: HashMap<CategoryId, [usize; 2]>,
    entries: HashMap<EntryId, EntryStatus>,
    votes_in_all: Option<usize>,
    limits: Vec<CategoryLimit>,
}

/// A ballot votes in at most this number of these categories.
#[derive(Debug, Clone)]
struct CategoryLimit {
    categories: HashSet<CategoryId>,
    most: usize,
}

#[derive(Debug, Clone)]
struct EntryStatus {
    category: CategoryId,
    withdrawn: bool,
}

/// What is wrong with a ballot's selections: which one, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", self.describe())]
pub struct SelectionError {
    /// The category of the selection or selections in question; absent when it is about the ballot as a whole. May be cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The entry of the selection in question; absent when it is about a category or the ballot as a whole. May be cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// What is wrong.
    pub reason: SelectionReason,
}

/// Why selections are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum SelectionReason {
    /// None at all.
    #[error("a ballot has at least one selection")]
    Empty,
    /// The contest has no such category.
    #[error("there is no such category")]
    UnknownCategory,
    /// The contest has no such entry.
    #[error("there is no such entry")]
    UnknownEntry,
    /// The entry stands in another category.
    #[error("the entry stands in another category")]
    EntryOfAnotherCategory,
    /// The entry no longer stands.
    #[error("the entry has been withdrawn")]
    Withdrawn,
    /// The same selection twice.
    #[error("the same selection is there more than once")]
    Repeated,
    /// Fewer selections in a category than a ballot that votes in it has.
    #[error("too few selections in the category")]
    TooFewInCategory,
    /// More selections in a category than a ballot may have.
    #[error("too many selections in the category")]
    TooManyInCategory,
    /// More selections than a voter has votes.
    #[error("more selections than a voter has votes")]
    TooManyInAll,
    /// More categories than a limit over several of them allows.
    #[error("more categories than the contest's limit over them allows")]
    TooManyCategories,
    /// More selections than fit an entry of the log.
    #[error("more selections than fit one ballot")]
    TooLong,
}

impl SelectionReason {
    fn of_ballot(self) -> SelectionError {
        SelectionError { category: None, entry: None, reason: self }
    }

    fn of_category(self, category: &str) -> SelectionError {
        SelectionError { category: Some(repeated(category)), entry: None, reason: self }
    }

    fn of(self, category: &str, entry: &str) -> SelectionError {
        SelectionError { category: Some(repeated(category)), entry: Some(repeated(entry)), reason: self }
    }
}

impl SelectionError {
    fn describe(&self) -> String {
        match (&self.category, &self.entry) {
            (Some(category), Some(entry)) => {
                format!("category {category:?}, entry {entry:?}: {}", self.reason)
            }
            (Some(category), None) => format!("category {category:?}: {}", self.reason),
            _ => self.reason.to_string(),
        }
    }
}

impl CategoryLimit {
    /// Checks selections in byte order; the error names the first category beyond the limit.
    fn check(&self, selections: &[(&str, &str)]) -> Result<(), SelectionError> {
        let categories = selections
            .chunk_by(|(category, _), (next, _)| category == next)
            .filter_map(|votes| votes.first().map(|(category, _)| *category));
        match categories.filter(|category| self.categories.contains(*category)).nth(self.most) {
            Some(beyond) => Err(SelectionReason::TooManyCategories.of_category(beyond)),
            None => Ok(()),
        }
    }
}

/// An id as a request has it, short enough to be repeated.
fn repeated(id: &str) -> String {
    first_chars(id, MAX_QUOTED).to_owned()
}

impl BallotValidator {
    /// Indexes a contest. `withdrawn` names the entries that no longer stand; those that the contest does not have are of no matter.
    #[must_use]
    pub fn new(
        categories: &[Category],
        entries: &[Entry],
        rules: &Rules,
        withdrawn: &HashSet<EntryId>,
    ) -> Self {
        let standing = |entry: &Entry| EntryStatus {
            category: entry.category.clone(),
            withdrawn: withdrawn.contains(&entry.id),
        };
        let size = |votes: u32| usize::try_from(votes).unwrap_or(usize::MAX);
        Self {
            categories: categories
                .iter()
                .map(|one| (one.id.clone(), rules.vote_bounds(one).map(size)))
                .collect(),
            entries: entries.iter().map(|entry| (entry.id.clone(), standing(entry))).collect(),
            votes_in_all: rules.ballot.votes_in_all.map(size),
            limits: rules
                .limits
                .iter()
                .map(|limit| CategoryLimit {
                    categories: limit.categories.iter().cloned().collect(),
                    most: size(limit.most),
                })
                .collect(),
        }
    }

    /// Sorts the selections (category, entry) of a ballot into byte order, as the log has them, and checks them. A ballot may leave
    /// categories out; in those it votes in, it has as many selections as the rules say. Nothing is allocated unless it is refused.
    ///
    /// # Errors
    /// The first thing that is wrong: of the ballot as a whole, then of each selection in order, then of each category.
    pub fn check(&self, selections: &mut [(&str, &str)]) -> Result<(), SelectionError> {
        if selections.is_empty() {
            return Err(SelectionReason::Empty.of_ballot());
        }
        if self.votes_in_all.is_some_and(|most| selections.len() > most) {
            return Err(SelectionReason::TooManyInAll.of_ballot());
        }
        selections.sort_unstable();
        let mut previous = None;
        let mut length = 0;
        for &(category, entry) in &*selections {
            self.check_selection(category, entry)?;
            if previous.replace((category, entry)) == Some((category, entry)) {
                return Err(SelectionReason::Repeated.of(category, entry));
            }
            length += selection_length(category.len(), entry.len());
        }
        for votes in selections.chunk_by(|(category, _), (next, _)| category == next) {
            let category = votes.first().map_or("", |(category, _)| category);
            let [least, most] = self.categories.get(category).copied().unwrap_or_default();
            if votes.len() < least {
                return Err(SelectionReason::TooFewInCategory.of_category(category));
            }
            if votes.len() > most {
                return Err(SelectionReason::TooManyInCategory.of_category(category));
            }
        }
        if length > MAX_SELECTIONS_LENGTH {
            return Err(SelectionReason::TooLong.of_ballot());
        }
        self.limits.iter().try_for_each(|limit| limit.check(selections))
    }

    fn check_selection(&self, category: &str, entry: &str) -> Result<(), SelectionError> {
        let reason = match self.entries.get(entry) {
            Some(standing) if standing.category.as_str() == category => {
                if !standing.withdrawn {
                    return Ok(());
                }
                SelectionReason::Withdrawn
            }
            _ if !self.categories.contains_key(category) => SelectionReason::UnknownCategory,
            Some(_) => SelectionReason::EntryOfAnotherCategory,
            None => SelectionReason::UnknownEntry,
        };
        Err(reason.of(category, entry))
    }
}
