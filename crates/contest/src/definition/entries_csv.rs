//! The file of entries, as spreadsheets write it: UTF-8 with or without a mark, comma or semicolon, quoted fields.
//!
//! The header names `id`, `category`, `title` and perhaps `summary`, `image`, `url`, in any order; every other column is a detail with
//! the column's name as its label. White space around a cell is left out, and so are empty details and empty rows.

use std::collections::HashSet;

use csv::{ReaderBuilder, StringRecord};

use super::{
    encoding,
    entries::{Candidate, Categories, Entries},
    mistakes::{Findings, Place, clipped, quoted},
    text,
};
use crate::entry::Titles;

/// The most columns: those with a meaning and as many details as an entry can have.
const MOST_COLUMNS: usize = 6 + text::MOST_DETAILS;

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Id,
    Category,
    Title,
    Summary,
    Image,
    Url,
    /// With its label.
    Detail(String),
    /// No name, and so no content.
    Nameless,
}

/// Reads all entries of the file. `false` if that was not possible: what the contest then lacks is no mistake of its own.
pub(super) fn read(
    content: &[u8],
    entries: &mut Entries,
    categories: &mut Categories,
    findings: &mut Findings,
) -> bool {
    let text = match encoding::decode(content) {
        Ok(text) => text,
        Err((at, problem)) => {
            findings.add(Place::Entries(at), "", problem);
            return false;
        }
    };
    let delimiter = delimiter(text);
    if let Some((at, problem)) = broken_quotes(text.as_bytes(), delimiter) {
        findings.add(Place::Entries(at), "", problem);
        return false;
    }
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let mut columns: Option<Vec<Column>> = None;
    let mut row = StringRecord::new();
    loop {
        match reader.read_record(&mut row) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                findings.add(Place::Nowhere, "", clipped(&error.to_string()));
                return false;
            }
        }
        row.trim();
        if row.iter().all(str::is_empty) {
            continue;
        }
        let place = Place::Entries(beginning(text, &row));
        let Some(columns) = &columns else {
            let Some(header) = header(&row, place, findings) else { return false };
            columns = Some(header);
            continue;
        };
        let candidate = candidate(&row, columns, place, findings);
        if !entries.add(candidate, categories, findings) {
            return false;
        }
    }
    if columns.is_none() {
        findings.add(Place::Entries(0), "", "the file is empty; its first row names the columns");
    }
    columns.is_some()
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

fn header(row: &StringRecord, place: Place, findings: &mut Findings) -> Option<Vec<Column>> {
    let columns: Vec<_> = row
        .iter()
        .map(|name| match name {
            "id" => Column::Id,
            "category" => Column::Category,
            "title" => Column::Title,
            "summary" => Column::Summary,
            "image" => Column::Image,
            "url" => Column::Url,
            "" => Column::Nameless,
            label => Column::Detail(label.to_owned()),
        })
        .collect();
    let mut sound = check_names(row, place, findings);
    for (column, name) in [(Column::Id, "id"), (Column::Category, "category"), (Column::Title, "title")] {
        if !columns.contains(&column) {
            findings.add(place, name, "there is no such column; the first row names id, category and title");
            sound = false;
        }
    }
    sound.then_some(columns)
}

/// Whether the header's names can be labels and none is repeated; reports those that cannot.
fn check_names(row: &StringRecord, place: Place, findings: &mut Findings) -> bool {
    let mut sound = true;
    if row.len() > MOST_COLUMNS {
        findings.add(place, "", format!("has {} columns; at most {MOST_COLUMNS} are possible", row.len()));
        return false;
    }
    let mut seen = HashSet::new();
    for name in row.iter().filter(|name| !name.is_empty()) {
        if let Err(problem) = text::check_label(name) {
            findings.add(place, clipped(name), problem);
            sound = false;
        }
        if !seen.insert(name) {
            findings.add(place, clipped(name), "there are two columns of this name");
            sound = false;
        }
    }
    sound
}

fn candidate<'t>(
    row: &'t StringRecord,
    columns: &[Column],
    place: Place,
    findings: &mut Findings,
) -> Candidate<'t> {
    let mut candidate = Candidate {
        place,
        path: String::new(),
        id: None,
        category: None,
        title: None,
        titles: Titles::new(),
        summary: None,
        image: None,
        url: None,
        details: Vec::new(),
    };
    for (column, name) in [(Column::Id, "id"), (Column::Category, "category"), (Column::Title, "title")] {
        let position = columns.iter().position(|known| *known == column);
        if position.and_then(|position| row.get(position)).is_none_or(str::is_empty) {
            findings.add(place, name, "is missing");
        }
    }
    for (i, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
        let mut checked = |key: &str, check: fn(&str) -> Result<(), String>| match check(cell) {
            Ok(()) => Some(cell.to_owned()),
            Err(problem) => {
                findings.add(place, clipped(key), problem);
                None
            }
        };
        match columns.get(i) {
            Some(Column::Id) => candidate.id = Some((place, cell.into())),
            Some(Column::Category) => candidate.category = Some((place, cell.into())),
            Some(Column::Title) => candidate.title = checked("title", text::check_title),
            Some(Column::Summary) => candidate.summary = checked("summary", text::check_summary),
            Some(Column::Image) => candidate.image = checked("image", text::check_address),
            Some(Column::Url) => candidate.url = checked("url", text::check_address),
            Some(Column::Detail(label)) => {
                let value = checked(label, text::check_value);
                candidate.details.extend(value.map(|value| (label.clone(), value)));
            }
            Some(Column::Nameless) | None => {
                let problem = format!("{} stands in column {}, which has no name", quoted(cell), i + 1);
                findings.add(place, "", problem);
            }
        }
    }
    candidate
}
