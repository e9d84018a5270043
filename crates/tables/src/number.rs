//! Decimal numbers as spreadsheets of all countries write them.

use crate::table::{Row, TableFormat};

/// A cell that is no number, or can be read as two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidNumber {
    /// `1.000`: one, or a thousand.
    Ambiguous,
}

/// A cell's number with a decimal point. Where commas stand between cells a point is a point. Elsewhere a comma may be one, and three places may be thousands.
///
/// What is no number at all is returned as it is: its reader says what was expected.
///
/// # Errors
/// [`InvalidNumber`]
pub fn decimal(row: Row<'_>, column: usize, form: TableFormat) -> Result<String, InvalidNumber> {
    let cell = row.cell(column);
    // The minus of typography, which some programs write.
    let text = cell.strip_prefix('\u{2212}').map_or_else(|| cell.to_owned(), |rest| format!("-{rest}"));
    if form == TableFormat::Text(Some(',')) || row.is_number(column) {
        return Ok(text);
    }
    match text.split_once([',', '.']) {
        Some((_, places)) if places.len() == 3 => Err(InvalidNumber::Ambiguous),
        _ => Ok(text.replacen(',', ".", 1)),
    }
}
