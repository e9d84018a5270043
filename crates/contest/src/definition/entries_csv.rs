//! Reads the file of entries: a table that a spreadsheet wrote, read by [`acclaim_tables`].
//!
//! The header names `id`, `category`, `title`, and optionally `summary`, `image`, `url`, in any
//! order and case. Any other column is refused unless the definition names it in `details`. Voters
//! see the details, and the log keeps them forever, so a column must not be published by accident.

use acclaim_tables::{Header, Row, TableFormat, did_you_mean, is_same_name};
use acclaim_text::quoted;

use super::{
    entries::{Categories, Entries, UncheckedEntry},
    fields::Table,
    mistakes::{Findings, Place, clipped},
    text,
};
use crate::{entry::Titles, spreadsheet};

/// The standard columns of a file of entries, and whether each one is required.
const COLUMNS: [(&str, Column, bool); 6] = [
    ("id", Column::Id, true),
    ("category", Column::Category, true),
    ("title", Column::Title, true),
    ("summary", Column::Summary, false),
    ("image", Column::Image, false),
    ("url", Column::Url, false),
];

/// The content of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Id,
    Category,
    Title,
    Summary,
    Image,
    Url,
    /// The index of its label among the details.
    Detail(usize),
}

/// The columns that the definition, or the command line in its place, names as details.
pub(super) struct DetailColumns {
    place: Place,
    labels: Vec<String>,
}

/// The columns of the file.
struct Columns {
    header: Header,
    /// The index and content of each column that has a name.
    meanings: Vec<(usize, Column)>,
}

/// Reads `details`, unless `given` replaces it.
pub(super) fn details(
    root: &mut Table<'_>,
    given: Option<&[String]>,
    findings: &mut Findings,
) -> DetailColumns {
    let field = root.field("details");
    let mut details = DetailColumns {
        place: field.as_ref().map_or(Place::Nowhere, |field| field.place),
        labels: Vec::new(),
    };
    let elements = field.and_then(|field| field.elements(text::MAX_DETAILS, findings)).unwrap_or_default();
    let written =
        elements.iter().filter_map(|element| element.checked(findings, text::check_label)).collect();
    details.labels = given.map_or(written, <[String]>::to_vec);
    if given.is_some() {
        let labels = details.labels.iter();
        let wrong = labels.filter_map(|label| Some((label, text::check_label(label).err()?)));
        wrong.for_each(|(label, problem)| findings.add(Place::Nowhere, quoted(label), problem));
    }
    let has_usual_name = |label: &&String| COLUMNS.iter().any(|(name, ..)| is_same_name(name, label));
    for label in details.labels.iter().filter(has_usual_name) {
        let problem = format!("names {}, which is a standard column and cannot be a detail", quoted(label));
        findings.add(details.place, "details", problem);
    }
    details.labels.retain(|label| !has_usual_name(&label));
    details
}

impl DetailColumns {
    /// Reports details without a file of entries.
    pub(super) fn refuse(&self, findings: &mut Findings) {
        if !self.labels.is_empty() {
            let problem = "names columns of a file of entries, but there is no entries_csv; give the details in each [[entry]]";
            findings.add(self.place, "details", problem);
        }
    }
}

/// Reads all entries of the file.
///
/// Returns `false` if this was not possible. Then missing entries of the contest are not reported.
pub(super) fn read(
    content: &[u8],
    details: &DetailColumns,
    entries: &mut Entries,
    categories: &mut Categories,
    findings: &mut Findings,
) -> bool {
    let table = match spreadsheet::read(content) {
        Ok(table) => table,
        Err(error) => {
            findings.add(Place::Entries(error.row, error.line), "", error.problem);
            return false;
        }
    };
    let mut rows = table.rows();
    let Some(first) = rows.next() else {
        let problem = "the file is empty; its first row must name the columns";
        findings.add(Place::Entries(Some(1), Some(1)), "", problem);
        return false;
    };
    let Some(columns) = columns(first, table.format(), details, findings) else { return false };
    rows.all(|row| match row_mistake(row, &columns) {
        Some((column, problem)) => {
            findings.add(place(row), column, problem);
            // The entry exists despite its mistake. It counts for its category, so that the
            // category is not reported as empty.
            let mut reported = Findings::default();
            entries.add(read_entry(row, &columns, details, &mut reported), categories, &mut reported)
        }
        None => entries.add(read_entry(row, &columns, details, findings), categories, findings),
    })
}

fn place(row: Row<'_>) -> Place {
    Place::Entries(Some(row.number()), row.line())
}

