//! Hostile texts in a document: no title, reason or note breaks out of the page or the table.

use acclaim_contest::csv_cell::unescape_formulas;
use acclaim_report::Report;
use proptest::prelude::*;
use scraper::{Html, Selector, node::Node};
use serde_json::Value;

use crate::documents;

/// Places of the texts that can hold any value and are inside lists.
const FREE_LISTS: &[&str] =
    &["/criteria/0/0", "/jurors/0", "/missing/0", "/methods/0", "/counts/0/0", "/counts/1/0"];

/// Replaces every text that people write in a document.
fn with_text(bytes: &[u8], text: &str) -> (Value, Vec<u8>) {
    let mut document: Value = serde_json::from_slice(bytes).unwrap();
    for place in documents::places(&document) {
        let key = place.rsplit('/').next().unwrap();
        let free = matches!(key, "title" | "note" | "by" | "source" | "origin" | "figure" | "text")
            // Only the first juror changes, because a juror must not appear twice.
            || (key == "juror" && place.ends_with("/0/juror"))
            || (key == "reason" && !place.contains("/undecided/"))
            || (key == "result" && place.starts_with("/corrects"))
            || FREE_LISTS.iter().any(|list| place.contains(list));
        if free
            && let Some(Value::String(old)) = document.pointer_mut(&place)
            && (key != "figure" || place.contains("/order/"))
            && !(key == "by" && place.ends_with("/winners/by"))
        {
            text.clone_into(old);
        }
    }
    let bytes = serde_json::to_vec(&document).unwrap();
    (document, bytes)
}

/// The elements and attributes of a page in order, without texts.
fn skeleton(page: &str) -> Vec<String> {
    let parsed = Html::parse_document(page);
    let mut skeleton = Vec::new();
    for node in parsed.tree.nodes() {
        match node.value() {
            Node::Element(element) => {
                let mut attributes: Vec<String> =
                    element.attrs().map(|(name, value)| format!("{name}={value}")).collect();
                attributes.sort();
                skeleton.push(format!("{} {}", element.name(), attributes.join(" ")));
            }
            Node::Comment(_) | Node::ProcessingInstruction(_) => skeleton.push("not an element".to_owned()),
            _ => {}
        }
    }
    skeleton
}

fn html(bytes: &[u8]) -> String {
    Report::read(bytes).unwrap().html()
}

fn check(text: &str) {
    for document in [documents::everything(), documents::everything_version_2()] {
        check_in(&document, text);
    }
}

fn check_in(document: &[u8], text: &str) {
    let harmless = skeleton(&html(&with_text(document, "A").1));
    let (_, bytes) = with_text(document, text);
    let page = html(&bytes);
    assert_eq!(skeleton(&page), harmless, "the texts do not change the markup");
    let parsed = Html::parse_document(&page);
    let heading = parsed.select(&Selector::parse("h1 > bdi").unwrap()).next().unwrap();
    assert_eq!(heading.text().collect::<String>(), displayed(text), "the heading shows the whole text");

    let csv = Report::read(&bytes).unwrap().csv();
    let records: Vec<csv::StringRecord> = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(csv.as_bytes())
        .into_records()
        .map(|record| record.expect("every row has as many cells as the first"))
        .collect();
    assert_eq!(records.len(), 9);
    let title = records.get(1).and_then(|record| record.get(3)).unwrap();
    assert_eq!(unescape_formulas(title), text, "the title is read back");
    let formula =
        |cell: &str| cell.trim_start().starts_with(['=', '+', '-', '@']) && cell.parse::<f64>().is_err();
    assert!(records.iter().flatten().all(|cell| !formula(cell)));
}

/// Returns a text as the page shows it.
fn displayed(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\n' | '\t' | '\r' => ' ',
            control if control.is_control() => '\u{fffd}',
            other => other,
        })
        .collect()
}

#[test]
fn escapes_markup_in_texts() {
    for text in [
        "</title><script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' style='position:fixed",
        "<!-- ",
        "]]>",
        "</bdi></td></table></main>",
        "&lt;b&gt; &amp; &#60;",
        "</style><style>*{display:none}",
        "javascript:alert(1)",
        "a\0b\u{1b}[2J\u{202e}c\u{2028}d",
        "=HYPERLINK(\"http://example.org\";\"x\")",
        " \t@SUM(A1)",
        "a,\"b\"\r\nc;d",
        "\r\n=1",
        "x;=1+1",
        "\"\u{ff0b}1",
        "",
        "-",
        "\u{feff}=1",
    ] {
        check(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn escapes_any_text(text in "\\PC{0,40}") {
        check(&text);
    }

    #[test]
    fn escapes_mixed_special_characters(text in "[<>&\"'=+@,;/!\\-\r\n\t a-z\u{0}-\u{1f}]{0,40}") {
        check(&text);
    }
}
