//! The file of entries in all the ways that spreadsheets write it, and what is said of each mistake in it.

use crate::support::{assert_mistake, mistakes, with_entries};

fn titles(content: &[u8]) -> Vec<String> {
    with_entries(content).unwrap().entries.into_iter().map(|entry| entry.title).collect()
}

#[test]
fn columns_come_in_any_order_and_unknown_ones_are_details() {
    let csv = "country,title,id,url,category,summary,image,organisation\n\
               Ghana,First,e1,https://a.example/,c1,\"Two\nlines, \"\"quoted\"\"\",https://a.example/p.png,\n\
               , Second ,e2,,c1,,,Org\n";
    let entries = with_entries(csv.as_bytes()).unwrap().entries;
    let [first, second] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!((first.id.as_str(), &*first.title), ("e1", "First"));
    assert_eq!(first.summary.as_deref(), Some("Two\nlines, \"quoted\""));
    assert_eq!(first.url.as_deref(), Some("https://a.example/"));
    assert_eq!(first.image.as_deref(), Some("https://a.example/p.png"));
    assert_eq!(first.details, [("country".to_owned(), "Ghana".to_owned())]);
    assert_eq!((&*second.title, &second.summary, &second.url), ("Second", &None, &None));
    assert_eq!(second.details, [("organisation".to_owned(), "Org".to_owned())]);
}

#[test]
fn spreadsheets_differ() {
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
    let latin = b"id,category,title\ne1,c1,plain\ne2,c1,caf\xe9\n";
    assert_mistake(
        with_entries(latin),
        "entries.csv: line 3: not UTF-8 (byte 0xE9)",
        "Latin-1 or Windows-1252",
    );
    let text = "id,category,title\ne1,c1,plain\n";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let marked = [&b"\xff\xfe"[..], &little].concat();
    assert_mistake(with_entries(&marked), "entries.csv: line 1: the file is UTF-16", "save it as UTF-8");
    assert_mistake(
        with_entries(&[&b"\xfe\xff"[..], &big].concat()),
        "entries.csv: line 1: the file is UTF-16",
        "",
    );
    assert_mistake(with_entries(&little), "entries.csv: line 1: the file seems to be UTF-16", "");
    assert_mistake(with_entries(&big), "entries.csv: line 1: the file seems to be UTF-16", "");
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
        "line 5: id: `E 2` is not an identifier",
        "line 6: category: there is no category \"c9\"",
        "line 7: title: is missing",
        "line 7: url: must begin with",
        "line 7: id: \"e1\" is the id of an earlier entry",
        "line 8: title: is missing",
        "line 9: \"more\" stands in column 6, which has no name",
        "line 10: country: must not contain the control character U+0007",
    ];
    let found = mistakes(with_entries(csv.as_bytes()));
    assert_eq!(found.len(), begins.len(), "{found:#?}");
    for (found, begins) in found.iter().zip(begins) {
        assert!(found.starts_with(&format!("entries.csv: {begins}")), "{found}\nwanted: {begins}");
    }
}

#[test]
fn the_header_is_checked() {
    let found = |csv: &str| {
        let mut found = mistakes(with_entries(csv.as_bytes()));
        found.retain(|mistake| mistake.starts_with("entries.csv"));
        found
    };
    assert_eq!(found("")[0], "entries.csv: line 1: the file is empty; its first row names the columns");
    assert_eq!(found("id\tcategory\ttitle\n").len(), 3);
    assert!(found("ID,category,title\n")[0].starts_with("entries.csv: line 1: id: there is no such column"));
    assert!(found("id,category,title,a,a\n")[0].starts_with("entries.csv: line 1: a: there are two columns"));
    let wide = format!("id,category,title{}\n", ",a".repeat(60));
    assert!(found(&wide)[0].starts_with("entries.csv: line 1: has 63 columns"));
    // A header alone is read, and the contest has no entry.
    assert_eq!(mistakes(with_entries(b"id,category,title\n")).len(), 2);
}

#[test]
fn a_missing_quotation_mark_swallows_no_rows() {
    let unclosed = "id,category,title\ne1,c1,First\ne2,c1,\"Second\ne3,c1,Third\n";
    assert!(
        mistakes(with_entries(unclosed.as_bytes()))
            .contains(&"entries.csv: line 3: a quotation mark opens here and is never closed".to_owned())
    );
    let closed_later = "id,category,title\ne1,c1,\"First\ne2,c1,\"Second\"\ne3,c1,Third\n";
    assert!(mistakes(with_entries(closed_later.as_bytes()))[0].starts_with(
        "entries.csv: line 2: a field in quotation marks that opens here goes on after they close"
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
    assert_eq!(found, ["entries.csv: line 100002: entry: there are more than 100000 entries"]);
}
