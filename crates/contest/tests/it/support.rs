//! A small valid definition for tests, and helpers for reading definitions.

use acclaim_contest::{Definition, Mistakes, Overrides};

/// A valid definition with the simplest voting window, rules and entries.
pub(crate) const PLAIN: &str = r#"[contest]
id = "plain"
title = "Plain"
time_zone = "Europe/Zurich"
opens = "2021-03-01T00:00:00"
closes = "2021-03-31T23:59:00"

[ballot]
votes_per_category = [1, 1]

[winners]
count = 1

[[category]]
id = "c1"
title = "One"

[[entry]]
id = "e1"
category = "c1"
title = "First"

[[entry]]
id = "e2"
category = "c1"
title = "Second"
"#;

/// Returns the plain definition with one text replaced.
pub(crate) fn plain_with(old: &str, new: &str) -> String {
    assert!(PLAIN.contains(old), "{old}");
    PLAIN.replacen(old, new, 1)
}

pub(crate) fn from_toml(text: &str) -> Result<Definition, Mistakes> {
    let mut load = |name: &str| Err(format!("there is no file {name}"));
    Definition::from_toml(text.as_bytes(), &mut load, &Overrides::default())
}

pub(crate) fn from_json(text: &str) -> Result<Definition, Mistakes> {
    Definition::from_json(text.as_bytes(), &Overrides::default())
}

/// Reads the plain definition with its entries in a file of this content.
pub(crate) fn with_entries(content: &[u8]) -> Result<Definition, Mistakes> {
    with_entries_and(&[], content)
}

/// Reads the plain definition with its entries in a file of this content, and with details.
pub(crate) fn with_entries_and(details: &[&str], content: &[u8]) -> Result<Definition, Mistakes> {
    let (head, _) = PLAIN.split_once("[[entry]]").unwrap();
    let text = format!("entries_csv = \"entries.csv\"\ndetails = {}\n{head}", serde_json::json!(details));
    let mut load = |name: &str| {
        assert_eq!(name, "entries.csv");
        Ok(content.to_vec())
    };
    Definition::from_toml(text.as_bytes(), &mut load, &Overrides::default())
}

/// Returns the mistakes as lines of text.
pub(crate) fn mistakes<T: std::fmt::Debug>(result: Result<T, Mistakes>) -> Vec<String> {
    result.unwrap_err().to_string().lines().map(str::to_owned).collect()
}

/// Asserts that there is exactly one mistake, with this beginning and this part.
#[track_caller]
pub(crate) fn assert_mistake<T: std::fmt::Debug>(result: Result<T, Mistakes>, begins: &str, mentions: &str) {
    let found = mistakes(result);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with(begins) && found[0].contains(mentions),
        "{found:#?}\nexpected: {begins} ... {mentions}"
    );
}
