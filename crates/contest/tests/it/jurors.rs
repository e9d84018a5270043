//! Tests of the jurors that a panel names.

use crate::support::{assert_mistake, from_toml, mistakes, plain_with};

fn named(jurors: &str) -> String {
    let panel =
        format!("[[panel]]\nid = \"experts\"\nkind = \"points\"\njurors = [{jurors}]\n\n[[category]]");
    plain_with("[[category]]", &panel).replace("count = 1", "count = 1\nby = \"scores\"")
}

#[test]
fn keeps_spelling_of_jurors() {
    let definition = from_toml(&named("\"Ama  Mensah\", \"Julia\u{301}n\", \"\u{200f}\u{5d0}\"")).unwrap();
    assert_eq!(definition.rules.panels[0].jurors, ["Ama  Mensah", "Julia\u{301}n", "\u{200f}\u{5d0}"]);
}

#[test]
fn rejects_juror_named_twice() {
    let twice = "line 18: panel[0].jurors[1]: ";
    assert_mistake(from_toml(&named("\"Ama\", \"Ama\"")), twice, "\"Ama\" is there more than once");
    for other in ["AMA MENSAH", "Ama\u{a0} Mensah", "Ama\u{200b} Mensah"] {
        let found = from_toml(&named(&format!("\"Ama Mensah\", \"{other}\"")));
        assert_mistake(found, twice, "is the same juror as \"Ama Mensah\": leave out one");
    }
    assert_mistake(from_toml(&named("\"Juli\u{e1}n\", \"Julia\u{301}n\"")), twice, "is the same juror");
}

#[test]
fn rejects_unreadable_juror_names() {
    let found = mistakes(from_toml(&named("\" Ama\", \"A\u{202e}ma\", \"\", \"Kofi\"")));
    let begins =
        ["[0]: a name neither begins", "[1]: a name must not contain U+202E", "[2]: a name has 1 to 100"];
    assert_eq!(found.len(), begins.len(), "{found:#?}");
    for (found, begins) in found.iter().zip(begins) {
        assert!(found.starts_with(&format!("line 18: panel[0].jurors{begins}")), "{found}");
    }
}
