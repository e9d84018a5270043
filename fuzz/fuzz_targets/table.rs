//! A file from a user, as text or workbook: a table within the bounds, or an error with a message.

#![no_main]

use acclaim_tables::{Header, MAX_CELLS, Table, decimal};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    let table = match Table::read(content) {
        Ok(table) => table,
        Err(error) => {
            let message = error.to_string();
            assert!(!error.problem.is_empty() && message.len() < 1 << 16);
            return;
        }
    };
    let mut cells = 0;
    let mut last = 0;
    for row in table.rows() {
        assert!(row.number() > last, "rows are in order");
        last = row.number();
        cells += row.len();
        assert!(row.cells().any(|cell| !cell.is_empty()), "blank rows are left out");
        for column in 0..row.len() {
            assert_eq!(row.cell(column), row.cell(column).trim());
            let _number_or_not = decimal(row, column, table.format());
        }
    }
    assert!(cells <= MAX_CELLS);
    if let Some(first) = table.row(0)
        && let Ok(header) = Header::read(first, table.format())
    {
        assert!(header.is_repeated_by(first));
        for row in table.rows() {
            let _mistakes = (
                header.find_unnamed_cell(row),
                header.find_split_text(row, |_| true),
                Header::total_label(row),
            );
        }
    }
});
