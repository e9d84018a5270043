//! The output of commands: data on standard output, notes on standard error, tables and field
//! lists.

use std::{
    fmt,
    io::{self, IsTerminal, Write as _},
};

use acclaim_text::characters::is_refused;
use anyhow::Result;
use clap::builder::styling::Style;
use serde_json::Value;

/// Standard output cannot be written. It has its own type, because a closed pipe is not a failure
/// and must be distinguished from errors of files.
#[derive(Debug)]
pub struct StdoutError(pub io::Error);

impl fmt::Display for StdoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "standard output: {}", self.0)
    }
}

impl std::error::Error for StdoutError {}

/// Writes bytes to standard output as they are.
///
/// # Errors
/// [`StdoutError`]
pub fn write(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(StdoutError)?;
    Ok(())
}

/// Prints one line of data.
///
/// # Errors
/// [`StdoutError`]
pub fn line(text: impl fmt::Display) -> Result<()> {
    write(format!("{}\n", printable(&text.to_string())).as_bytes())
}

/// Prints a value as indented JSON.
///
/// # Errors
/// [`StdoutError`]
pub fn json(value: &Value) -> Result<()> {
    write(format!("{value:#}\n").as_bytes())
}

/// Prints a line on standard error. Ignores the error if standard error cannot be written.
pub fn note(text: &str) {
    let _ignored = writeln!(io::stderr(), "{text}");
}

/// Whether to colour the output on this stream: only on a terminal, and only if `NO_COLOR` is unset
/// or empty.
#[must_use]
pub fn colours(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Escapes the control characters in a text from outside the program.
///
/// A control character could move the terminal's cursor. A direction override could reverse the
/// rest of a line. New lines stay.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => clean.push('\n'),
            // The program colours only its own words, never the text that it escapes here.
            '\u{1b}' => clean.push('␛'),
            refused if refused.is_control() || is_refused(refused) => clean.extend(refused.escape_default()),
            other => clean.push(other),
        }
    }
    clean
}

/// Rows in aligned columns below a heading. Columns of numbers are aligned to the right.
#[derive(Debug)]
pub struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Makes a table without rows. A heading that begins with `>` belongs to a column that is
    /// aligned to the right.
    #[must_use]
    pub fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    /// Adds a row. Cells beyond the last heading are not printed.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| printable(&cell).replace('\n', " ")).to_vec());
    }

    /// Prints the table on standard output.
    ///
    /// # Errors
    /// [`StdoutError`]
    pub fn print(&self) -> Result<()> {
        write(self.render(colours(&io::stdout())).as_bytes())
    }

    /// Returns the table as text, with bold headings if `colours`.
    #[must_use]
    pub fn render(&self, colours: bool) -> String {
        let style = if colours { Style::new().bold() } else { Style::new() };
        let headings: Vec<String> =
            self.headings.iter().map(|heading| heading.trim_start_matches('>').to_owned()).collect();
        let widths: Vec<usize> = (0..headings.len())
            .map(|column| {
                let width = |row: &Vec<String>| row.get(column).map_or(0, |cell| cell.chars().count());
                self.rows.iter().chain([&headings]).map(width).max().unwrap_or(0)
            })
            .collect();
        let mut text = format!("{style}{}{style:#}\n", self.aligned(&headings, &widths));
        for row in &self.rows {
            text.push_str(&self.aligned(row, &widths));
            text.push('\n');
        }
        text
    }

    fn aligned(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, &width), heading) in cells.iter().zip(widths).zip(&self.headings) {
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            if !line.is_empty() {
                line.push_str("  ");
            }
            if heading.starts_with('>') {
                line.push_str(&padding);
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.push_str(&padding);
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// Names and values, one pair on each line, which describe one thing for people.
#[derive(Debug, Default)]
pub struct FieldList(Vec<(&'static str, String)>);

impl FieldList {
    /// Adds a line.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.0.push((name, value.to_string()));
        self
    }

    /// Adds a line if there is a value.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Prints the lines on standard output, with the values aligned.
    ///
    /// # Errors
    /// [`StdoutError`]
    pub fn print(&self) -> Result<()> {
        let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 1;
        for (name, value) in &self.0 {
            line(format_args!("{:width$} {}", format!("{name}:"), printable(value).replace('\n', " ")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_numbers_stand_right() {
        let mut table = Table::new(&["entry", ">votes", "title"]);
        table.row(["p1".to_owned(), "7".to_owned(), "Crème".to_owned()]);
        table.row(["p0002".to_owned(), "1234".to_owned(), "a\nb\u{1b}[2J".to_owned()]);
        assert_eq!(table.render(false), "entry  votes  title\np1         7  Crème\np0002   1234  a b␛[2J\n");
        assert!(table.render(true).starts_with("\u{1b}["));
    }

    #[test]
    fn nothing_printed_moves_a_cursor() {
        assert_eq!(printable("a\u{1b}]0;x\u{7}\r\tb\u{9b}c\n"), "a␛]0;x\\u{7}\\r\\tb\\u{9b}c\n");
        assert_eq!(printable("a\u{202e}b قرية"), "a\\u{202e}b قرية");
    }
}
