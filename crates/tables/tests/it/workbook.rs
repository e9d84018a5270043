//! Tests of workbooks, built here part by part.

use std::io::{Cursor, Write as _};

use acclaim_tables::{InvalidNumber, Table, TableFormat, decimal};
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{read, refusal};

/// Builds a ZIP archive with these parts.
pub(crate) fn archive(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Builds an `.xlsx` with these sheets: name, attributes of the sheet, rows as XML.
pub(crate) fn xlsx(sheets: &[(&str, &str, &str)], strings: &str) -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let (mut list, mut targets, mut parts) = (String::new(), String::new(), Vec::new());
    for (number, (name, attributes, rows)) in (1..).zip(sheets) {
        list += &format!("<sheet name=\"{name}\" sheetId=\"{number}\" r:id=\"r{number}\" {attributes}/>");
        targets += &format!(
            "<Relationship Id=\"r{number}\" Type=\"{relations}/worksheet\" Target=\"worksheets/sheet{number}.xml\"/>"
        );
        parts.push((
            format!("xl/worksheets/sheet{number}.xml"),
            format!("<worksheet xmlns=\"{main}\"><sheetData>{rows}</sheetData></worksheet>"),
        ));
    }
    parts.push((
        "xl/workbook.xml".into(),
        format!("<workbook xmlns=\"{main}\" xmlns:r=\"{relations}\"><sheets>{list}</sheets></workbook>"),
    ));
    parts.push((
        "xl/_rels/workbook.xml.rels".into(),
        format!("<Relationships xmlns=\"{package}\">{targets}</Relationships>"),
    ));
    parts.push((
        "_rels/.rels".into(),
        format!(
            "<Relationships xmlns=\"{package}\"><Relationship Id=\"r1\" Type=\"{relations}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
        ),
    ));
    parts.push(("xl/sharedStrings.xml".into(), strings.to_owned()));
    parts.push((
        "xl/styles.xml".into(),
        format!(
            "<styleSheet xmlns=\"{main}\"><numFmts><numFmt numFmtId=\"164\" formatCode=\"0000\"/></numFmts><cellXfs>\
             <xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"164\"/><xf numFmtId=\"9\"/></cellXfs></styleSheet>"
        ),
    ));
    let parts: Vec<(&str, &str)> = parts.iter().map(|(name, content)| (&**name, &**content)).collect();
    archive(&parts)
}

/// Builds an `.ods` with these tables.
pub(crate) fn ods(tables: &str) -> Vec<u8> {
    let content = format!(
        "<office:document-content xmlns:office=\"o\" xmlns:table=\"t\" xmlns:text=\"x\"><office:body><office:spreadsheet>{tables}\
         </office:spreadsheet></office:body></office:document-content>"
    );
    archive(&[
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("META-INF/manifest.xml", "<manifest/>"),
        ("content.xml", &content),
    ])
}

pub(crate) const STRINGS: &str = "<sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" uniqueCount=\"2\"><si><t>juror</t></si><si><t>Zoë &amp; Li</t></si></sst>";

#[test]
fn reads_xlsx_values_as_displayed() {
    let rows = "<row r=\"2\"><c r=\"A2\" t=\"s\"><v>0</v></c><c r=\"C2\" t=\"inlineStr\"><is><t>value</t></is></c></row>\
                <row r=\"5\"><c r=\"A5\" t=\"s\"><v>1</v></c><c r=\"B5\" s=\"1\"><v>45943</v></c><c r=\"C5\"><v>1.125</v></c>\
                <c r=\"D5\" s=\"2\"><v>42</v></c><c r=\"E5\" s=\"3\"><v>0.5</v></c><c r=\"F5\" t=\"b\"><v>1</v></c></row>";
    let content =
        xlsx(&[("Scores", "", rows), ("Notes", "", ""), ("Old", "state=\"hidden\"", rows)], STRINGS);
    assert_eq!(
        read(&content),
        [
            (2, vec!["juror".to_owned(), String::new(), "value".to_owned()]),
            (5, ["Zoë & Li", "2025-10-13", "1.125", "0042", "50%", "TRUE"].map(str::to_owned).to_vec()),
        ]
    );
    let table = Table::read(&content).unwrap();
    let row = table.row(1).unwrap();
    assert_eq!((table.format(), row.line()), (TableFormat::Workbook, None));
    assert_eq!(
        decimal(row, 2, table.format()),
        Ok("1.125".to_owned()),
        "a number cell has no thousands separator"
    );
    assert_eq!(table.blank_rows(), [3, 4]);
}

#[test]
fn reads_ods_values_as_displayed() {
    let table = "<table:table table:name=\"S\"><table:table-row><table:table-cell office:value-type=\"string\"><text:p>email</text:p></table:table-cell>\
                 <table:table-cell office:value-type=\"string\"><text:p>n</text:p></table:table-cell></table:table-row>\
                 <table:table-row table:number-rows-repeated=\"2\"><table:table-cell table:number-columns-repeated=\"2\"/></table:table-row>\
                 <table:table-row><table:table-cell office:value-type=\"string\"><text:p>ama@example.org</text:p></table:table-cell>\
                 <table:table-cell office:value-type=\"float\" office:value=\"7\"><text:p>7</text:p></table:table-cell>\
                 <table:table-cell office:value-type=\"date\" office:date-value=\"2021-03-01\"><text:p>01.03.21</text:p></table:table-cell></table:table-row>\
                 <table:table-row table:number-rows-repeated=\"1048570\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row>\
                 </table:table>";
    assert_eq!(
        read(&ods(table)),
        [
            (1, vec!["email".to_owned(), "n".to_owned()]),
            (4, vec!["ama@example.org".to_owned(), "7".to_owned(), "2021-03-01".to_owned()]),
        ]
    );
}

#[test]
fn rejects_ambiguous_thousands_separator() {
    let first = |content: &[u8]| {
        let table = Table::read(content).unwrap();
        let row = table.row(0).unwrap();
        decimal(row, 0, table.format())
    };
    assert_eq!(first(b"1.000;x"), Err(InvalidNumber::Ambiguous));
    assert_eq!(first(b"1,000\tx\ty"), Err(InvalidNumber::Ambiguous));
    assert_eq!(first(b"8,5;x;y"), Ok("8.5".to_owned()));
    assert_eq!(first(b"1.000,x"), Ok("1.000".to_owned()));
    assert_eq!(first("\u{2212}1.5,x".as_bytes()), Ok("-1.5".to_owned()));
}

#[test]
fn reports_why_workbook_is_unreadable() {
    let error = "<row r=\"3\"><c r=\"B3\" t=\"e\"><v>#REF!</v></c></row>";
    assert_eq!(
        refusal(&xlsx(&[("S", "", error)], STRINGS)),
        "row 3: the cell in column B holds an error (#REF!); correct its formula, or type the value"
    );
    let row = "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row>";
    let several = refusal(&xlsx(&[("One", "", row), ("Two", "", row)], STRINGS));
    assert!(several.contains("several sheets with content: \"One\", \"Two\""), "{several}");
    assert!(
        refusal(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest")
            .contains("old workbook (.xls), or one with a password")
    );
    assert!(refusal(&archive(&[("a.txt", "x")])).contains("a ZIP archive, but not a workbook"));
    assert!(refusal(b"PK\x03\x04rest").contains("damaged"));
}
