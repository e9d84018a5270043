//! The file of entries, as spreadsheets write it: UTF-8 with or without a mark, comma or semicolon, quoted fields.
//!
//! The header names `id`, `category`, `title` and perhaps `summary`, `image`, `url`, in any order; every other column is a detail with
//! the column's name as its label. White space around a cell is left out, and so are empty details and empty rows.

use std::collections::HashSet;

use super::{
    entries::{Candidate, Categories, Entries},
    mistakes::{Findings, Place, clipped, quoted},
    text,
};
use crate::{
    entry::Titles,
    spreadsheet::{Spreadsheet, StringRecord, Unreadable},
};

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
    let unreadable = |unreadable: Unreadable, findings: &mut Findings| {
        let place = unreadable.at.map_or(Place::Nowhere, Place::Entries);
        findings.add(place, "", clipped(&unreadable.problem));
        false
    };
    let mut sheet = match Spreadsheet::new(content) {
        Ok(sheet) => sheet,
        Err(error) => return unreadable(error, findings),
    };
    let mut columns: Option<Vec<Column>> = None;
    let mut row = StringRecord::new();
    loop {
        let place = match sheet.next(&mut row) {
            Ok(Some(row)) => Place::Entries(row.at),
            Ok(None) => break,
            Err(error) => return unreadable(error, findings),
        };
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
