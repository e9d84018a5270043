//! The header of a table: its column names, and mistakes of rows that need no cell values to
//! detect.

use std::collections::HashMap;

use acclaim_text::shortened;

use crate::{
    nearest::did_you_mean,
    table::{Row, TableFormat},
    total::is_total,
};

/// The maximum number of columns of a table with column names.
const MAX_COLUMNS: usize = 1_000;
/// The maximum number of column names that a message lists.
const MAX_LISTED: usize = 40;
/// The maximum number of characters of a cell that a message quotes.
const MAX_QUOTED: usize = 80;

/// The column names of a table. They are compared without case and without outer white space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    names: Vec<String>,
    columns: HashMap<String, usize>,
    is_comma: bool,
}

/// A mistake in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderMistake {
    /// The column's name as it stands in the file, shortened. Empty if the mistake is in the whole
    /// row.
    pub column: String,
    /// The problem, and how to correct it.
    pub problem: String,
}

/// Normalizes a column name for comparison.
fn normalize_name(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Whether two names mean the same column.
#[must_use]
pub fn is_same_name(one: &str, other: &str) -> bool {
    normalize_name(one) == normalize_name(other)
}

impl Header {
    /// Reads the column names from the first row of a table.
    ///
    /// # Errors
    /// [`HeaderMistake`]s for each column name that occurs twice, or one for too many columns.
    pub fn read(row: Row<'_>, format: TableFormat) -> Result<Self, Vec<HeaderMistake>> {
        if row.len() > MAX_COLUMNS {
            let problem = format!("has {} columns; at most {MAX_COLUMNS} are possible", row.len());
            return Err(vec![HeaderMistake { column: String::new(), problem }]);
        }
        let mut mistakes = Vec::new();
        let mut columns = HashMap::new();
        let names: Vec<String> = row.cells().map(str::to_owned).collect();
        for (index, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            if columns.insert(normalize_name(name), index).is_some() {
                let problem = "there are two columns of this name; rename one of them".to_owned();
                mistakes.push(HeaderMistake { column: shorten(name), problem });
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Self { names, columns, is_comma: format == TableFormat::Text(Some(',')) })
    }

    /// The names in order, as they stand in the file. The name is empty for a column without one.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the index of a column.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.columns.get(&normalize_name(name)).copied()
    }

    /// Returns the index of a column that the caller requires.
    ///
    /// # Errors
    /// A message that the column does not exist. It lists the columns and suggests the nearest
    /// name.
    pub fn require(&self, name: &str) -> Result<usize, String> {
        self.find(name).ok_or_else(|| {
            let nearest = did_you_mean(name, self.names.iter().map(String::as_str));
            format!("there is no column {:?}{nearest}; the columns are {}", shorten(name), self.list_names())
        })
    }

    /// Lists the names of all columns for a message.
    #[must_use]
    pub fn list_names(&self) -> String {
        let names = self.names.iter().filter(|name| !name.is_empty());
        let mut listed: Vec<String> = names.clone().take(MAX_LISTED).map(|name| shorten(name)).collect();
        let more = names.count().saturating_sub(MAX_LISTED);
        if more > 0 {
            listed.push(format!("and {more} more"));
        }
        listed.join(", ")
    }

    /// Reports a cell in a column without a name.
    ///
    /// The other cells of this row may all be in the wrong columns.
    #[must_use]
    pub fn find_unnamed_cell(&self, row: Row<'_>) -> Option<String> {
        let has_no_name = |column: &usize| self.names.get(*column).is_none_or(String::is_empty);
        let (column, cell) = (0..row.len())
            .filter(has_no_name)
            .map(|column| (column, row.cell(column)))
            .find(|(_, cell)| !cell.is_empty())?;
        let (cell, number) = (shorten(cell), column + 1);
        if column < self.names.len() {
            return Some(format!(
                "{cell:?} stands in column {number}, which has no name; name the column in the first row, or empty it"
            ));
        }
        let advice =
            if self.is_comma { "; a comma in a text needs quotation marks around the text" } else { "" };
        let (cells, columns) = (row.len(), self.names.len());
        Some(format!(
            "{cell:?} stands in column {number}, which has no name: the row has {cells} cells and the first row names {columns} columns{advice}"
        ))
    }

    /// Reports a row in which a comma seems to have cut a text in two.
    ///
    /// Then the rest of the text is in the next text column, and begins with a space. Returns the
    /// column of the rest and the message.
    #[must_use]
    pub fn find_split_text(&self, row: Row<'_>, is_text: impl Fn(usize) -> bool) -> Option<(usize, String)> {
        let is_evenly_spaced =
            (1..row.len()).filter(|column| !row.cell(*column).is_empty()).all(|column| row.is_spaced(column));
        if !self.is_comma || is_evenly_spaced {
            return None;
        }
        let cut = (1..row.len()).find(|&column| {
            row.is_spaced(column)
                && is_text(column)
                && is_text(column - 1)
                && !row.cell(column - 1).is_empty()
        })?;
        let (before, rest) = (shorten(row.cell(cut - 1)), shorten(row.cell(cut)));
        Some((
            cut,
            format!(
                "{rest:?} follows a comma and a space, so it may be the rest of {before:?}: one cell too many. A comma in a text needs quotation marks \
                 around the text: {:?}. If it is a separate text, remove the space",
                format!("{before}, {rest}")
            ),
        ))
    }

    /// Whether a row only repeats the header.
    #[must_use]
    pub fn is_repeated_by(&self, row: Row<'_>) -> bool {
        row.len() <= self.names.len()
            && self.names.iter().enumerate().all(|(column, name)| is_same_name(name, row.cell(column)))
    }

    /// Returns the label of a row of totals.
    ///
    /// Its first cell that is not empty is a total label, and all other cells are numbers.
    #[must_use]
    pub fn total_label<'t>(row: Row<'t>) -> Option<&'t str> {
        let mut cells = row.cells().filter(|cell| !cell.is_empty());
        let first = cells.next().filter(|first| is_total(first))?;
        let is_number = |cell: &str| {
            cell.contains(|c: char| c.is_ascii_digit())
                && !cell
                    .contains(|c: char| !(c.is_ascii_digit() || " .,'-+%".contains(c) || c.is_whitespace()))
        };
        cells.all(is_number).then_some(first)
    }
}

/// Shortens a cell or a name for a message.
fn shorten(text: &str) -> String {
    shortened(text, MAX_QUOTED).into_owned()
}
