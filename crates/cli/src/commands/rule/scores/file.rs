//! A spreadsheet of jurors' scores: its rows, and what is wrong with the file by itself, whatever the contest.

use std::{fs, path::Path};

use acclaim_contest::spreadsheet::{RowPlace, Spreadsheet, StringRecord, Unreadable};
use anyhow::{Context as _, Result, bail};

/// The longest file, in bytes: a hundred jurors' scores of a thousand entries by ten criteria have room.
const MOST_LENGTH: u64 = 64 << 20;

/// A mistake: line, column, what it is.
pub(super) type Mistake = (usize, &'static str, String);

/// What stands in one row, empty where there is no such column.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: usize,
    pub(super) panel: String,
    pub(super) juror: String,
    pub(super) category: String,
    pub(super) criterion: String,
    pub(super) entry: String,
    pub(super) value: String,
}

const COLUMNS: [&str; 6] = ["panel", "juror", "category", "criterion", "entry", "value"];

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

pub(super) fn read(file: &Path) -> Result<Vec<u8>> {
    let named = || format!("the scores in {}", file.display());
    if fs::metadata(file).with_context(named)?.len() > MOST_LENGTH {
        bail!("{}: the file has more than {MOST_LENGTH} bytes", named());
    }
    fs::read(file).with_context(named)
}

/// The names of the columns, the rows, and what is wrong with the file by itself.
pub(super) fn rows(content: &[u8]) -> (Vec<String>, Vec<Row>, Vec<Mistake>) {
    let mut found = (Vec::new(), Vec::new(), Vec::new());
    let unreadable = |Unreadable { at, problem }: Unreadable| {
        let line = 1 + content.iter().take(at.unwrap_or(0)).filter(|byte| **byte == b'\n').count();
        (line, "", problem)
    };
    let mut sheet = match Spreadsheet::new(content) {
        Ok(sheet) => sheet,
        Err(error) => return (Vec::new(), Vec::new(), vec![unreadable(error)]),
    };
    let mut cells = StringRecord::new();
    let (columns, rows, mistakes) = (&mut found.0, &mut found.1, &mut found.2);
    loop {
        match sheet.next(&mut cells) {
            Ok(None) => break,
            Err(error) => {
                mistakes.push(unreadable(error));
                break;
            }
            Ok(Some(RowPlace { line, .. })) if columns.is_empty() => {
                columns.extend(cells.iter().map(str::to_owned));
                mistakes.extend(wrong_columns(columns, line));
                if !mistakes.is_empty() {
                    break;
                }
            }
            Ok(Some(RowPlace { line, .. })) => {
                let commas_are_points = sheet.delimiter() == b';';
                rows.push(row(&cells, columns, line, commas_are_points, mistakes));
            }
        }
    }
    if columns.is_empty() && mistakes.is_empty() {
        mistakes.push((1, "", "the file is empty; its first row names the columns".to_owned()));
    }
    found
}

fn wrong_columns(columns: &[String], line: usize) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (index, name) in columns.iter().enumerate() {
        if !COLUMNS.contains(&&**name) {
            let problem = format!("there is a column {name:?}; the columns are {}", COLUMNS.join(", "));
            mistakes.push((line, "", problem));
        } else if columns.iter().take(index).any(|earlier| earlier == name) {
            mistakes.push((line, "", format!("there are two columns {name}")));
        }
    }
    for name in ["category", "entry", "value"] {
        if !columns.iter().any(|column| column == name) {
            mistakes.push((line, name, "there is no such column".to_owned()));
        }
    }
    mistakes
}

fn row(
    cells: &StringRecord,
    columns: &[String],
    line: usize,
    commas_are_points: bool,
    mistakes: &mut Vec<Mistake>,
) -> Row {
    let mut row = Row { line, ..Row::default() };
    for (index, cell) in cells.iter().enumerate() {
        match columns.get(index).and_then(|name| row.cell(name)) {
            Some(place) => cell.clone_into(place),
            None if cell.is_empty() => {}
            None => mistakes.push((
                line,
                "",
                format!("{cell:?} stands in column {}, which has no name", index + 1),
            )),
        }
    }
    for name in COLUMNS {
        let is_there = columns.iter().any(|column| column == name);
        if is_there && name != "criterion" && row.cell(name).is_some_and(|cell| cell.is_empty()) {
            mistakes.push((line, name, "is missing".to_owned()));
        }
    }
    if commas_are_points && row.value.contains([',', '.']) {
        match decimal_point(&row.value) {
            Ok(value) => row.value = value,
            Err(problem) => mistakes.push((line, "value", problem)),
        }
    }
    row
}

/// A number as spreadsheets write it where a semicolon stands between cells: with a decimal comma.
fn decimal_point(value: &str) -> Result<String, String> {
    match value.split_once([',', '.']) {
        // One thousand, or one: in some countries this, in others that.
        Some((_, places)) if places.len() == 3 => Err(format!(
            "{value:?} can be read in two ways; write it without thousands, and with one, two or four places"
        )),
        _ => Ok(value.replacen(',', ".", 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(content: &str) -> Vec<String> {
        let (_, _, mistakes) = rows(content.as_bytes());
        mistakes.into_iter().map(|(line, column, problem)| format!("{line}: {column}: {problem}")).collect()
    }

    #[test]
    fn what_spreadsheets_write_is_read() {
        let comma =
            "\u{feff}juror,category,entry,value\r\n\r\n\"Mensah, Ama\",a,a1, 8.5 \r\n,,,\r\nKofi,a,a2,7\r\n";
        let semicolon = "value;entry;category;juror\n8,5;a1;a;Mensah, Ama\n7;a2;a;Kofi";
        for (content, lines) in [(comma, [3, 5]), (semicolon, [2, 3])] {
            let (_, rows, mistakes) = rows(content.as_bytes());
            assert_eq!(mistakes, []);
            let read: Vec<_> =
                rows.iter().map(|row| (row.line, &*row.juror, &*row.entry, &*row.value)).collect();
            assert_eq!(read, [(lines[0], "Mensah, Ama", "a1", "8.5"), (lines[1], "Kofi", "a2", "7")]);
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_by_its_line() {
        for (content, expected) in [
            ("", &["1: : the file is empty; its first row names the columns"][..]),
            ("juror,category,entry\nA,a,a1", &["1: value: there is no such column"]),
            (
                "category,entry,value,points\na,a1,1,2",
                &[
                    "1: : there is a column \"points\"; the columns are panel, juror, category, criterion, entry, value",
                ],
            ),
            ("category,entry,value,value\na,a1,1,2", &["1: : there are two columns value"]),
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
            (
                "category;entry;value\na;a1;1,000\na;a2;1.000\na;a3;1.0000",
                &[
                    "2: value: \"1,000\" can be read in two ways; write it without thousands, and with one, two or four places",
                    "3: value: \"1.000\" can be read in two ways; write it without thousands, and with one, two or four places",
                ],
            ),
            ("category,entry,value\na,\"a1,1\n", &["2: : a quotation mark opens here and is never closed"]),
        ] {
            assert_eq!(mistakes(content), expected, "{content}");
        }
        let zero = mistakes("category,entry,value\na,a1,\0");
        assert!(zero[0].starts_with("2: : there is a zero byte"), "{zero:?}");
    }
}
