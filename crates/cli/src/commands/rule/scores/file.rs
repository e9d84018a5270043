//! The reader of a table of jurors' scores: its rows, and the mistakes that do not depend on the
//! contest's rules.
//!
//! A long table has a row for each score, with the columns `entry` and `value`. A wide table has a
//! column for each juror, whose name is the juror's name.

use acclaim_contest::juror;
use acclaim_tables::{Header, InvalidNumber, Row as Cells, decimal, did_you_mean, is_total};

use crate::{
    args::rule::ScoreColumns,
    commands::table_file::{Mistake, TableFile, has_name},
};

/// The cells of one score. A cell is empty if its column does not exist.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) number: u32,
    pub(super) panel: String,
    pub(super) juror: String,
    pub(super) category: String,
    pub(super) criterion: String,
    pub(super) entry: String,
    pub(super) value: String,
    /// The name of the column with the value.
    pub(super) value_column: String,
}

/// The known columns. `value` and `juror` belong to a long table.
const COLUMNS: [&str; 6] = ["panel", "juror", "category", "criterion", "entry", "value"];

/// The rows of a file.
#[derive(Debug, Default)]
pub(super) struct ScoreRows {
    /// The meanings of the columns in the file.
    pub(super) columns: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
    pub(super) mistakes: Vec<Mistake>,
    /// Notes on rows and columns that are ignored.
    pub(super) notes: Vec<String>,
}

/// The indexes of the columns.
#[derive(Default)]
struct Places {
    /// The indexes of the known columns, in the order of [`COLUMNS`].
    known: [Option<usize>; COLUMNS.len()],
    /// In a wide table, the index of each juror's column and the juror's name.
    jurors: Vec<(usize, String)>,
}

impl Places {
    fn of(&self, name: &str) -> Option<usize> {
        COLUMNS.iter().zip(self.known).find(|(known, _)| **known == name).and_then(|(_, place)| place)
    }
}

impl Row {
    fn cell(&mut self, column: &str) -> Option<&mut String> {
        Some(match column {
            "panel" => &mut self.panel,
            "juror" => &mut self.juror,
            "category" => &mut self.category,
            "criterion" => &mut self.criterion,
            "entry" => &mut self.entry,
            "value" => &mut self.value,
            _ => return None,
        })
    }
}

/// Reads the rows. `jurors` are the names that the columns of a wide table can have.
pub(super) fn rows(file: &TableFile, options: &ScoreColumns, jurors: &[&str]) -> ScoreRows {
    let mut sheet = ScoreRows::default();
    let Some(places) = places(file, options, jurors, &mut sheet) else { return sheet };
    sheet.columns = COLUMNS.into_iter().filter(|name| places.of(name).is_some()).collect();
    if !places.jurors.is_empty() {
        sheet.columns.extend(["juror", "value"]);
    }
    for cells in file.rows() {
        let number = cells.number();
        if let Some(problem) = file.header.find_unnamed_cell(cells) {
            sheet.mistakes.push((number, String::new(), problem));
        } else if file.header.is_repeated_by(cells) {
            sheet.notes.push(format!("row {number} repeats the first row, and is ignored"));
        } else if let Some(word) = Header::total_label(cells)
            .filter(|word| !jurors.iter().any(|name| juror::is_same_name(name, word)))
        {
            let problem = format!("{word:?} is a row of totals, and not a score; delete it");
            sheet.mistakes.push((number, String::new(), problem));
        } else {
            row(file, cells, &places, &mut sheet);
        }
    }
    sheet
}

