//! The first row of a table: its columns by name, and what is wrong with a row whatever its cells mean.

use std::collections::HashMap;

use acclaim_text::shortened;

use crate::{
    nearest::did_you_mean,
    table::{Row, TableFormat},
    total::is_total,
};

/// The most columns of a table whose columns have names.
const MAX_COLUMNS: usize = 1_000;
/// The most names of columns that a message lists.
const MAX_LISTED: usize = 40;
/// The most characters of a cell that a message repeats.
const MAX_QUOTED: usize = 80;

/// The names of a table's columns. They are compared without case and outer white space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    names: Vec<String>,
    columns: HashMap<String, usize>,
    is_comma: bool,
}

/// What is wrong with a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderMistake {
    /// The column's name as the file has it, cut; empty if the whole row is to blame.
    pub column: String,
    /// What is wrong.
    pub problem: String,
}

/// The form in which names of columns are compared.
fn normalize_name(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Whether two names are of one column.
#[must_use]
pub fn is_same_name(one: &str, other: &str) -> bool {
    normalize_name(one) == normalize_name(other)
}

impl Header {
    /// The columns that a row names.
    ///
    /// # Errors
    /// Every name that is there twice, or that there are too many columns.
    pub fn read(row: Row<'_>, form: TableFormat) -> Result<Self, Vec<HeaderMistake>> {
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
                mistakes.push(HeaderMistake { column: shown(name), problem });
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Self { names, columns, is_comma: form == TableFormat::Text(Some(',')) })
    }

    /// The names in order, as the file has them; empty for a column without one.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Where a column is.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.columns.get(&normalize_name(name)).copied()
    }

    /// Where a column is that somebody names.
    ///
    /// # Errors
    /// That there is none, which ones there are, and which was probably meant.
    pub fn require(&self, name: &str) -> Result<usize, String> {
        self.find(name).ok_or_else(|| {
            let nearest = did_you_mean(name, self.names.iter().map(String::as_str));
            format!("there is no column {:?}{nearest}; the columns are {}", shown(name), self.list_names())
        })
    }

    /// The names of all columns, for messages.
    #[must_use]
    pub fn list_names(&self) -> String {
        let names = self.names.iter().filter(|name| !name.is_empty());
        let mut listed: Vec<String> = names.clone().take(MAX_LISTED).map(|name| shown(name)).collect();
        let more = names.count().saturating_sub(MAX_LISTED);
        if more > 0 {
            listed.push(format!("and {more} more"));
        }
        listed.join(", ")
    }

    /// The mistake of a row that has a cell under no name: its cells may all stand in the wrong columns.
    #[must_use]
    pub fn find_unnamed_cell(&self, row: Row<'_>) -> Option<String> {
        let is_nameless = |column: &usize| self.names.get(*column).is_none_or(String::is_empty);
        let (column, cell) = (0..row.len())
            .filter(is_nameless)
            .map(|column| (column, row.cell(column)))
            .find(|(_, cell)| !cell.is_empty())?;
        let (cell, number) = (shown(cell), column + 1);
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

    /// The mistake of a row in which a comma seems to have cut a text in two: the rest stands in the next column of texts, and begins with a space.
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
        let (before, rest) = (shown(row.cell(cut - 1)), shown(row.cell(cut)));
        Some((
            cut,
            format!(
                "{rest:?} follows a comma and a space, as if it went on from {before:?}: one cell too many. A comma in a text needs quotation marks \
                 around the text: {:?}. If it is a text of its own, leave the space out",
                format!("{before}, {rest}")
            ),
        ))
    }

    /// Whether a row only repeats the first one.
    #[must_use]
    pub fn is_repeated_by(&self, row: Row<'_>) -> bool {
        row.len() <= self.names.len()
            && self.names.iter().enumerate().all(|(column, name)| is_same_name(name, row.cell(column)))
    }

    /// The word by which a row is one of totals: the first cell that is not empty says so, and all others are numbers.
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

/// A cell or name as messages repeat it.
fn shown(text: &str) -> String {
    shortened(text, MAX_QUOTED).into_owned()
}
