//! Tables as spreadsheets save them: UTF-8 with or without a mark, comma or semicolon, quoted fields. Rows come with their offsets, so that every
//! mistake can be told with its line.

use csv::{Reader, ReaderBuilder};

pub use csv::StringRecord;

use crate::{csv_cell::unguarded, encoding};

/// One table being read. White space around a cell is left out, and so are empty rows.
pub struct Spreadsheet<'a> {
    text: &'a str,
    delimiter: u8,
    reader: Reader<&'a [u8]>,
    /// Where the last row begins.
    last: RowPlace,
}

/// Where a row begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowPlace {
    /// Offset in the content without its mark.
    pub at: usize,
    /// Line, from 1.
    pub line: usize,
}

/// What is wrong with a table as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Where, as an offset in the content without its mark; `None` if it concerns the whole table.
    pub at: Option<usize>,
    /// What it is.
    pub problem: String,
}

impl<'a> Spreadsheet<'a> {
    /// Looks at the whole content.
    ///
    /// # Errors
    /// If it is not UTF-8, or a quoted field does not end as it must.
    pub fn new(content: &'a [u8]) -> Result<Self, Unreadable> {
        let text = encoding::decode(content).map_err(|(at, problem)| Unreadable { at: Some(at), problem })?;
        let delimiter = delimiter(text);
        if let Some((at, problem)) = broken_quotes(text.as_bytes(), delimiter) {
            return Err(Unreadable { at: Some(at), problem: problem.to_owned() });
        }
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(text.as_bytes());
        Ok(Self { text, delimiter, reader, last: RowPlace { at: 0, line: 1 } })
    }

    /// What stands between two cells: a comma or a semicolon.
    #[must_use]
    pub fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// Reads the next row into `row` and returns where it begins; `None` at the end.
    ///
    /// # Errors
    /// If the reader gives up.
    pub fn next(&mut self, row: &mut StringRecord) -> Result<Option<RowPlace>, Unreadable> {
        loop {
            match self.reader.read_record(row) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(error) => return Err(Unreadable { at: None, problem: error.to_string() }),
            }
            row.trim();
            // What we have given out comes back as it was.
            if row.iter().any(|cell| cell.contains('\'')) {
                *row = row.iter().map(unguarded).collect::<StringRecord>();
            }
            if !row.iter().all(str::is_empty) {
                let at = beginning(self.text, row);
                let passed = self.text.as_bytes().get(self.last.at..at).unwrap_or_default();
                let lines = passed.iter().filter(|byte| **byte == b'\n').count();
                self.last = RowPlace { at, line: self.last.line + lines };
                return Ok(Some(self.last));
            }
        }
    }
}

/// Semicolon if the header has more of them than commas, outside quotes.
fn delimiter(text: &str) -> u8 {
    let mut quotes = false;
    let (mut commas, mut semicolons) = (0, 0);
    for byte in text.trim_start().bytes().take_while(|byte| !matches!(byte, b'\n' | b'\r')) {
        match byte {
            b'"' => quotes = !quotes,
            b',' if !quotes => commas += 1,
            b';' if !quotes => semicolons += 1,
            _ => {}
        }
    }
    if semicolons > commas { b';' } else { b',' }
}

/// The first quoted field that does not end as it must. Read leniently, one missing quotation mark would swallow the rows after it.
fn broken_quotes(bytes: &[u8], delimiter: u8) -> Option<(usize, &'static str)> {
    let mut at = 0;
    let mut field_begins = true;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'"' || !field_begins {
            field_begins = byte == delimiter || byte == b'\n' || byte == b'\r';
            at += 1;
            continue;
        }
        let opened = at;
        at += 1;
        loop {
            at += bytes.get(at..)?.iter().position(|&byte| byte == b'"').unwrap_or(bytes.len());
            match (bytes.get(at), bytes.get(at + 1)) {
                (None, _) => return Some((opened, "a quotation mark opens here and is never closed")),
                (Some(_), Some(b'"')) => at += 2,
                (Some(_), Some(&next)) if next != delimiter && next != b'\n' && next != b'\r' => {
                    return Some((
                        opened,
                        "a field in quotation marks that opens here goes on after they close; a quotation mark inside is written twice",
                    ));
                }
                _ => break,
            }
        }
        at += 1;
        field_begins = false;
    }
    None
}

/// The offset at which a row really begins: the reader counts empty lines before it as part of it.
fn beginning(text: &str, row: &StringRecord) -> usize {
    let at = row.position().and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or(0);
    let rest = text.get(at..).unwrap_or_default();
    at + (rest.len() - rest.trim_start_matches(['\r', '\n']).len())
}
