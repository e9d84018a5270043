//! Checks the selections of a ballot against the contest's categories and entries.
//!
//! The check runs before a ballot joins the log.

use std::collections::{HashMap, HashSet};

use acclaim_text::first_chars;
use serde::{Deserialize, Serialize};

use crate::{
    entry::{Category, Entry},
    id::{CategoryId, EntryId},
    rules::Rules,
};

/// The maximum size of the selections of a ballot in its log entry, in bytes.
///
/// A log entry has at most 65,535 bytes. The rest is for the ballot's other keys.
pub const MAX_SELECTIONS_LENGTH: usize = 65_000;

/// The maximum number of characters of an unknown id that an error quotes.
const MAX_QUOTED: usize = 80;

/// The size of one selection in a log entry, `["c01","p0001"],`, in bytes.
///
/// `category` and `entry` are the lengths of the ids in bytes.
#[must_use]
pub fn selection_length(category: usize, entry: usize) -> usize {
    category + entry + br#"["",""],"#.len()
}

/// A contest's categories and entries, indexed for checking ballots.
#[derive(Debug, Clone)]
pub struct BallotValidator {
    /// Each category with the minimum and maximum votes of a ballot in it.
    categories: HashMap<CategoryId, [usize; 2]>,
    entries: HashMap<EntryId, EntryStatus>,
    votes_in_all: Option<usize>,
    limits: Vec<CategoryLimit>,
}

/// A limit: a ballot votes in at most `most` of these categories.
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

/// The mistake in a ballot's selections: the selection, and the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", self.describe())]
pub struct SelectionError {
    /// The category of the wrong selections. Absent if the mistake is in the whole ballot. May be
    /// shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The entry of the wrong selection. Absent if the mistake is in a category or in the whole
    /// ballot. May be shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// The reason.
    pub reason: SelectionReason,
}

/// Why selections are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum SelectionReason {
    /// The ballot has no selection.
    #[error("a ballot has at least one selection")]
    Empty,
    /// The contest has no such category.
    #[error("there is no such category")]
    UnknownCategory,
    /// The contest has no such entry.
    #[error("there is no such entry")]
    UnknownEntry,
    /// The entry is in another category.
    #[error("the entry is in another category")]
    EntryOfAnotherCategory,
    /// The entry has been withdrawn.
    #[error("the entry has been withdrawn")]
    Withdrawn,
    /// The same selection occurs twice.
    #[error("the same selection is there more than once")]
    Repeated,
    /// A category has fewer selections than a ballot that votes in it needs.
    #[error("too few selections in the category")]
    TooFewInCategory,
    /// A category has more selections than a ballot may have in it.
    #[error("too many selections in the category")]
    TooManyInCategory,
    /// The ballot has more selections than a voter has votes.
    #[error("more selections than a voter has votes")]
    TooManyInAll,
    /// The ballot votes in more categories than a limit over several categories allows.
    #[error("more categories than a limit of the contest allows")]
    TooManyCategories,
    /// The ballot has more selections than fit in a log entry.
    #[error("more selections than fit in one ballot")]
    TooLong,
}

impl SelectionReason {
    fn for_ballot(self) -> SelectionError {
        SelectionError { category: None, entry: None, reason: self }
    }

    fn for_category(self, category: &str) -> SelectionError {
        SelectionError { category: Some(shorten_id(category)), entry: None, reason: self }
    }

    fn for_selection(self, category: &str, entry: &str) -> SelectionError {
        SelectionError { category: Some(shorten_id(category)), entry: Some(shorten_id(entry)), reason: self }
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
    /// Checks selections that are in byte order. The error names the first category beyond the
    /// limit.
    fn check(&self, selections: &[(&str, &str)]) -> Result<(), SelectionError> {
        let categories = selections
            .chunk_by(|(category, _), (next, _)| category == next)
            .filter_map(|votes| votes.first().map(|(category, _)| *category));
        match categories.filter(|category| self.categories.contains(*category)).nth(self.most) {
            Some(beyond) => Err(SelectionReason::TooManyCategories.for_category(beyond)),
            None => Ok(()),
        }
    }
}

/// Shortens an id from a request for an error.
fn shorten_id(id: &str) -> String {
    first_chars(id, MAX_QUOTED).to_owned()
}

impl BallotValidator {
    /// Indexes a contest.
    ///
    /// `withdrawn` names the entries that have been withdrawn. Ids that the contest does not have
    /// are ignored.
    #[must_use]
    pub fn new(
        categories: &[Category],
        entries: &[Entry],
        rules: &Rules,
        withdrawn: &HashSet<EntryId>,
    ) -> Self {
        let status = |entry: &Entry| EntryStatus {
            category: entry.category.clone(),
            withdrawn: withdrawn.contains(&entry.id),
        };
        let size = |votes: u32| usize::try_from(votes).unwrap_or(usize::MAX);
        Self {
            categories: categories
                .iter()
                .map(|one| (one.id.clone(), rules.vote_bounds(one).map(size)))
                .collect(),
            entries: entries.iter().map(|entry| (entry.id.clone(), status(entry))).collect(),
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

    /// Sorts the selections (category, entry) of a ballot into byte order, as in the log, and
    /// checks them.
    ///
    /// A ballot may leave categories out. In each category in which it votes, it needs the number
    /// of selections that the rules require. Only an error allocates memory.
    ///
    /// # Errors
    /// [`SelectionError`] with the first mistake: of the ballot as a whole, then of each selection
    /// in order, then of each category, then of the size and the limits.
    pub fn check(&self, selections: &mut [(&str, &str)]) -> Result<(), SelectionError> {
        if selections.is_empty() {
            return Err(SelectionReason::Empty.for_ballot());
        }
        if self.votes_in_all.is_some_and(|most| selections.len() > most) {
            return Err(SelectionReason::TooManyInAll.for_ballot());
        }
        selections.sort_unstable();
        let mut previous = None;
        let mut length = 0;
        for &(category, entry) in &*selections {
            self.check_selection(category, entry)?;
            if previous.replace((category, entry)) == Some((category, entry)) {
                return Err(SelectionReason::Repeated.for_selection(category, entry));
            }
            length += selection_length(category.len(), entry.len());
        }
        for votes in selections.chunk_by(|(category, _), (next, _)| category == next) {
            let category = votes.first().map_or("", |(category, _)| category);
            let [least, most] = self.categories.get(category).copied().unwrap_or_default();
            if votes.len() < least {
                return Err(SelectionReason::TooFewInCategory.for_category(category));
            }
            if votes.len() > most {
                return Err(SelectionReason::TooManyInCategory.for_category(category));
            }
        }
        if length > MAX_SELECTIONS_LENGTH {
            return Err(SelectionReason::TooLong.for_ballot());
        }
        self.limits.iter().try_for_each(|limit| limit.check(selections))
    }

    fn check_selection(&self, category: &str, entry: &str) -> Result<(), SelectionError> {
        let reason = match self.entries.get(entry) {
            Some(status) if status.category.as_str() == category => {
                if !status.withdrawn {
                    return Ok(());
                }
                SelectionReason::Withdrawn
            }
            _ if !self.categories.contains_key(category) => SelectionReason::UnknownCategory,
            Some(_) => SelectionReason::EntryOfAnotherCategory,
            None => SelectionReason::UnknownEntry,
        };
        Err(reason.for_selection(category, entry))
    }
}
