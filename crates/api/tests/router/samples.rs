//! Definitions, ballots and subjects that tests send.

use serde_json::{Value, json};

/// A definition with two categories of three entries each.
pub(crate) fn definition(id: &str, opens: &str) -> Value {
    let entry = |id: &str| json!({"id": id, "category": id[..1], "title": id.to_uppercase()});
    let entries = ["a1", "a2", "a3", "b1", "b2", "b3"].map(entry);
    json!({
        "contest": {"id": id, "title": id, "time_zone": "UTC", "opens": opens, "closes": "2099-12-01T00:00:00Z"},
        "winners": {"count": 1, "from": "all", "by": "votes"},
        "category": [{"id": "a", "title": "A"}, {"id": "b", "title": "B"}],
        "entry": entries,
    })
}

/// A ballot for these entries.
pub(crate) fn ballot(entries: &[&str]) -> Value {
    let selections: Vec<Value> =
        entries.iter().map(|entry| json!({"category": entry[..1], "entry": entry})).collect();
    json!({"selections": selections})
}

/// Returns a mail address for a subject. A plain word becomes the name of a mailbox.
pub(crate) fn address(subject: &str) -> String {
    if subject.contains([':', '@']) { subject.to_owned() } else { format!("{subject}@example.org") }
}
