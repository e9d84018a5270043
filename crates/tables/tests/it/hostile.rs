//! Tests of workbooks that would take unbounded memory or time.

use std::time::{Duration, Instant};

use crate::{
    refusal,
    workbook::{STRINGS, archive, ods, xlsx},
};

/// Asserts that reading fails within a minute, with these words.
#[track_caller]
fn assert_refused(content: &[u8], words: &str) {
    let start = Instant::now();
    let message = refusal(content);
    assert!(message.contains(words), "{message}");
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

fn cell(more: &str, content: &str) -> String {
    format!(
        "<table:table-cell office:value-type=\"string\" {more}><text:p>{content}</text:p></table:table-cell>"
    )
}

#[test]
fn limits_repeated_cells() {
    let row = |more: &str, cells: &str| {
        format!(
            "<table:table table:name=\"S\"><table:table-row {more}>{cells}</table:table-row></table:table>"
        )
    };
    assert_refused(
        &ods(&row(
            "table:number-rows-repeated=\"1000000\"",
            &cell("table:number-columns-repeated=\"1000\"", "x"),
        )),
        "expands to more than",
    );
    assert_refused(&ods(&row("", &cell("", "<text:s text:c=\"99999999999\"/>"))), "expands to more than");
    assert_refused(
        &ods(&row("table:number-rows-repeated=\"100000\"", &cell("", &"x".repeat(10_000)))),
        "expands to more than",
    );
    assert_refused(&ods(&row("table:number-rows-repeated=\"-1\"", &cell("", "x"))), "is not a number");
    let wide = "<table:table-cell table:number-columns-repeated=\"16000\"/>".repeat(2) + &cell("", "x");
    assert_refused(&ods(&row("", &wide)), "expands to more than 16384 columns");
}

#[test]
fn rejects_part_that_never_ends() {
    let content = "<office:document-content><table:table table:name=\"S\"><table:table-row>";
    let truncated =
        archive(&[("mimetype", "application/vnd.oasis.opendocument.spreadsheet"), ("content.xml", content)]);
    assert_refused(&truncated, "ends too early");
    assert_refused(&xlsx(&[("S", "", "<row><c>")], STRINGS), "is damaged");
    assert_refused(&xlsx(&[("S", "", "")], &"<a>".repeat(1_000)), "is nested too deeply");
    assert_refused(&xlsx(&[("S", "", "")], "<!DOCTYPE x [<!ENTITY a \"b\">]><sst/>"), "has a document type");
}

#[test]
fn rejects_claims_out_of_proportion() {
    assert_refused(
        &xlsx(&[("S", "", "")], "<sst uniqueCount=\"99999999999999\"></sst>"),
        "claims more texts than it has",
    );
    let far = "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row>".to_owned()
        + &(2..200)
            .map(|row| format!("<row r=\"{row}\"><c r=\"XFD{row}\"><v>1</v></c></row>"))
            .collect::<String>();
    assert!(acclaim_tables::Table::read(&xlsx(&[("S", "", &far)], STRINGS)).is_ok());
    let farther: String =
        (1..400).map(|row| format!("<row r=\"{row}\"><c r=\"XFD{row}\"><v>1</v></c></row>")).collect();
    assert_refused(&xlsx(&[("S", "", &farther)], STRINGS), "more than 4000000 cells");
    let long = format!("<sst><si><t>{}</t></si></sst>", "x".repeat(30_000));
    let repeated = format!("<row>{}</row>", "<c t=\"s\"><v>0</v></c>".repeat(5_000));
    assert_refused(&xlsx(&[("S", "", &repeated)], &long), "MiB of text");
}

#[test]
fn rejects_archive_that_unpacks_to_too_much() {
    let zeros = "0".repeat(140 << 20);
    assert_refused(&archive(&[("xl/workbook.xml", "<w/>"), ("xl/big.xml", &zeros)]), "MiB when unpacked");
}
