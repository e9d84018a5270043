//! The entries of a file, before they are put into a draft.

use acclaim_contest::{Category, Entry};

use crate::commands::table_file::Mistake;

/// The entries of a file, with the notes and mistakes of its rows.
#[derive(Debug, Default)]
pub(super) struct Import {
    /// The categories that the file names, in the order of their first rows.
    pub(super) categories: Vec<Category>,
    pub(super) entries: Vec<EntryRow>,
    /// The names of the columns that voters will see.
    pub(super) seen: Vec<String>,
    /// The names of the columns that are not read.
    pub(super) left_out: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) mistakes: Vec<Mistake>,
}

/// An entry with the number of its row.
#[derive(Debug, Clone)]
pub(super) struct EntryRow {
    pub(super) number: u32,
    /// The entry. Its id comes from the id column, or is a placeholder until an id is made.
    pub(super) entry: Entry,
    pub(super) has_own_id: bool,
}
