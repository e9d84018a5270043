//! A table in memory: all cells in one text, so that each cell costs only four extra bytes.

use std::{borrow::Cow, fmt};

/// The maximum number of cells of a table. A larger table is refused.
pub const MAX_CELLS: usize = 4_000_000;
/// The maximum size of the text of all cells, in bytes.
pub const MAX_TEXT: usize = 64 << 20;
/// The maximum number of blank rows that are listed.
const MAX_BLANK_ROWS: usize = 100;

/// The bit of a cell's end that marks a cell that the sheet holds as a number.
const NUMBER: u32 = 1 << 31;
/// The bit of a cell's end that marks a cell that follows a delimiter and a space, without
/// quotation marks.
const SPACED: u32 = 1 << 30;
const END: u32 = SPACED - 1;

/// The format that a table was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// Text with this character between cells. `None` if each line is one cell.
    Text(Option<char>),
    /// A workbook. Its numbers and dates are not text.
    Workbook,
}

/// A table: rows of cells without outer white space.
///
/// Blank rows are left out. The other rows keep their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    format: TableFormat,
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
    /// The index of the cell after the last one.
    end: usize,
}

/// Why a table cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableError {
    /// The row with the mistake, as a spreadsheet numbers it, if there is one.
    pub row: Option<u32>,
    /// The line of the file with the mistake, from 1, if there is one.
    pub line: Option<u32>,
    /// The problem, and how to correct it.
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
    /// Returns the table with each cell's text replaced by the result of `read`.
    ///
    /// The results must not be longer than the cells. A table without an apostrophe is returned
    /// unchanged, because `read` only removes apostrophes.
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

    /// The format that the table was read from.
    #[must_use]
    pub fn format(&self) -> TableFormat {
        self.format
    }

    /// The rows that are not blank, in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.rows.len()).filter_map(|index| self.row(index))
    }

    /// Returns the row with this index, counted without blank rows.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<Row<'_>> {
        let start = *self.rows.get(index)?;
        let end = self.rows.get(index + 1).map_or(self.ends.len(), |next| next.first as usize);
        Some(Row { table: self, start, end })
    }

    /// The numbers of the blank rows between other rows, at most the first hundred.
    #[must_use]
    pub fn blank_rows(&self) -> &[u32] {
        &self.blank_rows
    }

    fn end(&self, cell: usize) -> usize {
        self.ends.get(cell).map_or(0, |end| (end & END) as usize)
    }
}

impl<'t> Row<'t> {
    /// The number that a spreadsheet shows for the row, from 1.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.start.number
    }

    /// The line of the file in which the row begins, from 1. `None` in a workbook.
    #[must_use]
    pub fn line(&self) -> Option<u32> {
        self.start.line
    }

    /// The number of cells of the row.
    #[must_use]
    pub fn len(&self) -> usize {
        self.end.saturating_sub(self.start.first as usize)
    }

    /// Whether the row has no cells.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the cell in a column. It is empty after the last column.
    #[must_use]
    pub fn cell(&self, column: usize) -> &'t str {
        let Some(index) = self.index(column) else { return "" };
        let from = index.checked_sub(1).map_or(0, |before| self.table.end(before));
        self.table.text.get(from..self.table.end(index)).unwrap_or_default()
    }

    /// All cells of the row.
    pub fn cells(&self) -> impl Iterator<Item = &'t str> + use<'t> {
        let row = *self;
        (0..row.len()).map(move |column| row.cell(column))
    }

    /// Whether the sheet holds the cell as a number, which cannot be read in two ways.
    #[must_use]
    pub fn is_number(&self, column: usize) -> bool {
        self.has(column, NUMBER)
    }

    /// Whether the cell follows a delimiter and a space, without quotation marks.
    ///
    /// The text after a comma in a sentence looks like this.
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

/// Builds a table cell by cell, within the limits.
pub(crate) struct Builder {
    table: Table,
    /// The blank rows since the last row that is not blank.
    blank: Vec<u32>,
    first: usize,
}

impl Builder {
    pub(crate) fn new(format: TableFormat) -> Self {
        let table =
            Table { format, text: String::new(), ends: Vec::new(), rows: Vec::new(), blank_rows: Vec::new() };
        Self { table, blank: Vec::new(), first: 0 }
    }

    /// Adds a cell to the current row.
    ///
    /// # Errors
    /// A message that the table has too many cells or too much text.
    pub(crate) fn cell(&mut self, text: &str, is_number: bool, is_spaced: bool) -> Result<(), String> {
        if self.table.ends.len() >= MAX_CELLS {
            return Err(format!("the table has more than {MAX_CELLS} cells; split it into several files"));
        }
        let text = text.trim();
        if self.table.text.len() + text.len() > MAX_TEXT {
            return Err(format!(
                "the table has more than {} MiB of text; split it into several files",
                MAX_TEXT >> 20
            ));
        }
        self.table.text.push_str(text);
        let end = u32::try_from(self.table.text.len()).unwrap_or(END);
        let bits = if is_number { NUMBER } else { 0 } | if is_spaced { SPACED } else { 0 };
        self.table.ends.push(end | bits);
        Ok(())
    }

    /// The number of cells of the current row.
    pub(crate) fn columns(&self) -> usize {
        self.table.ends.len() - self.first
    }

    /// Ends the current row. A row without text is blank.
    pub(crate) fn end_row(&mut self, number: u32, line: Option<u32>) {
        let before = self.first.checked_sub(1).map_or(0, |last| self.table.end(last));
        if self.table.text.len() == before {
            self.table.ends.truncate(self.first);
            if !self.table.rows.is_empty() && self.blank.len() < MAX_BLANK_ROWS {
                self.blank.push(number);
            }
            return;
        }
        let remaining = MAX_BLANK_ROWS - self.table.blank_rows.len();
        self.table.blank_rows.extend(self.blank.drain(..).take(remaining));
        let first = u32::try_from(self.first).unwrap_or(u32::MAX);
        self.table.rows.push(RowStart { number, line, first });
        self.first = self.table.ends.len();
    }

    pub(crate) fn finish(self) -> Table {
        self.table
    }
}
