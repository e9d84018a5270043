//! Reads decimal numbers in the notations of all countries.

use crate::table::{Row, TableFormat};

/// Why a cell has no single number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidNumber {
    /// `1.000` can be one or a thousand.
    Ambiguous,
}

/// Returns a cell's number with a decimal point.
///
/// A point is the decimal point in text with commas between cells, and in a cell that the sheet
/// holds as a number. Elsewhere a comma may be the decimal point, and a separator before three
/// digits may separate thousands.
///
/// A cell that is not a number is returned unchanged: the caller reports what it expected.
///
/// # Errors
/// [`InvalidNumber::Ambiguous`] if the cell can be read as two numbers.
pub fn decimal(row: Row<'_>, column: usize, format: TableFormat) -> Result<String, InvalidNumber> {
    let cell = row.cell(column);
    // Some programs write the typographic minus sign.
    let text = cell.strip_prefix('\u{2212}').map_or_else(|| cell.to_owned(), |rest| format!("-{rest}"));
    if format == TableFormat::Text(Some(',')) || row.is_number(column) {
        return Ok(text);
    }
    match text.split_once([',', '.']) {
        Some((_, places)) if places.len() == 3 => Err(InvalidNumber::Ambiguous),
        _ => Ok(text.replacen(',', ".", 1)),
    }
}
