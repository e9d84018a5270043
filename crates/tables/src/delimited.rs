//! Reads tables from text: one row a line, a delimiter between cells.
//!
//! A cell that contains a delimiter stands in quotation marks. This module splits the rows itself,
//! without a library, for three reasons. Blank rows count in the row numbers of a spreadsheet. A
//! cell can span several lines. An unclosed quotation mark must not swallow the rows after it.

use crate::{
    encoding::decode,
    table::{Builder, Table, TableError, TableFormat},
};

/// The possible delimiters. If several are equally frequent in the first row, the first in this
/// list is used.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

pub(crate) fn read(content: &[u8]) -> Result<Table, TableError> {
    let text = decode(content).map_err(|error| TableError {
        row: None,
        line: Some(error.line),
        problem: error.problem,
    })?;
    let (named, lines, rest) = named_delimiter(&text);
    let delimiter = named.or_else(|| most_frequent_delimiter(rest));
    let mut builder = Builder::new(TableFormat::Text(delimiter));
    let mut reader = Reader { rest, delimiter, row: 0, line: lines };
    while !reader.rest.is_empty() {
        reader.read_row(&mut builder)?;
    }
    Ok(builder.finish())
}

/// Returns the delimiter that a first line `sep=;` names, the number of the next line, and the rest
/// of the text.
///
/// A spreadsheet does not show a `sep=` line, so it has no row number.
fn named_delimiter(text: &str) -> (Option<char>, u32, &str) {
    let line = text.split(['\n', '\r']).next().unwrap_or_default();
    let mut value = line.trim_matches('"').chars();
    let is_named = value.by_ref().take(4).flat_map(char::to_lowercase).eq("sep=".chars());
    let (Some(delimiter), None) = (value.next(), value.next()) else { return (None, 1, text) };
    if !is_named || delimiter == '"' {
        return (None, 1, text);
    }
    let rest = text.get(line.len()..).unwrap_or_default();
    let rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix(['\n', '\r'])).unwrap_or(rest);
    (Some(delimiter), 2, rest)
}

/// Returns the most frequent delimiter of the first row, outside quotation marks.
///
/// `None` if the row has no delimiter: each line is one cell.
fn most_frequent_delimiter(text: &str) -> Option<char> {
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut is_quoted = false;
    for character in text.trim_start_matches(['\n', '\r', ' ']).chars() {
        match character {
            '"' => is_quoted = !is_quoted,
            '\n' | '\r' if !is_quoted => break,
            _ if is_quoted => {}
            _ => {
                let counted = DELIMITERS.iter().zip(&mut counts).find(|(known, _)| **known == character);
                counted.into_iter().for_each(|(_, count)| *count += 1);
            }
        }
    }
    let max = counts.iter().copied().max().filter(|max| *max > 0)?;
    DELIMITERS.iter().zip(counts).find(|(_, count)| *count == max).map(|(known, _)| *known)
}

/// Reads rows from the front of a text.
struct Reader<'t> {
    rest: &'t str,
    delimiter: Option<char>,
    /// The number of the last row that was read, as a spreadsheet numbers it.
    row: u32,
    /// The line of the file in which `rest` begins, from 1.
    line: u32,
}

/// What follows a cell: another cell of the row, or the end of the row.
enum End {
    Cell,
    Row,
}

impl Reader<'_> {
    /// Reads one row, which may be blank.
    fn read_row(&mut self, builder: &mut Builder) -> Result<(), TableError> {
        self.row = self.row.saturating_add(1);
        let line = self.line;
        let mut is_first = true;
        while let End::Cell = self.read_cell(builder, is_first)? {
            is_first = false;
        }
        builder.end_row(self.row, Some(line));
        Ok(())
    }

    fn read_cell(&mut self, builder: &mut Builder, is_first: bool) -> Result<End, TableError> {
        let trimmed = self.rest.trim_start_matches(|c: char| c == ' ' && self.delimiter != Some(' '));
        let is_spaced = !is_first && trimmed.len() < self.rest.len();
        if let Some(quoted) = trimmed.strip_prefix('"') {
            let (cell, rest) = self.read_quoted(quoted)?;
            self.rest = rest;
            builder.cell(&cell, false, false).map_err(|problem| self.error_at(self.line, problem))?;
            return Ok(self.skip_end());
        }
        let is_end = |c: char| c == '\n' || c == '\r' || Some(c) == self.delimiter;
        let length = self.rest.find(is_end).unwrap_or(self.rest.len());
        let (cell, rest) = self.rest.split_at(length);
        self.rest = rest;
        let is_spaced = is_spaced && !cell.trim().is_empty();
        builder.cell(cell, false, is_spaced).map_err(|problem| self.error_at(self.line, problem))?;
        Ok(self.skip_end())
    }

    /// Reads the rest of a cell whose opening quotation mark has been read.
    ///
    /// Returns the cell with `\n` for each line end, and the text after the closing quotation mark.
    fn read_quoted<'r>(&mut self, text: &'r str) -> Result<(String, &'r str), TableError> {
        let opening_line = self.line;
        let mut cell = String::new();
        let mut rest = text;
        loop {
            let Some(at) = rest.find(['"', '\n', '\r']) else {
                return Err(
                    self.error_at(opening_line, "a quotation mark opens here and is never closed".to_owned())
                );
            };
            let (before, from) = rest.split_at(at);
            cell.push_str(before);
            if let Some(after) = from.strip_prefix("\"\"") {
                cell.push('"');
                rest = after;
            } else if let Some(after) = from.strip_prefix('"') {
                rest = after;
                break;
            } else {
                cell.push('\n');
                self.line = self.line.saturating_add(1);
                rest = from.strip_prefix("\r\n").unwrap_or_else(|| from.get(1..).unwrap_or_default());
            }
        }
        let after = rest.trim_start_matches(|c: char| c == ' ' && self.delimiter != Some(' '));
        let is_ended = after.is_empty()
            || after.starts_with(['\n', '\r'])
            || self.delimiter.is_some_and(|d| after.starts_with(d));
        if !is_ended {
            let problem = "a cell in quotation marks begins here and has text after its closing mark; write a quotation mark inside a cell twice";
            return Err(self.error_at(opening_line, problem.to_owned()));
        }
        Ok((cell, after))
    }

    /// Skips the delimiter or line end after a cell.
    fn skip_end(&mut self) -> End {
        if let Some(delimiter) = self.delimiter
            && let Some(rest) = self.rest.strip_prefix(delimiter)
        {
            self.rest = rest;
            return End::Cell;
        }
        if let Some(rest) = self.rest.strip_prefix("\r\n").or_else(|| self.rest.strip_prefix(['\n', '\r'])) {
            self.rest = rest;
            self.line = self.line.saturating_add(1);
        }
        End::Row
    }

    fn error_at(&self, line: u32, problem: String) -> TableError {
        TableError { row: Some(self.row), line: Some(line), problem }
    }
}
