//! Entries as a file has them, before they are a draft's.

use acclaim_contest::{Category, Entry};

use crate::commands::table_file::Mistake;

/// Entries as a file has them.
#[derive(Debug, Default)]
pub(super) struct Import {
    /// Those that the file names, in the order in which they come.
    pub(super) categories: Vec<Category>,
    pub(super) entries: Vec<EntryRow>,
    /// What voters will see, by the names of columns.
    pub(super) seen: Vec<String>,
    /// The columns that are not read.
    pub(super) left_out: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) mistakes: Vec<Mistake>,
}

/// An entry with the row it stands in.
#[derive(Debug, Clone)]
pub(super) struct EntryRow {
    pub(super) number: u32,
    /// With the id of its column, or with one that is still to be made.
    pub(super) entry: Entry,
    pub(super) has_own_id: bool,
}
