//! Entries from a spreadsheet's CSV.

use crate::support::{mistakes, with_entries};

#[test]
fn commas_and_semicolons_marks_and_quotes_are_read() {
    let comma =
        with_entries("\u{feff}id,category,title,country\r\ne1,c1,\"One, two\",Ghana\r\n".as_bytes()).unwrap();
    assert_eq!(comma.entries[0].title, "One, two");
    assert_eq!(comma.entries[0].details, [("country".to_owned(), "Ghana".to_owned())]);
    let semicolon = with_entries(b"id;category;title;country\ne1;c1;One;\n").unwrap();
    assert!(semicolon.entries[0].details.is_empty(), "an empty cell is no detail");
}

#[test]
fn another_encoding_is_named() {
    let latin = mistakes(with_entries(b"id,category,title\ne1,c1,Caf\xe9\n"));
    assert!(latin.iter().any(|line| line.contains("entries.csv") && line.contains("UTF-8")), "{latin:?}");
    let utf16: Vec<u8> = "\u{feff}id,category,title\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(with_entries(&utf16).is_err());
}
