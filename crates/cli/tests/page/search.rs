//! The search on the ballot page finds an entry in any spelling of its name.

use serde_json::{Value, json};

use crate::{
    stage::Stage,
    webdriver::{Browser, is_waived},
};

/// A title, and the inputs that find it.
const TITLES: [(&str, &[&str]); 12] = [
    ("Müller & Söhne", &["muller", "MÜLLER", "mu\u{308}ller", "sohne", "  müller   &"]),
    // The title is stored decomposed, as some systems write it.
    ("Cafe\u{301} Zoe\u{308}", &["cafe", "café", "CAFE\u{301}", "zoe", "zoë"]),
    ("Große Straße", &["strasse", "straße", "STRASSE", "grosse"]),
    ("Łódź wśród drzew", &["lodz", "łódź", "wsrod"]),
    ("Ørsted på norsk", &["orsted", "ørsted", "pa norsk"]),
    ("Đakovo čisto", &["dakovo", "đakovo", "cisto"]),
    ("Işık İzmir", &["isik", "ışık", "IŞIK", "izmir", "İZMİR"]),
    ("مُحَمَّد العَرَبِيّ", &["محمد", "مُحَمَّد", "العربي", "محـــمد"]),
    ("میخواهم کتاب می\u{200c}رود", &["ميخواهم", "كتاب", "میرود"]),
    ("שָׁלוֹם עולם", &["שלום", "שָׁלוֹם"]),
    ("Ｆｕｌｌ width ﬁne", &["full", "ｆｕｌｌ", "fine"]),
    ("がっこう", &["がっこう", "か\u{3099}っこう"]),
];

/// Inputs that find no entry, because the search does not guess.
const NOTHING: [&str; 4] = ["mueller", "cafes", "かっこう", "muller cafe"];

#[test]
fn finds_names_without_accents_and_in_either_form() {
    if is_waived() {
        return;
    }
    let (stage, browser) = (Stage::start(), Browser::start());
    let mut definition = Stage::definition("prize", 1, TITLES.len());
    for (index, (title, _)) in TITLES.iter().enumerate() {
        definition["entry"][index]["title"] = json!(title);
    }
    stage.open(&definition);
    browser.open(&stage.link("prize", &stage.pass("prize")));
    browser.sees("0 of 1 category chosen");
    // The script sets the input as typing does, without the composition of a keyboard.
    let search = |typed: &str| -> Vec<String> {
        let script = "const find = document.getElementById('find'); find.value = arguments[0];
            find.dispatchEvent(new Event('input', {bubbles: true}));
            return [...document.querySelectorAll('#categories input')].map((input) => input.id)";
        let ids = browser.run(script, &json!([typed]));
        ids.as_array().expect("a list").iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    assert_eq!(search("").len(), TITLES.len());
    for (index, (title, typed)) in TITLES.iter().enumerate() {
        for typed in *typed {
            assert_eq!(search(typed), [format!("entry-p01{:02}", index + 1)], "{typed:?} for {title:?}");
        }
    }
    for typed in NOTHING {
        assert_eq!(search(typed), [""; 0], "{typed:?}");
    }
    // The search covers details too.
    assert_eq!(search("GHÁNA").len(), TITLES.len());
    assert_eq!(browser.complaints(), [""; 0]);
}
