//! Reads a table from a file of any supported format.

use crate::{
    delimited,
    table::{Table, TableError},
    workbook,
};

impl Table {
    /// Reads a table. The content shows whether it is a workbook or text.
    ///
    /// # Errors
    /// [`TableError`] with the row or line of the mistake.
    pub fn read(content: &[u8]) -> Result<Self, TableError> {
        if workbook::is_workbook(content) { workbook::read(content) } else { delimited::read(content) }
    }

    /// Whether the content is a workbook, not text.
    #[must_use]
    pub fn is_workbook(content: &[u8]) -> bool {
        workbook::is_workbook(content)
    }
}