/// Reads the columns of a header. `None` if one of them is wrong.
fn columns(
    row: Row<'_>,
    format: TableFormat,
    details: &DetailColumns,
    findings: &mut Findings,
) -> Option<Columns> {
    let place = place(row);
    let header = match Header::read(row, format) {
        Ok(header) => header,
        Err(mistakes) => {
            mistakes
                .into_iter()
                .for_each(|mistake| findings.add(place, clipped(&mistake.column), mistake.problem));
            return None;
        }
    };
    let mut meanings = Vec::new();
    let mut is_valid = true;
    for (index, name) in header.names().iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        let usual =
            COLUMNS.iter().find(|(known, ..)| is_same_name(known, name)).map(|(_, column, _)| *column);
        let detail = || details.labels.iter().position(|label| is_same_name(label, name)).map(Column::Detail);
        match usual.or_else(detail) {
            Some(column) => meanings.push((index, column)),
            None => {
                is_valid = false;
                findings.add(place, clipped(name), unknown_column(name, details));
            }
        }
    }
    for (name, column, _) in COLUMNS.iter().filter(|(.., is_required)| *is_required) {
        if !meanings.iter().any(|(_, known)| known == column) {
            let problem = format!(
                "this column is missing; the first row must name id, category and title, but it names {}",
                header.list_names()
            );
            findings.add(place, *name, problem);
            is_valid = false;
        }
    }
    for (index, label) in details.labels.iter().enumerate() {
        if !meanings.iter().any(|(_, known)| *known == Column::Detail(index)) {
            let nearest = did_you_mean(label, header.names().iter().map(String::as_str));
            let problem = format!("there is no column {} of details{nearest}", quoted(label));
            findings.add(place, "", problem);
            is_valid = false;
        }
    }
    is_valid.then_some(Columns { header, meanings })
}

fn unknown_column(name: &str, details: &DetailColumns) -> String {
    let usual = COLUMNS.iter().map(|(name, ..)| *name);
    let known: Vec<&str> = usual.chain(details.labels.iter().map(String::as_str)).collect();
    let nearest = did_you_mean(name, known.iter().copied());
    let name = clipped(name);
    format!(
        "is not a column of entries{nearest}. The columns are {}. To show it to voters name it at the top of the definition: details = [{name:?}], or with \
         --details; otherwise delete it",
        known.join(", ")
    )
}

/// Returns the mistake of a row as a whole.
fn row_mistake(row: Row<'_>, columns: &Columns) -> Option<(&'static str, String)> {
    if let Some(problem) = columns.header.find_unnamed_cell(row) {
        return Some(("", problem));
    }
    if columns.header.is_repeated_by(row) {
        return Some(("", "repeats the first row; delete it".to_owned()));
    }
    if let Some(word) = Header::total_label(row) {
        return Some(("", format!("{} is a row of totals, not an entry; delete it", quoted(word))));
    }
    let meaning =
        |index: usize| columns.meanings.iter().find(|(known, _)| *known == index).map(|(_, column)| *column);
    let is_text =
        |index: usize| matches!(meaning(index), Some(Column::Title | Column::Summary | Column::Detail(_)));
    let (index, problem) = columns.header.find_split_text(row, is_text)?;
    let name = match meaning(index) {
        Some(Column::Title) => "title",
        Some(Column::Summary) => "summary",
        _ => "",
    };
    Some((name, problem))
}

fn read_entry<'t>(
    row: Row<'t>,
    columns: &Columns,
    details: &DetailColumns,
    findings: &mut Findings,
) -> UncheckedEntry<'t> {
    let place = place(row);
    let mut candidate = UncheckedEntry {
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
    for (name, column, _) in COLUMNS.iter().filter(|(.., is_required)| *is_required) {
        let index = columns.meanings.iter().find(|(_, known)| known == column).map(|(index, _)| *index);
        if index.is_none_or(|index| row.cell(index).is_empty()) {
            findings.add(place, *name, "is missing");
        }
    }
    for (index, column) in &columns.meanings {
        let cell = row.cell(*index);
        if cell.is_empty() {
            continue;
        }
        let mut checked = |key: &str, check: fn(&str) -> Result<(), String>| match check(cell) {
            Ok(()) => Some(cell.to_owned()),
            Err(problem) => {
                findings.add(place, clipped(key), problem);
                None
            }
        };
        match column {
            Column::Id => candidate.id = Some((place, cell.into())),
            Column::Category => candidate.category = Some((place, cell.into())),
            Column::Title => candidate.title = checked("title", text::check_title),
            Column::Summary => candidate.summary = checked("summary", text::check_summary),
            Column::Image => candidate.image = checked("image", text::check_address),
            Column::Url => candidate.url = checked("url", text::check_address),
            Column::Detail(label) => {
                let label = details.labels.get(*label).map_or("", String::as_str);
                let value = checked(label, text::check_value);
                candidate.details.extend(value.map(|value| (label.to_owned(), value)));
            }
        }
    }
    // Details are in the order of their declaration, not in the order of the file.
    candidate.details.sort_by_key(|(label, _)| details.labels.iter().position(|known| known == label));
    candidate
}
