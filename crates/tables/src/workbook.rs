//! Reads workbooks (`.xlsx` and `.ods`) with calamine.
//!
//! `parts.rs` checks a file before calamine reads it. calamine trusts the sizes that a file claims,
//! which can take unbounded memory. It also waits forever for the end of a table that never ends.

mod cell_text;
mod parts;

use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

use acclaim_text::shortened;
use calamine::{Data, Ods, Reader as _, Sheet, SheetType, SheetVisible, Xlsx};

use self::{
    cell_text::{NumberFormat, cell_text},
    parts::{Kind, MAX_CELLS, SAVE_ADVICE},
};
use crate::table::{Builder, Table, TableError, TableFormat};

/// The first bytes of old workbooks and of workbooks with a password.
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
const ZIP: &[u8] = b"PK\x03\x04";

/// The cells of one sheet in order: row, column, text, and whether the text is a number.
type Cells = Vec<(u32, u32, String, bool)>;

/// Whether the content is a workbook, by its first bytes.
pub(crate) fn is_workbook(content: &[u8]) -> bool {
    content.starts_with(ZIP) || content.starts_with(COMPOUND)
}

/// Reads the only sheet that has content.
pub(crate) fn read(content: &[u8]) -> Result<Table, TableError> {
    if content.starts_with(COMPOUND) {
        return Err(unreadable(format!(
            "the file is an old workbook (.xls), or one with a password; {SAVE_ADVICE}"
        )));
    }
    let (kind, checked) = parts::unpack(content).map_err(unreadable)?;
    // No checked workbook is known to make calamine panic. An unknown panic must not end the
    // program.
    let sheets = catch_unwind(AssertUnwindSafe(|| match kind {
        Kind::Xlsx => xlsx(checked),
        Kind::Ods => ods(checked),
    }));
    let damaged = || unreadable(format!("the workbook is damaged; open it in its program and {SAVE_ADVICE}"));
    let sheets = sheets.map_err(|_panic| damaged())??;
    let mut filled =
        sheets.into_iter().filter(|(_, cells)| cells.iter().any(|(_, _, text, _)| !text.is_empty()));
    let Some((first, cells)) = filled.next() else { return Ok(Builder::new(TableFormat::Workbook).finish()) };
    let others: Vec<String> = filled.map(|(name, _)| format!("{name:?}")).collect();
    if !others.is_empty() {
        let problem = format!(
            "the workbook has several sheets with content: {first:?}, {}. Keep one, hide the others, or save the one you mean as \"CSV UTF-8\"",
            others.join(", ")
        );
        return Err(unreadable(problem));
    }
    table(cells)
}

fn unreadable(problem: String) -> TableError {
    TableError { row: None, line: None, problem }
}

fn library_error(error: impl std::fmt::Display) -> TableError {
    let error = error.to_string();
    let error = shortened(&error, 200);
    unreadable(format!("the workbook cannot be read ({error}); open it in its program and {SAVE_ADVICE}"))
}

fn is_visible(sheet: &Sheet) -> bool {
    sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible
}

fn xlsx(content: Vec<u8>) -> Result<Vec<(String, Cells)>, TableError> {
    let mut workbook = Xlsx::new(Cursor::new(content)).map_err(library_error)?;
    let sheets: Vec<Sheet> =
        workbook.sheets_metadata().iter().filter(|sheet| is_visible(sheet)).cloned().collect();
    let mut totals = SheetTotals::default();
    let mut all = Vec::with_capacity(sheets.len());
    for sheet in sheets {
        let mut reader = workbook.worksheet_cells_reader(&sheet.name).map_err(library_error)?;
        let formats: Vec<NumberFormat> = reader.styles().iter().map(NumberFormat::of).collect();
        let mut cells = Cells::new();
        while let Some((cell, style)) = reader.next_cell_with_style_id().map_err(library_error)? {
            let (row, column) = cell.get_position();
            let format = formats.get(style).copied().unwrap_or_default();
            let value = Data::from(cell.get_value().clone());
            push(&mut cells, &mut totals, (row, column), &value, format)?;
        }
        all.push((sheet.name, cells));
    }
    Ok(all)
}

