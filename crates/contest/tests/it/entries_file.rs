//! Tests of entries from a spreadsheet's CSV file.

use crate::support::{mistakes, with_entries, with_entries_and};

#[test]
fn reads_delimiters_byte_order_mark_and_quotes() {
    let comma = with_entries_and(
        &["country"],
        "\u{feff}id,category,title,country\r\ne1,c1,\"One, two\",Ghana\r\n".as_bytes(),
    )
    .unwrap();
    assert_eq!(comma.entries[0].title, "One, two");
    assert_eq!(comma.entries[0].details, [("country".to_owned(), "Ghana".to_owned())]);
    let semicolon = with_entries_and(&["country"], b"id;category;title;country\ne1;c1;One;\n").unwrap();
    assert!(semicolon.entries[0].details.is_empty(), "an empty cell is no detail");
}

#[test]
fn reads_utf_16_and_names_other_encodings() {
    let latin = mistakes(with_entries(b"id,category,title\ne1,c1,Caf\xe9\n"));
    assert!(latin.iter().any(|line| line.contains("entries.csv") && line.contains("UTF-8")), "{latin:?}");
    let utf16: Vec<u8> =
        "\u{feff}id,category,title\ne1,c1,Café\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(with_entries(&utf16).unwrap().entries[0].title, "Café");
}