/// Finds the columns. Returns `None` if the header has mistakes, which are then in `sheet`.
fn places(
    file: &TableFile,
    options: &ScoreColumns,
    jurors: &[&str],
    sheet: &mut ScoreRows,
) -> Option<Places> {
    let number = file.header_row();
    let mut places = Places::default();
    for (name, place) in COLUMNS.iter().zip(&mut places.known) {
        match file.column(&format!("--{name}-column"), options.of(name), name) {
            Ok(column) => *place = column,
            Err(problem) => sheet.mistakes.push((number, String::new(), problem.to_string())),
        }
    }
    let is_long = places.of("value").is_some();
    for (index, name) in file.header.names().iter().enumerate() {
        if name.is_empty() || places.known.contains(&Some(index)) || has_name(&options.leave_out, name) {
            continue;
        }
        let is_juror = |known: &&&str| juror::is_same_name(known, name);
        match jurors.iter().find(is_juror) {
            Some(juror) if !is_long => places.jurors.push((index, (*juror).to_owned())),
            _ if !is_long && is_total(name) => {
                sheet.notes.push(format!("the column {name:?} has totals, and is ignored"));
            }
            _ => sheet.mistakes.push((number, String::new(), unknown_column(name, is_long, jurors))),
        }
    }
    let names_juror = places.of("juror").is_some();
    if !is_long && names_juror {
        sheet.mistakes.push((number, "value".to_owned(), "there is no such column".to_owned()));
    } else if !is_long && places.jurors.is_empty() {
        let problem = "there is no such column, and no column has the name of a juror of the panel";
        sheet.mistakes.push((number, "value".to_owned(), problem.to_owned()));
    }
    if places.of("entry").is_none() {
        let problem = format!(
            "there is no such column; name the column of the entries with --entry-column. The columns are {}",
            file.header.list_names()
        );
        sheet.mistakes.push((number, "entry".to_owned(), problem));
    }
    for name in options.leave_out.iter().filter(|name| file.header.find(name).is_none()) {
        sheet.mistakes.push((number, String::new(), format!("--leave-out: there is no column {name:?}")));
    }
    sheet.mistakes.is_empty().then_some(places)
}

fn unknown_column(name: &str, is_long: bool, jurors: &[&str]) -> String {
    let known = COLUMNS.iter().copied().chain(jurors.iter().copied().filter(|_| !is_long));
    let nearest = did_you_mean(name, known);
    let jurors = if is_long { "" } else { ", or a column for each juror in place of juror and value" };
    format!(
        "the column {name:?} is unknown{nearest}; the known columns are {}{jurors}. If the column has another name, give it with an option such as --entry-column; \
         to ignore the column, use --leave-out",
        COLUMNS.join(", ")
    )
}

/// Reads the scores of one row.
fn row(file: &TableFile, cells: Cells<'_>, places: &Places, sheet: &mut ScoreRows) {
    let number = cells.number();
    let mut row = Row { number, value_column: "value".to_owned(), ..Row::default() };
    for name in COLUMNS {
        let Some(column) = places.of(name) else { continue };
        if let Some(place) = row.cell(name) {
            cells.cell(column).clone_into(place);
        }
        if cells.cell(column).is_empty() && name != "criterion" {
            sheet.mistakes.push((number, name.to_owned(), "is missing".to_owned()));
        }
    }
    if let Some(column) = places.of("value") {
        value(file, cells, column, &mut row, sheet);
        sheet.rows.push(row);
        return;
    }
    for (column, juror) in &places.jurors {
        // An empty cell is not a zero: the juror did not judge the entry.
        if matches!(cells.cell(*column), "" | "-" | "–" | "—") {
            continue;
        }
        let mut of_juror = Row { juror: juror.clone(), value_column: juror.clone(), ..row.clone() };
        value(file, cells, *column, &mut of_juror, sheet);
        sheet.rows.push(of_juror);
    }
}

fn value(file: &TableFile, cells: Cells<'_>, column: usize, row: &mut Row, sheet: &mut ScoreRows) {
    match decimal(cells, column, file.table.format()) {
        Ok(value) => row.value = value,
        Err(InvalidNumber::Ambiguous) => {
            cells.cell(column).clone_into(&mut row.value);
            sheet.mistakes.push((row.number, row.value_column.clone(), ambiguous(cells.cell(column))));
        }
    }
}

