//! The table as a spreadsheet or a program reads it.

use std::collections::HashMap;

use acclaim_report::Report;

use crate::documents;

type Row = HashMap<String, String>;

/// The rows, as a reader of CSV finds them.
pub(crate) fn rows(bytes: &[u8]) -> Vec<Row> {
    let csv = Report::read(bytes).unwrap().csv();
    assert_eq!(
        csv.replace("\r\n", "").matches(['\r', '\n']).count(),
        0,
        "no bare line ends in these documents"
    );
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    reader
        .records()
        .map(|record| names.iter().cloned().zip(record.unwrap().iter().map(str::to_owned)).collect())
        .collect()
}

fn of<'a>(rows: &'a [Row], entry: &str) -> &'a Row {
    rows.iter().find(|row| row["entry"] == entry).unwrap()
}

#[test]
fn every_entry_has_a_row_with_all_its_figures() {
    let rows = rows(&documents::everything());
    assert_eq!(rows.len(), 8);
    let second = of(&rows, "p2");
    for (name, value) in [
        ("category", "c01"),
        ("category_title", "Access to information and knowledge"),
        ("title", "A clinic in every pocket"),
        ("rank", "2"),
        ("votes", "3030"),
        ("share", "30.00"),
        ("tied", "false"),
        ("channel:unique:votes", "30"),
        ("channel:fan:share", "30.00"),
        ("panel:experts:rank", "1"),
        ("panel:experts:figure", "9.00"),
        ("panel:youth:jurors", "1"),
        ("ranking_rank", "1"),
        ("ranking_figure", "37.50"),
        ("champion_place", "2"),
        ("champion_by", "votes"),
        ("winner_place", "1"),
        ("winner_by", "panel"),
        ("rank_without_rulings", "2"),
        ("withdrawn", ""),
        ("contest", "prize-final-2021"),
        ("status", "provisional"),
        ("test", "false"),
    ] {
        assert_eq!(second[name], value, "{name}");
    }
    assert_eq!(of(&rows, "p3")["panel:youth:figure"], "");
    assert_eq!((&*of(&rows, "p4")["champion_by"], &*of(&rows, "p4")["winner_by"]), ("draw", ""));
}

#[test]
fn a_withdrawn_entry_is_marked_and_adds_to_no_sum() {
    let rows = rows(&documents::everything());
    let withdrawn = of(&rows, "p6");
    assert_eq!(withdrawn["withdrawn"], "Not the entrant's own work");
    assert_eq!(withdrawn["withdrawn_votes"], "12");
    assert_eq!((&*withdrawn["rank_without_rulings"], &*withdrawn["votes_without_rulings"]), ("3", "2000"));
    for name in ["rank", "votes", "share", "tied", "champion_place", "winner_by", "channel:fan:votes"] {
        assert_eq!(withdrawn[name], "", "{name}");
    }
    assert_eq!((&*withdrawn["status"], &*withdrawn["contest"]), ("provisional", "prize-final-2021"));
    let votes: u64 = rows.iter().filter_map(|row| row["votes"].parse::<u64>().ok()).sum();
    assert_eq!(votes, 10_100, "the sum of the column is the count of the document");
}

#[test]
fn every_document_has_as_many_rows_as_entries() {
    for (name, bytes) in documents::all() {
        let report = Report::read(&bytes).unwrap();
        let document = report.document();
        let standing: usize = document.categories.iter().map(|category| category.standings.len()).sum();
        assert_eq!(rows(&bytes).len(), standing + document.withdrawn.len(), "{name}");
    }
}
