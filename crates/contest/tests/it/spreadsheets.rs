//! Tests of the file of entries: the variants that spreadsheets write, and the messages of
//! mistakes.

use crate::support::{assert_mistake, mistakes, with_entries, with_entries_and};

fn titles(content: &[u8]) -> Vec<String> {
    with_entries(content).unwrap().entries.into_iter().map(|entry| entry.title).collect()
}

#[test]
fn columns_come_in_any_order_and_declared_ones_are_details() {
    let csv = "country,title,id,url,category,summary,image,organisation\n\
               Ghana,First,e1,https://a.example/,c1,\"Two\nlines, \"\"quoted\"\"\",https://a.example/p.png,\n\
               , Second ,e2,,c1,,,Org\n";
    let entries = with_entries_and(&["Country", "organisation"], csv.as_bytes()).unwrap().entries;
    let [first, second] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!((first.id.as_str(), &*first.title), ("e1", "First"));
    assert_eq!(first.summary.as_deref(), Some("Two\nlines, \"quoted\""));
    assert_eq!(first.url.as_deref(), Some("https://a.example/"));
    assert_eq!(first.image.as_deref(), Some("https://a.example/p.png"));
    assert_eq!(first.details, [("Country".to_owned(), "Ghana".to_owned())]);
    assert_eq!((&*second.title, &second.summary, &second.url), ("Second", &None, &None));
    assert_eq!(second.details, [("organisation".to_owned(), "Org".to_owned())]);
}

#[test]
fn reads_csv_of_different_spreadsheets() {
    for csv in [
        "id,category,title\ne1,c1,\"a, b; c\"\ne2,c1,é\n",
        "\u{feff}id,category,title\r\ne1,c1,\"a, b; c\"\r\ne2,c1,é\r\n",
        "id;category;title\ne1;c1;\"a, b; c\"\ne2;c1;é",
        "\"id\";\"category\";\"title\"\r\n\"e1\";\"c1\";\"a, b; c\"\r\n\"e2\";\"c1\";\"é\"\r\n",
        "id,category,title,,\n\ne1,c1,\"a, b; c\",,\n,,,,\n\r\ne2,c1,é,,\n,,,,\n",
        "\nid, category ,title\ne1, c1 ,\"a, b; c\"\ne2,c1,é",
    ] {
        assert_eq!(titles(csv.as_bytes()), ["a, b; c", "é"], "{csv:?}");
    }
}

#[test]
fn another_encoding_is_named_with_its_row() {
    assert_mistake(
        with_entries(b"id,category,title\ne1,c1,plain\ne2,c1,caf\xe9\n"),
        "entries.csv: line 3: not UTF-8 (byte 0xE9): the file looks like Windows-1252; save it as UTF-8 (",
        "LibreOffice: Save as, character set \"Unicode (UTF-8)\")",
    );
    let text = "id,category,title\ne1,c1,plain\n";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for content in [&little, &big, &[&b"\xff\xfe"[..], &little].concat(), &[&b"\xfe\xff"[..], &big].concat()]
    {
        assert_eq!(titles(content), ["plain"]);
    }
}

#[test]
fn mistakes_name_row_and_column() {
    let csv = "id,category,title,url,country\n\
               e1,c1,\"Two\nlines\",,\n\
               \n\
               E 2,c1,Second,,\n\
               e3,c9,Third,,\n\
               e1,c1,,x,\n\
               e5,c1\n\
               e6,c1,T,,,more\n\
               e7,c1,T,,a\u{7}\n";
    let begins = [
        "row 4 (line 5): id: `E 2` is not an identifier",
        "row 5 (line 6): category: there is no category \"c9\"",
        "row 6 (line 7): title: is missing",
        "row 6 (line 7): url: must begin with",
        "row 6 (line 7): id: \"e1\" is the id of an earlier entry",
        "row 7 (line 8): title: is missing",
        "row 8 (line 9): \"more\" stands in column 6, which has no name: the row has 6 cells and the first row names 5 columns; a comma in a text needs",
        "row 9 (line 10): country: must not contain the control character U+0007",
    ];
    let found = mistakes(with_entries_and(&["country"], csv.as_bytes()));
    assert_eq!(found.len(), begins.len(), "{found:#?}");
    for (found, begins) in found.iter().zip(begins) {
        assert!(found.starts_with(&format!("entries.csv: {begins}")), "{found}\nexpected: {begins}");
    }
}

