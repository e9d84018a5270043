//! A table in memory: its cells one after another in one text, so that a cell takes four bytes beside its own.

use std::{borrow::Cow, fmt};

/// The most cells of a table. More are refused.
pub const MAX_CELLS: usize = 4_000_000;
/// The most bytes of text in a table's cells.
pub const MAX_TEXT: usize = 64 << 20;
/// Blank rows that are listed.
const MAX_BLANK_ROWS: usize = 100;

/// The bit of a cell's end that says that the sheet holds it as a number.
const NUMBER: u32 = 1 << 31;
/// The bit of a cell's end that says that it follows a delimiter and a space, without quotation marks.
const SPACED: u32 = 1 << 30;
const END: u32 = SPACED - 1;

/// What a table was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// Text with this character between cells; `None` if each line is one cell.
    Text(Option<char>),
    /// A workbook, whose numbers and dates are no text.
    Workbook,
}

/// A table: rows of cells without outer white space. Blank rows are left out, and keep their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    form: TableFormat,
    text: String,
    ends: Vec<u32>,
    rows: Vec<RowStart>,
    blank_rows: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RowStart {
    number: u32,
    line: Option<u32>,
    first: u32,
}

/// One row of a table.
#[derive(Clone, Copy)]
pub struct Row<'t> {
    table: &'t Table,
    start: RowStart,
    /// Index of the cell behind the last one.
    end: usize,
}

/// Why a table cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableError {
    /// The row as a spreadsheet numbers it, if one is to blame.
    pub row: Option<u32>,
    /// The line of the file, from 1, if one is to blame.
    pub line: Option<u32>,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.row, self.line) {
            (Some(row), _) => write!(f, "row {row}: ")?,
            (None, Some(line)) => write!(f, "line {line}: ")?,
            (None, None) => {}
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for TableError {}

impl Table {
    /// The same table with each cell's text as `read` gives it, which must not be longer.
    #[must_use]
    pub fn with_cells(mut self, read: impl Fn(&str) -> Cow<'_, str>) -> Self {
        if !self.text.contains('\'') {
            return self;
        }
        let mut text = String::with_capacity(self.text.len());
        let mut from = 0;
        for end in &mut self.ends {
            let to = (*end & END) as usize;
            let cell = read(self.text.get(from..to).unwrap_or_default());
            text.push_str(cell.trim());
            *end = (*end & !END) | u32::try_from(text.len()).unwrap_or(END);
            from = to;
        }
        self.text = text;
        self
    }

    /// What it was read from.
    #[must_use]
    pub fn format(&self) -> TableFormat {
        self.form
    }

    /// The rows that are not blank, in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.rows.len()).filter_map(|index| self.row(index))
    }

    /// The row of this index among those that are not blank.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<Row<'_>> {
        let start = *self.rows.get(index)?;
        let end = self.rows.get(index + 1).map_or(self.ends.len(), |next| next.first as usize);
        Some(Row { table: self, start, end })
    }

    /// The numbers of blank rows between others, the first hundred.
    #[must_use]
    pub fn blank_rows(&self) -> &[u32] {
        &self.blank_rows
    }

    fn end(&self, cell: usize) -> usize {
        self.ends.get(cell).map_or(0, |end| (end & END) as usize)
    }
}

impl<'t> Row<'t> {
    /// The number that a spreadsheet shows beside it, from 1.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.start.number
    }

    /// The line of the file in which it begins, from 1. A workbook has none.
    #[must_use]
    pub fn line(&self) -> Option<u32> {
        self.start.line
    }

    /// How many cells it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.end.saturating_sub(self.start.first as usize)
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The cell in a column, empty beyond the last one.
    #[must_use]
    pub fn cell(&self, column: usize) -> &'t str {
        let Some(index) = self.index(column) else { return "" };
        let from = index.checked_sub(1).map_or(0, |before| self.table.end(before));
        self.table.text.get(from..self.table.end(index)).unwrap_or_default()
    }

    /// All cells.
    pub fn cells(&self) -> impl Iterator<Item = &'t str> + use<'t> {
        let row = *self;
        (0..row.len()).map(move |column| row.cell(column))
    }

    /// Whether the sheet holds the cell as a number, which cannot be read in two ways.
    #[must_use]
    pub fn is_number(&self, column: usize) -> bool {
        self.has(column, NUMBER)
    }

    /// Whether the cell stands behind a delimiter and a space, without quotation marks, as what follows a comma of a sentence does.
    #[must_use]
    pub fn is_spaced(&self, column: usize) -> bool {
        self.has(column, SPACED)
    }

    fn has(&self, column: usize, bit: u32) -> bool {
        self.index(column).and_then(|index| self.table.ends.get(index)).is_some_and(|end| end & bit != 0)
    }

    fn index(&self, column: usize) -> Option<usize> {
        (column < self.len()).then(|| self.start.first as usize + column)
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entry(&self.number()).entries(self.cells()).finish()
    }
}

/// Puts a table together cell by cell, within the bounds.
pub(crate) struct Builder {
    table: Table,
    /// Blank rows since the last row that is not.
    blank: Vec<u32>,
    first: usize,
}

impl Builder {
    pub(crate) fn new(form: TableFormat) -> Self {
        let table =
            Table { form, text: String::new(), ends: Vec::new(), rows: Vec::new(), blank_rows: Vec::new() };
        Self { table, blank: Vec::new(), first: 0 }
    }

    /// Adds a cell to the row that is under way.
    ///
    /// # Errors
    /// What bound is passed.
    pub(crate) fn cell(&mut self, text: &str, is_number: bool, is_spaced: bool) -> Result<(), String> {
        if self.table.ends.len() >= MAX_CELLS {
            return Err(format!("the table has more than {MAX_CELLS} cells; split it into several files"));
        }
        let text = text.trim();
        if self.table.text.len() + text.len() > MAX_TEXT {
            return Err(format!("the table has more than {} MiB of text", MAX_TEXT >> 20));
        }
        self.table.text.push_str(text);
        let end = u32::try_from(self.table.text.len()).unwrap_or(END);
        let bits = if is_number { NUMBER } else { 0 } | if is_spaced { SPACED } else { 0 };
        self.table.ends.push(end | bits);
        Ok(())
    }

    /// How many cells the row that is under way has.
    pub(crate) fn columns(&self) -> usize {
        self.table.ends.len() - self.first
    }

    /// Ends the row that is under way. One without text is blank.
    pub(crate) fn end_row(&mut self, number: u32, line: Option<u32>) {
        let before = self.first.checked_sub(1).map_or(0, |last| self.table.end(last));
        if self.table.text.len() == before {
            self.table.ends.truncate(self.first);
            if !self.table.rows.is_empty() && self.blank.len() < MAX_BLANK_ROWS {
                self.blank.push(number);
            }
            return;
        }
        let room = MAX_BLANK_ROWS - self.table.blank_rows.len();
        self.table.blank_rows.extend(self.blank.drain(..).take(room));
        let first = u32::try_from(self.first).unwrap_or(u32::MAX);
        self.table.rows.push(RowStart { number, line, first });
        self.first = self.table.ends.len();
    }

    pub(crate) fn finish(self) -> Table {
        self.table
    }
}