fn ods(content: Vec<u8>) -> Result<Vec<(String, Cells)>, TableError> {
    let mut workbook = Ods::new(Cursor::new(content)).map_err(library_error)?;
    let sheets: Vec<Sheet> =
        workbook.sheets_metadata().iter().filter(|sheet| is_visible(sheet)).cloned().collect();
    let mut totals = SheetTotals::default();
    let mut all = Vec::with_capacity(sheets.len());
    for sheet in sheets {
        let range = workbook.worksheet_range(&sheet.name).map_err(library_error)?;
        let (first_row, first_column) = range.start().unwrap_or_default();
        let mut cells = Cells::new();
        for (row, column, value) in range.used_cells() {
            let at =
                |first: u32, offset: usize| first.saturating_add(u32::try_from(offset).unwrap_or(u32::MAX));
            let position = (at(first_row, row), at(first_column, column));
            push(&mut cells, &mut totals, position, value, NumberFormat::default())?;
        }
        all.push((sheet.name, cells));
    }
    Ok(all)
}

/// The size of all sheets that have been read so far.
#[derive(Default)]
struct SheetTotals {
    cells: usize,
    text: usize,
}

fn push(
    cells: &mut Cells,
    totals: &mut SheetTotals,
    (row, column): (u32, u32),
    value: &Data,
    format: NumberFormat,
) -> Result<(), TableError> {
    let problem = |problem: String| TableError { row: Some(row.saturating_add(1)), line: None, problem };
    let text = match value {
        Data::Empty => return Ok(()),
        Data::Error(error) => {
            let column = column_letters(column);
            let message = format!(
                "the cell in column {column} holds an error ({error}); correct its formula, or type the value"
            );
            return Err(problem(message));
        }
        value => cell_text(value, format),
    };
    totals.cells += 1;
    totals.text += text.len();
    if totals.cells > MAX_CELLS {
        return Err(problem(format!(
            "the workbook has more than {MAX_CELLS} cells; split it into several files"
        )));
    }
    if totals.text > crate::table::MAX_TEXT {
        let max = crate::table::MAX_TEXT >> 20;
        return Err(problem(format!(
            "the workbook has more than {max} MiB of text; split it into several files"
        )));
    }
    let is_number = matches!(value, Data::Int(_) | Data::Float(_)) && format == NumberFormat::General;
    cells.push((row, column, text, is_number));
    Ok(())
}

/// Builds the table of one sheet's cells.
fn table(mut cells: Cells) -> Result<Table, TableError> {
    // A file can hold its cells in any order, and the same cell twice.
    cells.sort_by_key(|(row, column, ..)| (*row, *column));
    cells.dedup_by_key(|(row, column, ..)| (*row, *column));
    let mut builder = Builder::new(TableFormat::Workbook);
    let mut rows = cells.chunk_by(|one, other| one.0 == other.0).peekable();
    while let Some(row_cells) = rows.next() {
        let row = row_cells.first().map_or(0, |(row, ..)| *row);
        for (_, column, text, is_number) in row_cells {
            let add_cell = |builder: &mut Builder, text: &str, is_number| {
                builder.cell(text, is_number, false).map_err(|problem| TableError {
                    row: Some(row.saturating_add(1)),
                    line: None,
                    problem,
                })
            };
            while builder.columns() < *column as usize {
                add_cell(&mut builder, "", false)?;
            }
            add_cell(&mut builder, text, *is_number)?;
        }
        builder.end_row(row.saturating_add(1), None);
        let next = rows.peek().and_then(|next| next.first()).map_or(row, |(next, ..)| *next);
        // A sheet can have a million blank rows between two other rows. Only as many are added as
        // are listed.
        for blank in (row + 1..next).take(100) {
            builder.end_row(blank.saturating_add(1), None);
        }
    }
    Ok(builder.finish())
}

/// Returns a column's name as a spreadsheet shows it: A, B, ... Z, AA.
fn column_letters(column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = column.saturating_add(1);
    while rest > 0 {
        let letter = u8::try_from((rest - 1) % 26).unwrap_or(0);
        letters.push(char::from(b'A' + letter));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::column_letters;

    #[test]
    fn names_columns_like_a_spreadsheet() {
        assert_eq!([0, 25, 26, 701, 702].map(column_letters), ["A", "Z", "AA", "ZZ", "AAA"]);
    }
}
