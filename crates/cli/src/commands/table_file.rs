//! Tables that commands read: the file, its columns by name, and mistakes told with their rows.

use std::{fmt::Write as _, path::Path};

use acclaim_contest::spreadsheet;
use acclaim_tables::{Header, Row, Table, file, is_same_name};
use anyhow::{Context as _, Result, anyhow, bail};

/// The most mistakes that are listed.
const MAX_MISTAKES: usize = 100;

/// A mistake in a table: the row, the column's name or nothing, and what is wrong.
pub(super) type Mistake = (u32, String, String);

/// A table with its header.
pub(super) struct TableFile {
    pub(super) table: Table,
    pub(super) header: Header,
}

/// Reads a file within its bound.
pub(super) fn content(file: &Path, what: &str) -> Result<Vec<u8>> {
    file::read(file).with_context(|| format!("{what} {}", file.display()))
}

impl TableFile {
    /// Reads a table whose first row names the columns. `what` names the file in messages: `the scores in`.
    pub(super) fn read(file: &Path, what: &str) -> Result<Self> {
        Self::of(&content(file, what)?).map_err(|problem| anyhow!("{what} {}: {problem}", file.display()))
    }

    /// The same, of a file's content.
    pub(super) fn of(content: &[u8]) -> Result<Self, String> {
        let table = spreadsheet::read(content).map_err(|error| error.to_string())?;
        let first = table.row(0).ok_or("the file is empty; its first row names the columns")?;
        let header = Header::read(first, table.format()).map_err(|mistakes| {
            let first = mistakes
                .first()
                .map_or_else(String::new, |mistake| format!("{}: {}", mistake.column, mistake.problem));
            format!("row {}: {first}", table.row(0).map_or(1, |row| row.number()))
        })?;
        Ok(Self { table, header })
    }

    /// The rows behind the header.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.table.rows().skip(1)
    }

    /// The number of the header's row.
    pub(super) fn header_row(&self) -> u32 {
        self.table.row(0).map_or(1, |row| row.number())
    }

    /// Where the column is that an option names.
    pub(super) fn named(&self, option: &str, name: &str) -> Result<usize> {
        self.header.require(name).map_err(|problem| anyhow!("{option}: {problem}"))
    }

    /// Where a column is: the one that an option names, or the one of this name.
    pub(super) fn column(&self, option: &str, named: Option<&str>, name: &str) -> Result<Option<usize>> {
        match named {
            Some(named) => self.named(option, named).map(Some),
            None => Ok(self.header.find(name)),
        }
    }
}

/// Whether a list of names has one, case and white space aside.
pub(super) fn has_name(names: &[String], name: &str) -> bool {
    names.iter().any(|known| is_same_name(known, name))
}

/// What is wrong with a file, a line each mistake.
pub(super) fn format_mistakes(mut mistakes: Vec<Mistake>, file: &Path, what: &str, so: &str) -> String {
    mistakes.sort();
    let mut text = match mistakes.len() {
        1 => format!("{what} have a mistake; {so}"),
        count => format!("{what} have {count} mistakes; {so}"),
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

/// A list of texts, one a row: a column of its own, or the one of this name. With each the number of its row.
pub(super) fn list(file: &Path, what: &str, name: &str) -> Result<Vec<(u32, String)>> {
    let content = content(file, what)?;
    let named = || format!("{what} {}", file.display());
    let table = spreadsheet::read(&content).map_err(|error| anyhow!("{}: {error}", named()))?;
    let Some(first) = table.row(0) else { return Ok(Vec::new()) };
    let is_header = |cell: &str| is_same_name(cell, name) || is_same_name(cell, &format!("{name}s"));
    let column = first.cells().position(is_header);
    if column.is_none() && table.rows().any(|row| row.len() > 1) {
        let columns: Vec<&str> = first.cells().collect();
        bail!(
            "{}: row {}: the table has several columns ({}), and none is called {name}; call it so, or leave the others out",
            named(),
            first.number(),
            columns.join(", ")
        );
    }
    let rows = table.rows().skip(usize::from(column.is_some()));
    let cells = rows.map(|row| (row.number(), row.cell(column.unwrap_or(0)).to_owned()));
    Ok(cells.filter(|(_, text)| !text.is_empty()).collect())
}
