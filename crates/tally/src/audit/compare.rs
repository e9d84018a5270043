//! Compares a published result with the log's result, and describes the differences in words.

use acclaim_text::shortened;
use serde_json::Value;

/// Maximum number of differences that are listed for one result.
const MAX_DIFFERENCES: usize = 10;

/// Lists the differences, each as a sentence; empty if the bytes are the same.
///
/// `expected` is the log's own result. The list has at most 10 differences.
#[must_use]
pub fn differences(published: &[u8], expected: &[u8]) -> Vec<String> {
    if published == expected {
        return Vec::new();
    }
    let Ok(theirs) = serde_json::from_slice::<Value>(published) else {
        return vec!["the published result is not JSON".to_owned()];
    };
    // The log's result was written as JSON, so it always parses.
    let ours: Value = serde_json::from_slice(expected).unwrap_or_default();
    let mut reasons = Vec::new();
    compare("", &theirs, &ours, &mut reasons);
    if reasons.is_empty() {
        let same = published.iter().zip(expected).take_while(|(a, b)| a == b).count();
        reasons.push(format!(
            "the published result has the same values as the log's, but its bytes differ from byte {same} on"
        ));
    }
    reasons
}

/// The recursion is as deep as the parsed JSON, and `serde_json` limits that depth.
fn compare(path: &str, theirs: &Value, ours: &Value, reasons: &mut Vec<String>) {
    if reasons.len() >= MAX_DIFFERENCES || theirs == ours {
        return;
    }
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            let more = theirs.keys().filter(|key| !ours.contains_key(*key));
            for key in ours.keys().chain(more) {
                let [theirs, ours] = [theirs, ours].map(|object| object.get(key).unwrap_or(&Value::Null));
                let dot = if path.is_empty() { "" } else { "." };
                compare(&format!("{path}{dot}{key}"), theirs, ours, reasons);
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            for position in 0..theirs.len().max(ours.len()) {
                let [theirs, ours] = [theirs, ours].map(|array| array.get(position).unwrap_or(&Value::Null));
                compare(&format!("{path}[{position}]"), theirs, ours, reasons);
            }
        }
        _ => {
            let (theirs, ours) = (describe(theirs), describe(ours));
            reasons.push(format!("the published result has {path} = {theirs}, the log's has {ours}"));
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
            (br#"{"a":1, "b":[{"c":"x"},{"c":"y"}]}"#, "its bytes differ from byte 7 on"),
            (b"{", "not JSON"),
        ] {
            let reasons = differences(theirs, ours);
            assert_eq!(reasons.len(), 1, "{reasons:?}");
            assert!(reasons[0].contains(expected), "{reasons:?}");
        }
        let theirs = format!("[{}]", vec!["1"; 50].join(","));
        assert_eq!(
            differences(theirs.as_bytes(), b"[]").len(),
            MAX_DIFFERENCES,
            "the list of differences has a limit"
        );
    }
}
