//! Tables that commands read: the file, its columns by name, and mistakes with their rows.

use std::{fmt::Write as _, path::Path};

use acclaim_contest::spreadsheet;
use acclaim_tables::{Header, Row, Table, file, is_same_name};
use anyhow::{Context as _, Result, anyhow, bail};

/// The largest number of mistakes that are listed.
const MAX_MISTAKES: usize = 100;

/// A mistake in a table: the row's number, the column's name (or an empty text), and the problem.
pub(super) type Mistake = (u32, String, String);

/// A table with its header.
pub(super) struct TableFile {
    pub(super) table: Table,
    pub(super) header: Header,
}

/// Reads a file, which must not be larger than the bound of tables. `what` names the file in
/// messages, for example `the scores in`.
pub(super) fn content(file: &Path, what: &str) -> Result<Vec<u8>> {
    file::read(file).with_context(|| format!("cannot read {what} {}", file.display()))
}

impl TableFile {
    /// Reads a table whose first row holds the names of the columns. `what` names the file in
    /// messages, for example `the scores in`.
    pub(super) fn read(file: &Path, what: &str) -> Result<Self> {
        Self::of(&content(file, what)?).map_err(|problem| anyhow!("{what} {}: {problem}", file.display()))
    }

    /// Reads a table from the content of a file.
    ///
    /// # Errors
    /// If the content is not a table, is empty, or has an unusable first row. The text names the
    /// row.
    pub(super) fn of(content: &[u8]) -> Result<Self, String> {
        let table = spreadsheet::read(content).map_err(|error| error.to_string())?;
        let first =
            table.row(0).ok_or("the file is empty; its first row must hold the names of the columns")?;
        let header = Header::read(first, table.format()).map_err(|mistakes| {
            let first = mistakes
                .first()
                .map_or_else(String::new, |mistake| format!("{}: {}", mistake.column, mistake.problem));
            format!("row {}: {first}", table.row(0).map_or(1, |row| row.number()))
        })?;
        Ok(Self { table, header })
    }

    /// Returns the rows after the header.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.table.rows().skip(1)
    }

    /// Returns the number of the header's row.
    pub(super) fn header_row(&self) -> u32 {
        self.table.row(0).map_or(1, |row| row.number())
    }

    /// Returns the index of the column that an option names.
    pub(super) fn named(&self, option: &str, name: &str) -> Result<usize> {
        self.header.require(name).map_err(|problem| anyhow!("{option}: {problem}"))
    }

    /// Returns the index of a column: the column that an option names, or otherwise the column with
    /// the name `name`.
    pub(super) fn column(&self, option: &str, named: Option<&str>, name: &str) -> Result<Option<usize>> {
        match named {
            Some(named) => self.named(option, named).map(Some),
            None => Ok(self.header.find(name)),
        }
    }
}

/// Whether a list contains a name, ignoring case and white space.
pub(super) fn has_name(names: &[String], name: &str) -> bool {
    names.iter().any(|known| is_same_name(known, name))
}

/// Returns the error message for a file with mistakes, with one line for each mistake. `what` names
/// the rows, and `consequence` says what was not done.
pub(super) fn format_mistakes(
    mut mistakes: Vec<Mistake>,
    file: &Path,
    what: &str,
    consequence: &str,
) -> String {
    mistakes.sort();
    let mut text = match mistakes.len() {
        1 => format!("{what} have a mistake; {consequence}"),
        count => format!("{what} have {count} mistakes; {consequence}"),
    };
    for (row, column, problem) in mistakes.iter().take(MAX_MISTAKES) {
        let column = if column.is_empty() { String::new() } else { format!("{column}: ") };
        let _infallible = write!(text, "\n  {}: row {row}: {column}{problem}", file.display());
    }
    if mistakes.len() > MAX_MISTAKES {
        let _infallible = write!(text, "\n  and {} more", mistakes.len() - MAX_MISTAKES);
    }
    text
}

/// Reads a list with one text in each row, and returns each text with the number of its row.
///
/// The file is either a single column or a table with a column of this name.
///
/// # Errors
/// If the file cannot be read, or has several columns and none with this name.
pub(super) fn list(file: &Path, what: &str, name: &str) -> Result<Vec<(u32, String)>> {
    let content = content(file, what)?;
    let file_name = || format!("{what} {}", file.display());
    let table = spreadsheet::read(&content).map_err(|error| anyhow!("{}: {error}", file_name()))?;
    let Some(first) = table.row(0) else { return Ok(Vec::new()) };
    let is_header = |cell: &str| is_same_name(cell, name) || is_same_name(cell, &format!("{name}s"));
    let column = first.cells().position(is_header);
    if column.is_none() && table.rows().any(|row| row.len() > 1) {
        let columns: Vec<&str> = first.cells().collect();
        bail!(
            "{}: row {}: the table has several columns ({}), and none has the name {name}; rename the right column, or remove the others",
            file_name(),
            first.number(),
            columns.join(", ")
        );
    }
    let rows = table.rows().skip(usize::from(column.is_some()));
    let cells = rows.map(|row| (row.number(), row.cell(column.unwrap_or(0)).to_owned()));
    Ok(cells.filter(|(_, text)| !text.is_empty()).collect())
}
