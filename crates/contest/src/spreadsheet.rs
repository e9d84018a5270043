//! Reads tables from outside, and reverses the escapes in tables that this program wrote.

use acclaim_tables::{Table, TableError};

use crate::csv_cell::unescape_formulas;

/// Reads a table of any format.
///
/// The apostrophes with which [`crate::csv_cell`] escapes a cell are removed.
///
/// # Errors
/// [`TableError`] with the row or line of the mistake.
pub fn read(content: &[u8]) -> Result<Table, TableError> {
    Ok(Table::read(content)?.with_cells(unescape_formulas))
}
