//! Tables that people bring, with what was given out by this program read back as it was.

use acclaim_tables::{Table, TableError};

use crate::csv_cell::unescape_formulas;

/// Reads a table of any form. The apostrophes by which [`crate::csv_cell`] guards a cell are no part of its text.
///
/// # Errors
/// [`TableError`] with the row or line that is to blame.
pub fn read(content: &[u8]) -> Result<Table, TableError> {
    Ok(Table::read(content)?.with_cells(unescape_formulas))
}
