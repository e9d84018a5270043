//! A definition as TOML text, with the entries of a table, and with missing values as comments.

use std::fmt::Write as _;

use super::import::Import;
use crate::args::entries::ImportArgs;

/// Returns the text of the whole definition.
pub(super) fn toml(args: &ImportArgs, import: &Import) -> String {
    let mut text = format!(
        "# Made from a table by `acclaim entries import`. Docs: rules.md. Create it with: acclaim contest create\n\n[contest]\nid = {}\n",
        quoted(args.contest.as_str())
    );
    for (key, value, example) in [
        ("title", &args.head.title, "What voters read"),
        ("time_zone", &args.head.time_zone, "Europe/Zurich"),
        ("opens", &args.head.opens, "2027-03-01T00:00:00"),
        ("closes", &args.head.closes, "2027-03-31T23:59:00"),
    ] {
        match value {
            Some(value) => push(&mut text, key, value),
            None => {
                let _infallible = writeln!(text, "# {key} = {}", quoted(example));
            }
        }
    }
    text.push_str("\n[winners]\ncount = 1\nfrom = \"all\"\nby = \"votes\"\n");
    for category in &import.categories {
        text.push_str("\n[[category]]\n");
        push(&mut text, "id", category.id.as_str());
        push(&mut text, "title", &category.title);
    }
    for row in &import.entries {
        let entry = &row.entry;
        text.push_str("\n[[entry]]\n");
        push(&mut text, "id", entry.id.as_str());
        push(&mut text, "category", entry.category.as_str());
        push(&mut text, "title", &entry.title);
        for (key, value) in [("summary", &entry.summary), ("image", &entry.image), ("url", &entry.url)] {
            value.iter().for_each(|value| push(&mut text, key, value));
        }
        if !entry.details.is_empty() {
            let details = entry.details.iter();
            let details: Vec<String> =
                details.map(|(label, value)| format!("[{}, {}]", quoted(label), quoted(value))).collect();
            let _infallible = writeln!(text, "details = [{}]", details.join(", "));
        }
    }
    text
}

fn push(text: &mut String, key: &str, value: &str) {
    let _infallible = writeln!(text, "{key} = {}", quoted(value));
}

/// Returns a text as a TOML string.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
