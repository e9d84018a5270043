//! Tests that displayed texts of a definition refuse characters that change how a text reads.

use acclaim_contest::Definition;
use serde_json::{Value, json};

use crate::support::{PLAIN, assert_mistake, from_json, from_toml, mistakes, plain_with, with_entries_and};

/// A definition with all displayed texts.
fn every_text() -> Value {
    json!({
        "contest": {"id": "all", "title": "All", "titles": {"fr": "Tout"}, "time_zone": "UTC", "opens": "2021-03-01T00:00:00Z", "closes": "2021-04-01T00:00:00Z"},
        "winners": {"count": 1, "from": "all", "by": "scores", "ties": "draw"},
        "panel": [{"id": "experts", "kind": "score", "scale": [0, 10], "criteria": [["impact", 2], ["reach", 1]]}],
        "draw": {"source": "drand quicknet"},
        "category": [{"id": "c1", "title": "One", "titles": {"fr": "Un"}}],
        "entry": [{"id": "e1", "category": "c1", "title": "First", "titles": {"fr": "Premier"}, "summary": "Short", "image": "https://example.org/i",
            "url": "https://example.org/u", "details": [["country", "Ghana"]]}],
    })
}

const TEXTS: [(&str, &str); 12] = [
    ("/contest/title", "contest.title"),
    ("/contest/titles/fr", "contest.titles.fr"),
    ("/panel/0/criteria/1/0", "panel[0].criteria[1][0]"),
    ("/draw/source", "draw.source"),
    ("/category/0/title", "category[0].title"),
    ("/category/0/titles/fr", "category[0].titles.fr"),
    ("/entry/0/title", "entry[0].title"),
    ("/entry/0/titles/fr", "entry[0].titles.fr"),
    ("/entry/0/summary", "entry[0].summary"),
    ("/entry/0/image", "entry[0].image"),
    ("/entry/0/details/0/0", "entry[0].details[0][0]"),
    ("/entry/0/details/0/1", "entry[0].details[0][1]"),
];

/// Appends a character to the text at a JSON pointer.
fn with_character(pointer: &str, character: char) -> Value {
    let mut definition = every_text();
    let text = definition.pointer_mut(pointer).unwrap();
    *text = format!("{}{character}", text.as_str().unwrap()).into();
    definition
}

#[test]
fn every_text_refuses_them_with_its_key() {
    from_json(&every_text().to_string()).unwrap();
    for (pointer, key) in TEXTS {
        for character in ['\u{202e}', '\u{2067}', '\u{85}', '\u{fffd}'] {
            let begins = format!("line 1: {key}: must not contain ");
            let mentions = format!("U+{:04X}", u32::from(character));
            assert_mistake(from_json(&with_character(pointer, character).to_string()), &begins, &mentions);
        }
    }
}

#[test]
fn stored_definition_stays_readable_but_fails_check() {
    for (pointer, key) in TEXTS {
        for character in ['\u{202e}', '\u{2067}', '\u{fffd}'] {
            let stored = with_character(pointer, character).to_string();
            let definition = Definition::from_stored_json(stored.as_bytes()).unwrap();
            assert!(definition.to_json().contains(character), "{key}");
            definition.check_stored().unwrap();
            assert!(mistakes(definition.check())[0].contains(key), "{key}");
        }
        let never = with_character(pointer, '\u{85}').to_string();
        assert!(
            Definition::from_stored_json(never.as_bytes()).is_err(),
            "{key}: this character was always refused"
        );
    }
}

#[test]
fn files_name_line_and_character() {
    assert_mistake(
        from_toml(&plain_with("title = \"First\"", "title = \"Fir\u{202e}st\"")),
        "line 21: entry[0].title: must not contain U+202E (right-to-left override) at character 4",
        "leave it out",
    );
    let rows = "id,category,title,coun\u{202e}try\ne1,c1,One,Ghana\n";
    let found = mistakes(with_entries_and(&["coun\u{202e}try"], rows.as_bytes()));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("line 2: details[0]: must not contain U+202E"), "{found:#?}");
    assert!(
        found[1].starts_with("entries.csv: row 1: coun\\u{202e}try: is not a column of entries"),
        "{found:#?}"
    );
    let rows = "id,category,title,country\ne1,c1,One,Ghana\ne2,c1,Tw\u{fffd},Tog\u{2066}o\n";
    let found = mistakes(with_entries_and(&["country"], rows.as_bytes()));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("entries.csv: row 3: title: must not contain U+FFFD"), "{found:#?}");
    assert!(found[1].starts_with("entries.csv: row 3: country: must not contain U+2066"), "{found:#?}");
}

#[test]
fn accepts_right_to_left_text() {
    for title in ["قرية متصلة", "כפר \u{200f}מחובר", "می\u{200c}خواهم", "\u{61c}١٢"]
    {
        let definition = from_toml(&PLAIN.replace("First", title)).unwrap();
        assert_eq!(definition.entries[0].title, title);
    }
}
