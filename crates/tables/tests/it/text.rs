//! Tests of tables as text.

use acclaim_tables::{Header, Table, TableFormat};
use proptest::prelude::*;

use crate::{read, refusal};

fn cells(content: &str) -> Vec<Vec<String>> {
    read(content.as_bytes()).into_iter().map(|(_, cells)| cells).collect()
}

#[test]
fn detects_every_delimiter_and_line_end() {
    for delimiter in [",", ";", "\t", "|"] {
        for end in ["\n", "\r\n", "\r"] {
            let text =
                ["id,title", "e1,\"One; two, | and\tthree\"", "e2,x"].map(|row| match row.split_once(',') {
                    Some((id, title)) => format!("{id}{delimiter}{title}{end}"),
                    None => String::new(),
                });
            let rows = cells(&text.concat());
            assert_eq!(
                rows,
                [vec!["id", "title"], vec!["e1", "One; two, | and\tthree"], vec!["e2", "x"]],
                "{text:?}"
            );
        }
    }
    assert_eq!(cells("sep=;\r\na,b;c\r\n"), [["a,b", "c"]]);
    assert_eq!(cells("\"sep=|\"\na,b|c\n"), [["a,b", "c"]]);
    assert_eq!(read(b"sep=;\na;b\n")[0].0, 1, "a spreadsheet does not show the `sep=` line");
    assert_eq!(cells("title\nOne: two\n"), [["title"], ["One: two"]]);
    assert_eq!(Table::read(b"title\n").unwrap().format(), TableFormat::Text(None));
}

#[test]
fn numbers_rows_like_a_spreadsheet() {
    let table = Table::read(b"a,b\r\n\r\n\"one\r\ntwo\",x\r\n,,\r\ny,\"\"\"z\"\"\"\r\n\r\n").unwrap();
    let rows: Vec<_> = table.rows().map(|row| (row.number(), row.line(), row.cell(0))).collect();
    assert_eq!(rows, [(1, Some(1), "a"), (3, Some(3), "one\ntwo"), (5, Some(6), "y")]);
    assert_eq!(table.row(2).unwrap().cell(1), "\"z\"");
    assert_eq!(table.blank_rows(), [2, 4]);
    assert_eq!(table.row(2).unwrap().cell(7), "");
}

#[test]
fn reports_where_unclosed_quotation_mark_opens() {
    assert_eq!(refusal(b"a,b\n\n1,\"x\n2,y\n"), "row 3: a quotation mark opens here and is never closed");
    assert!(
        refusal(b"a,b\n1,\"x\"y\n")
            .starts_with("row 2: a cell in quotation marks begins here and has text after its closing mark")
    );
    assert_eq!(cells("a, \"b, c\" ,d\"e\n"), [["a", "b, c", "d\"e"]]);
}

#[test]
fn compares_column_names_without_case() {
    let table = Table::read(b" E-Mail  Adresse ;Name\nx;y;z\ne-mail adresse;NAME\nSumme;7;\n").unwrap();
    let header = Header::read(table.row(0).unwrap(), table.format()).unwrap();
    assert_eq!(header.find("e-mail adresse"), Some(0));
    let problem = header.require("Nam").unwrap_err();
    assert!(
        problem.contains("did you mean \"Name\"?") && problem.contains("E-Mail  Adresse, Name"),
        "{problem}"
    );
    assert!(header.find_unnamed_cell(table.row(1).unwrap()).unwrap().contains("\"z\" stands in column 3"));
    assert!(header.is_repeated_by(table.row(2).unwrap()));
    assert_eq!(Header::total_label(table.row(3).unwrap()), Some("Summe"));
    assert_eq!(Header::total_label(table.row(1).unwrap()), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Err(error) = Table::read(&bytes) {
            prop_assert!(!error.problem.is_empty());
        }
    }

    #[test]
    fn quoted_cells_round_trip(rows in proptest::collection::vec(proptest::collection::vec("[a-z,;\"\n é|\t]{1,8}", 2..5), 1..6)) {
        let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
        let text: String = rows.iter().map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(";") + "\r\n").collect();
        let expected: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| cell.trim().to_owned()).collect::<Vec<_>>())
            .filter(|row| row.iter().any(|cell| !cell.is_empty()))
            .collect();
        prop_assert_eq!(cells(&text), expected);
    }
}
