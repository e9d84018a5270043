//! Tests that any bytes get an answer in bounded time and memory, without a panic.

use acclaim_contest::{Definition, Overrides};
use proptest::{collection::vec, prelude::*};

use crate::support::{PLAIN, from_json, from_toml};

const CSV: &str = "\u{feff}id;category;title;country\r\ne1;c1;\"One; \"\"and\"\"\r\nonly\";Perú\r\n\r\n;;;\r\ne2;c1;Two;\r\n";

fn read(toml: &[u8], csv: &[u8]) {
    let overrides = Overrides::default();
    for result in [
        Definition::from_toml(toml, &mut |_| Ok(csv.to_vec()), &overrides),
        Definition::from_json(toml, &overrides),
    ] {
        match result {
            Ok(definition) => assert_eq!(from_json(&definition.to_json()), Ok(definition)),
            Err(mistakes) => assert!(!mistakes.0.is_empty() && !mistakes.to_string().is_empty()),
        }
    }
}

/// Replaces bytes. A change is a position, the number of bytes to drop, and the bytes to insert.
fn mutate(text: &[u8], changes: &[(prop::sample::Index, usize, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = text.to_vec();
    for (at, drop, insert) in changes {
        let at = at.index(bytes.len() + 1);
        let end = (at + drop).min(bytes.len());
        bytes.splice(at..end, insert.iter().copied());
    }
    bytes
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, Vec<u8>)>> {
    let token = prop::sample::select(
        &[
            "\n",
            "\r",
            "\"",
            "'",
            "[",
            "]",
            "[[",
            "]]",
            "{",
            "}",
            ",",
            ";",
            ".",
            "=",
            "#",
            ":",
            "\\u0000",
            "\\ud800",
            "\u{feff}",
            "-",
            "1e9",
            "null",
            "true",
            "\"\"\"",
            "id",
            "title",
            "ballot",
            "[entry]",
            "[[entry]]",
            "a.b.c",
            "2021-03-28T02:30:00",
            "99999999999999999999",
        ][..],
    );
    let insert = prop_oneof![token.prop_map(|token| token.as_bytes().to_vec()), vec(any::<u8>(), 0..3)];
    vec((any::<prop::sample::Index>(), 0usize..12, insert), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in vec(any::<u8>(), 0..400), csv in vec(any::<u8>(), 0..200)) {
        read(&bytes, &csv);
        read(format!("entries_csv = \"e.csv\"\n{PLAIN}").as_bytes(), &csv);
    }

    #[test]
    fn mutated_definitions_do_not_panic(changes in changes()) {
        let json = from_toml(PLAIN).unwrap().to_json();
        read(&mutate(PLAIN.as_bytes(), &changes), b"");
        read(&mutate(json.as_bytes(), &changes), b"");
        read(format!("entries_csv = \"e.csv\"\n{PLAIN}").as_bytes(), &mutate(CSV.as_bytes(), &changes));
    }
}

#[test]
fn rejects_deep_nesting_without_recursion() {
    for deep in ["[", "{\"a\":", "[{\"a\":"] {
        let deep = deep.repeat(1_000_000);
        assert_eq!(from_json(&deep).unwrap_err().0.len(), 1);
        assert!(from_json(&format!("{{\"contest\":{deep}")).is_err());
    }
    let closed = format!("{{\"contest\":{}{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert!(from_json(&closed).unwrap_err().to_string().contains("contest: must be a table, not a list"));
    for deep in ["[", "{a=", "[{a=", "[[", "a."] {
        let deep = deep.repeat(300_000);
        assert!(from_toml(&format!("contest = {deep}")).is_err());
        assert!(from_toml(&deep).is_err());
        assert!(from_toml(&format!("[{}a]\nb = 1", "a.".repeat(300_000))).is_err());
    }
    let closed = format!("contest = {}{}", "[".repeat(300_000), "]".repeat(300_000));
    assert!(from_toml(&closed).unwrap_err().to_string().contains("not TOML"));
}

#[test]
fn limits_lists_and_tables() {
    let many = format!("{{\"entry\":[{}1]}}", "1,".repeat(3_000_000));
    let mistakes = from_json(&many).unwrap_err().to_string();
    assert!(mistakes.contains("entry: has 3000001 elements; at most 100000 are possible"));
    let keys: String = (0..100_000).map(|i| format!("\"k{i}\":1,")).collect();
    let mistakes = from_json(&format!("{{\"contest\":{{{keys}\"id\":1}}}}")).unwrap_err();
    assert!(mistakes.0.len() < 100 && mistakes.to_string().contains("contest: has 100001 keys"));
    // Each entry has two unknown keys and three missing ones. All are counted, listed or not.
    let entries = format!("{{\"entry\":[{}{{}}]}}", "{\"a\":1,\"b\":2},".repeat(10_000));
    let mistakes = from_json(&entries).unwrap_err().to_string();
    assert!(mistakes.ends_with("\nand 49005 more"), "{}", &mistakes[mistakes.len() - 40..]);
}