fn ambiguous(cell: &str) -> String {
    let (whole, places) = cell.split_once([',', '.']).unwrap_or((cell, ""));
    let point = if cell.contains(',') { ',' } else { '.' };
    format!(
        "{cell:?} can be read in two ways; write {whole}{point}{places}0 or {whole}{places}: numbers without thousands separators, and with one, two or four decimal places"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(content: &str) -> ScoreRows {
        let file = TableFile::of(content.as_bytes()).unwrap();
        rows(&file, &ScoreColumns::default(), &["J1", "J2"])
    }

    fn mistakes(content: &str) -> Vec<String> {
        match TableFile::of(content.as_bytes()) {
            Err(problem) => vec![problem],
            Ok(_) => {
                let mistakes = sheet(content).mistakes.into_iter();
                mistakes.map(|(row, column, problem)| format!("{row}: {column}: {problem}")).collect()
            }
        }
    }

    #[test]
    fn reads_tables_of_spreadsheet_programs() {
        let comma =
            "\u{feff}juror,category,entry,value\r\n\r\n\"Mensah, Ama\",a,a1, 8.5 \r\n,,,\r\nKofi,a,a2,7\r\n";
        let semicolon = "value;entry;Category;JUROR\n8,5;a1;a;Mensah, Ama\n7;a2;a;Kofi";
        let tabs = "juror\tcategory\tentry\tvalue\nMensah, Ama\ta\ta1\t8.5\nKofi\ta\ta2\t7";
        for (content, rows) in [(comma, [3, 5]), (semicolon, [2, 3]), (tabs, [2, 3])] {
            let sheet = sheet(content);
            assert_eq!(sheet.mistakes, []);
            let read: Vec<_> =
                sheet.rows.iter().map(|row| (row.number, &*row.juror, &*row.entry, &*row.value)).collect();
            assert_eq!(read, [(rows[0], "Mensah, Ama", "a1", "8.5"), (rows[1], "Kofi", "a2", "7")]);
        }
    }

    #[test]
    fn reads_wide_table_with_column_per_juror() {
        let sheet = sheet("entry,criterion,j1,J2,Average\nx,a,-1,-,2\nx,b,,\u{2212}3,2\n");
        assert_eq!(sheet.mistakes, []);
        let read: Vec<_> = sheet.rows.iter().map(|row| (&*row.juror, &*row.criterion, &*row.value)).collect();
        assert_eq!(read, [("J1", "a", "-1"), ("J2", "b", "-3")]);
        assert_eq!(sheet.notes, ["the column \"Average\" has totals, and is ignored"]);
        let unknown = mistakes("entry,J1,J22\nx,1,2");
        assert!(
            unknown[0].starts_with("1: : the column \"J22\" is unknown; did you mean \"J2\"?"),
            "{unknown:?}"
        );
    }

    #[test]
    fn names_row_of_each_mistake() {
        for (content, expected) in [
            ("", &["the file is empty; its first row must hold the names of the columns"][..]),
            ("juror,category,entry\nA,a,a1", &["1: value: there is no such column"]),
            (
                "category,entry,value,points\na,a1,1,2",
                &["1: : the column \"points\" is unknown; the known columns are panel, juror"],
            ),
            ("category,entry,value,Value\na,a1,1,2", &["row 1: Value: there are two columns of this name"]),
            (
                "juror,category,entry,value\n,a,a1,1\nA,,a1,1\nA,a,,1\nA,a,a1",
                &[
                    "2: juror: is missing",
                    "3: category: is missing",
                    "4: entry: is missing",
                    "5: value: is missing",
                ],
            ),
            ("category,entry,value\na,a1,1,x", &["2: : \"x\" stands in column 4, which has no name"]),
            ("juror,category,entry,value\nTotal,,,12", &["2: : \"Total\" is a row of totals"]),
            ("category,entry,juror,value\nTotal,,,12", &["2: : \"Total\" is a row of totals"]),
            (
                "category;entry;value\na;a1;1,000\na;a2;1.000\na;a3;1.0000",
                &[
                    "2: value: \"1,000\" can be read in two ways; write 1,0000 or 1000",
                    "3: value: \"1.000\" can be read in two ways",
                ],
            ),
            ("category,entry,value\na,\"a1,1\n", &["row 2: a quotation mark opens here and is never closed"]),
        ] {
            let reported = mistakes(content);
            assert_eq!(reported.len(), expected.len(), "{reported:?}");
            for (mistake, expected) in reported.iter().zip(expected) {
                assert!(mistake.starts_with(expected), "{content}: {mistake}");
            }
        }
    }
}