#[test]
fn the_header_is_checked() {
    let found = |csv: &str| {
        let mut found = mistakes(with_entries(csv.as_bytes()));
        found.retain(|mistake| mistake.starts_with("entries.csv"));
        found
    };
    assert_eq!(found("")[0], "entries.csv: row 1: the file is empty; its first row must name the columns");
    assert_eq!(found("id\tcategory\tname\n").len(), 2);
    assert_eq!(titles(b" ID ,Category,TITLE\ne1,c1,T\n"), ["T"]);
    assert!(found("id,category,title,a,A\n")[0].starts_with("entries.csv: row 1: A: there are two columns"));
    let wide = format!("id,category,title{}\n", ",a".repeat(1000));
    assert!(found(&wide)[0].starts_with("entries.csv: row 1: has 1003 columns"));
    // A header alone is read. Then the contest has no entry.
    assert_eq!(mistakes(with_entries(b"id,category,title\n")).len(), 2);
}

#[test]
fn missing_quotation_mark_does_not_swallow_rows() {
    let unclosed = "id,category,title\ne1,c1,First\ne2,c1,\"Second\ne3,c1,Third\n";
    assert!(
        mistakes(with_entries(unclosed.as_bytes()))
            .contains(&"entries.csv: row 3: a quotation mark opens here and is never closed".to_owned())
    );
    let closed_later = "id,category,title\ne1,c1,\"First\ne2,c1,\"Second\"\ne3,c1,Third\n";
    assert!(mistakes(with_entries(closed_later.as_bytes()))[0].starts_with(
        "entries.csv: row 2: a cell in quotation marks begins here and has text after its closing mark; write a quotation mark inside a cell twice"
    ));
    assert_eq!(
        titles("id,category,title\ne1,c1,5\" disk\ne2,c1,\"\"\"quoted\"\"\"\n".as_bytes()),
        ["5\" disk", "\"quoted\""]
    );
}

#[test]
fn entries_of_the_file_come_last() {
    let text = format!("entries_csv = \"e.csv\"\n{}", crate::support::PLAIN);
    let mut load = |_: &str| Ok(b"id,category,title\ne0,c1,Zero\n".to_vec());
    let definition = acclaim_contest::Definition::from_toml(
        text.as_bytes(),
        &mut load,
        &acclaim_contest::Overrides::default(),
    )
    .unwrap();
    let ids: Vec<_> = definition.entries.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["e1", "e2", "e0"]);
}

#[test]
fn at_most_100_000_rows() {
    let rows: String = (0..100_001).map(|i| format!("e{i},c1,T\n")).collect();
    let found = mistakes(with_entries(format!("id,category,title\n{rows}").as_bytes()));
    assert_eq!(found, ["entries.csv: row 100002: entry: there are more than 100000 entries"]);
}

#[test]
fn publishes_only_declared_columns() {
    let csv = b"id,category,title,sumary,Email,Image\ne1,c1,T,S,ama@example.org,\n";
    let found = mistakes(with_entries(csv));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found[0]
            .starts_with("entries.csv: row 1: sumary: is not a column of entries; did you mean \"summary\"?"),
        "{found:#?}"
    );
    assert!(
        found[1].starts_with("entries.csv: row 1: Email: is not a column of entries. The columns are id,"),
        "{found:#?}"
    );
    assert!(found[1].contains("details = [\"Email\"], or with --details"), "{found:#?}");
    assert_mistake(
        with_entries_and(&["countri"], b"id,category,title,country\ne1,c1,T,Ghana\n").map_err(
            |mut mistakes| {
                mistakes.0.retain(|mistake| mistake.key.is_empty());
                mistakes
            },
        ),
        "entries.csv: row 1: there is no column \"countri\" of details; did you mean \"country\"?",
        "",
    );
    assert_mistake(
        with_entries_and(&["Title"], b"id,category,title\ne1,c1,T\n"),
        "line 2: details: names \"Title\"",
        "",
    );
    assert_mistake(
        crate::support::from_toml(&format!("details = [\"country\"]\n{}", crate::support::PLAIN)),
        "line 1: details: names columns of a file of entries",
        "there is no entries_csv",
    );
}

#[test]
fn rejects_comma_that_cuts_a_text() {
    let found = mistakes(with_entries(
        b"id,category,title,summary\np1,c1,The Party - Non-violence, Justice\np2,c1,Green,Party of the woods\n",
    ));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with("entries.csv: row 2: summary: \"Justice\" follows a comma and a space")
            && found[0].contains("\"The Party - Non-violence, Justice\""),
        "{found:#?}"
    );
    // This is accepted if a space follows every comma, or if the next column is not a text column.
    for valid in [
        "id, category, title, summary\np1, c1, T, S\n",
        "id,category,title,summary,url\np1,c1,T,, https://a.example\n",
    ] {
        assert_eq!(titles(valid.as_bytes()), ["T"]);
    }
}

#[test]
fn rejects_totals_and_repeated_headers() {
    let found = mistakes(with_entries(b"id,category,title\ne1,c1,Total\nid,Category,title\nTotal:,1,\n"));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!(found[0], "entries.csv: row 3: repeats the first row; delete it");
    assert!(
        found[1].starts_with("entries.csv: row 4: \"Total:\" is a row of totals, not an entry"),
        "{found:#?}"
    );
}
