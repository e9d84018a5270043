//! A published result compared with the log's: where they differ, in words.

use acclaim_text::shortened;
use serde_json::Value;

/// Differences that are told of one result.
const MAX_DIFFERENCES: usize = 10;

/// The differences; none if the bytes are the same. `expected` is the log's own result.
#[must_use]
pub fn differences(published: &[u8], expected: &[u8]) -> Vec<String> {
    if published == expected {
        return Vec::new();
    }
    let Ok(theirs) = serde_json::from_slice::<Value>(published) else {
        return vec!["the published result is not JSON".to_owned()];
    };
    // Ours was written as JSON.
    let ours: Value = serde_json::from_slice(expected).unwrap_or_default();
    let mut found = Vec::new();
    compare("", &theirs, &ours, &mut found);
    if found.is_empty() {
        let same = published.iter().zip(expected).take_while(|(a, b)| a == b).count();
        found.push(format!(
            "the published result says the same as the log's, but is written otherwise from byte {same} on"
        ));
    }
    found
}

/// Nests no deeper than what was parsed, which `serde_json` bounds.
fn compare(path: &str, theirs: &Value, ours: &Value, found: &mut Vec<String>) {
    if found.len() >= MAX_DIFFERENCES || theirs == ours {
        return;
    }
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            let more = theirs.keys().filter(|key| !ours.contains_key(*key));
            for key in ours.keys().chain(more) {
                let [theirs, ours] = [theirs, ours].map(|object| object.get(key).unwrap_or(&Value::Null));
                let dot = if path.is_empty() { "" } else { "." };
                compare(&format!("{path}{dot}{key}"), theirs, ours, found);
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            for position in 0..theirs.len().max(ours.len()) {
                let [theirs, ours] = [theirs, ours].map(|array| array.get(position).unwrap_or(&Value::Null));
                compare(&format!("{path}[{position}]"), theirs, ours, found);
            }
        }
        _ => {
            let (theirs, ours) = (describe(theirs), describe(ours));
            found.push(format!("the published result has {path} = {theirs}, the log's has {ours}"));
        }
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        scalar => shortened(&scalar.to_string(), 80).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_path_of_each_difference() {
        let ours = br#"{"a":1,"b":[{"c":"x"},{"c":"y"}]}"#;
        assert!(differences(ours, ours).is_empty());
        for (theirs, expected) in [
            (&br#"{"a":2,"b":[{"c":"x"},{"c":"y"}]}"#[..], "has a = 2, the log's has 1"),
            (br#"{"a":1,"b":[{"c":"x"},{"c":"z"}]}"#, "has b[1].c = \"z\", the log's has \"y\""),
            (br#"{"a":1,"b":[{"c":"x"}]}"#, "has b[1] = nothing, the log's has an object"),
            (br#"{"a":1,"b":[{"c":"x"},{"c":"y"}],"d":true}"#, "has d = true, the log's has nothing"),
            (br#"{"a":1, "b":[{"c":"x"},{"c":"y"}]}"#, "written otherwise from byte 7 on"),
            (b"{", "not JSON"),
        ] {
            let found = differences(theirs, ours);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains(expected), "{found:?}");
        }
        let theirs = format!("[{}]", vec!["1"; 50].join(","));
        assert_eq!(differences(theirs.as_bytes(), b"[]").len(), MAX_DIFFERENCES, "a long list is cut");
    }
}
