//! Reads a table, whatever file it is.

use crate::{
    delimited,
    table::{Table, TableError},
    workbook,
};

impl Table {
    /// Reads a table, whatever it is: the content tells.
    ///
    /// # Errors
    /// [`TableError`] with the row or line that is to blame.
    pub fn read(content: &[u8]) -> Result<Self, TableError> {
        if workbook::is_workbook(content) { workbook::read(content) } else { delimited::read(content) }
    }

    /// Whether the content is a workbook and not text.
    #[must_use]
    pub fn is_workbook(content: &[u8]) -> bool {
        workbook::is_workbook(content)
    }
}
