//! Tests of the table reader with every format, and with hostile files.

#![expect(clippy::unwrap_used, reason = "test helpers may panic, as tests do")]

mod hostile;
mod text;
mod workbook;

use acclaim_tables::Table;

/// Reads rows with their numbers.
fn read(content: &[u8]) -> Vec<(u32, Vec<String>)> {
    let table = Table::read(content).unwrap();
    table.rows().map(|row| (row.number(), row.cells().map(str::to_owned).collect())).collect()
}

/// Returns the error message of a table that cannot be read.
fn refusal(content: &[u8]) -> String {
    Table::read(content).unwrap_err().to_string()
}
