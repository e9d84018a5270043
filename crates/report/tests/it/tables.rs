//! The CSV table as a spreadsheet or a program reads it.

use std::collections::HashMap;

use acclaim_report::Report;

use crate::{documents, version_2};

type Row = HashMap<String, String>;

/// The rows of the table, by column name.
pub(crate) fn rows(bytes: &[u8]) -> Vec<Row> {
    let csv = Report::read(bytes).unwrap().csv();
    assert_eq!(csv.replace("\r\n", "").matches(['\r', '\n']).count(), 0, "a line ends with CR LF only");
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
    assert_eq!(votes, 10_100, "the column adds up to the count of the document");
}

#[test]
fn a_table_of_version_2_ends_with_jurors_and_decisions() {
    let names = |bytes: &[u8]| -> Vec<String> {
        let csv = Report::read(bytes).unwrap().csv();
        csv.lines().next().unwrap().split(',').map(str::to_owned).collect()
    };
    let (first, second) = (names(&documents::everything()), names(&documents::everything_version_2()));
    assert_eq!(second[..first.len()], first, "the columns of version 1 keep their positions");
    let added =
        ["panel:experts:recused", "panel:experts:missing", "panel:youth:recused", "panel:youth:missing"];
    assert_eq!(second[first.len()..first.len() + 4], added);
    assert_eq!(second[first.len() + 4..], ["decision", "undecided"]);
}

#[test]
fn counts_judging_recused_and_missing_jurors() {
    let rows = rows(&version_2::jurors());
    let jurors = |entry: &str| {
        let row = of(&rows, entry);
        ["jurors", "recused", "missing"].map(|what| row[&format!("panel:experts:{what}")].clone())
    };
    // Bo has not scored. Li has scored only a1. Kofi does not judge a3, so that a3 has one juror
    // and no figure.
    assert_eq!(jurors("a1"), ["3", "0", "1"]);
    assert_eq!(jurors("a2"), ["2", "0", "2"]);
    assert_eq!(jurors("a3"), ["", "1", "2"]);
    // This entry is no champion, so no score for it is missing.
    assert_eq!(jurors("a4"), ["", "0", "0"]);
    assert_eq!(of(&rows, "a2")["panel:experts:figure"], "-1.25");
}

#[test]
fn undecided_category_has_no_winner() {
    let rows = rows(&version_2::jurors());
    let row = of(&rows, "a1");
    assert_eq!((&*row["decision"], &*row["winner_place"], &*row["winner_by"]), ("undecided", "", ""));
    assert_eq!(row["undecided"], "missing-jurors incomplete-scores too-few-jurors");
    let [_, corrected] = version_2::corrected();
    let rows = self::rows(&corrected);
    assert_eq!((&*of(&rows, "a2")["decision"], &*of(&rows, "a2")["undecided"]), ("decided", ""));
    assert_eq!(of(&rows, "a2")["winner_place"], "1");
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
