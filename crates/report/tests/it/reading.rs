//! A document from outside is read whole or refused with a short error that names the place.

use acclaim_report::{MOST_BYTES, Report, Unreadable};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::documents;

fn changed(pointer: &str, to: Value) -> Result<Report, Unreadable> {
    let mut document: Value = serde_json::from_slice(&documents::everything()).unwrap();
    *document.pointer_mut(pointer).unwrap() = to;
    Report::read(&serde_json::to_vec(&document).unwrap())
}

#[test]
fn every_document_of_the_tally_is_read() {
    for (name, bytes) in documents::all() {
        let report = Report::read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(report.document().v, 1);
    }
}

#[test]
fn what_is_wrong_is_named() {
    let share = "/categories/0/standings/1/share";
    for (pointer, to, expected) in [
        ("/v", json!(2), "`v` is 2: this program reads result documents of version 1"),
        ("/v", json!("1"), "v: invalid type: string \"1\", expected u64"),
        ("/status", json!("final"), "status: unknown variant `final`, expected `provisional` or `certified`"),
        ("/contest", json!("A b"), "contest: `A b` is not an identifier"),
        ("/log/root", json!("x"), "log.root: not 32 bytes in base64"),
        (share, json!("30"), "categories[0].standings[1].share: not a figure with two decimals"),
        (share, json!("1e5"), "categories[0].standings[1].share: not a figure"),
        ("/categories/0/ranking/0/exact", json!("1/2/3"), "categories[0].ranking[0].exact: not a fraction"),
        ("/categories/1/id", json!("c01"), "categories: `c01` is there twice"),
        ("/categories/0/standings/1/entry", json!("p1"), "categories[0].standings: `p1` is there twice"),
        ("/categories/0/ties/0", json!({}), "categories[0].ties[0]: missing field `concerns`"),
        ("/rules/winners", json!({"best": 1}), "rules.winners"),
    ] {
        let error = changed(pointer, to).unwrap_err().to_string();
        assert!(error.contains(expected), "{pointer}: {error}");
    }
}

#[test]
fn an_unknown_key_is_refused_wherever_it_is() {
    let document: Value = serde_json::from_slice(&documents::everything()).unwrap();
    let mut tried = 0;
    for place in documents::places(&document) {
        let mut document = document.clone();
        let Some(object) = document.pointer_mut(&place).and_then(Value::as_object_mut) else { continue };
        object.insert("surprise".to_owned(), json!(1));
        let error = Report::read(&serde_json::to_vec(&document).unwrap()).unwrap_err().to_string();
        assert!(error.contains("surprise"), "{place}: {error}");
        tried += 1;
    }
    assert!(tried > 80, "{tried}");
}

#[test]
fn nothing_long_comes_back_and_nothing_deep_is_followed() {
    assert_eq!(Report::read(&vec![b' '; MOST_BYTES + 1]).unwrap_err(), Unreadable::TooLarge);
    let long = format!("{{\"v\":1,\"{}\":1}}", "x".repeat(1 << 20));
    assert!(Report::read(long.as_bytes()).unwrap_err().to_string().len() < 2000);
    let deep = format!("{{\"v\":1,\"rules\":{}", "[".repeat(1 << 20));
    assert!(Report::read(deep.as_bytes()).is_err());
    let after = [documents::everything(), b"{}".to_vec()].concat();
    assert!(Report::read(&after).unwrap_err().to_string().contains("trailing characters"));
    let twice =
        String::from_utf8(documents::everything()).unwrap().replacen("\"v\": 1,", "\"v\": 1, \"v\": 1,", 1);
    assert!(Report::read(twice.as_bytes()).unwrap_err().to_string().contains("duplicate field"));
}

proptest! {
    #[test]
    fn bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Report::read(&bytes).is_err());
    }

    /// Whatever is read can be written, however it was bent.
    #[test]
    fn a_bent_document_is_refused_or_written(place in any::<prop::sample::Index>(), with in bent()) {
        let mut document: Value = serde_json::from_slice(&documents::everything()).unwrap();
        let places = documents::places(&document);
        *document.pointer_mut(place.get::<String>(&places)).unwrap() = with;
        match Report::read(&serde_json::to_vec(&document).unwrap()) {
            Ok(report) => prop_assert!(report.html().ends_with("</html>") && report.csv().ends_with("\r\n")),
            Err(error) => prop_assert!(error.to_string().len() < 2000),
        }
    }
}

fn bent() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[]])),
        Just(json!("99999999999999999999999999999.99")),
    ]
}
