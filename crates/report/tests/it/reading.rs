//! A document from outside is read, or refused with a short error that names the place.

use acclaim_report::{MAX_DOCUMENT_BYTES, ReadError, Report};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::documents;

fn changed(pointer: &str, to: Value) -> Result<Report, ReadError> {
    changed_from(&documents::everything(), pointer, to)
}

fn changed_from(document: &[u8], pointer: &str, to: Value) -> Result<Report, ReadError> {
    let mut document: Value = serde_json::from_slice(document).unwrap();
    *document.pointer_mut(pointer).unwrap() = to;
    Report::read(&serde_json::to_vec(&document).unwrap())
}

#[test]
fn every_document_of_the_tally_is_read() {
    for (name, bytes) in documents::all() {
        let report = Report::read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(matches!(report.document().v, 1 | 2), "{name}");
    }
}

fn many(value: Value) -> Value {
    vec![value; 101].into()
}

#[test]
fn errors_name_the_place_in_version_2() {
    for (pointer, to, expected) in [
        (
            "/rules/limits/0/categories",
            json!(["c01", "c01"]),
            "rules.limits[0].categories: `c01` appears twice",
        ),
        ("/rules/limits", many(json!({"categories": ["c01", "c02"], "most": 1})), "rules.limits: 101 items"),
        (
            "/corrects/categories/0/id",
            json!("c09"),
            "corrects.categories[0].id: the document has no category with this id",
        ),
        (
            "/corrects/categories",
            json!([{"id": "c01"}, {"id": "c01"}]),
            "corrects.categories: `c01` appears twice",
        ),
        (
            "/corrects/categories/0/winners/before",
            json!([["p1"], ["p1"]]),
            "corrects.categories[0].winners.before: `p1` appears twice",
        ),
        (
            "/corrects/categories/0/standings/1/entry",
            json!("p3"),
            "corrects.categories[0].standings: `p3` appears twice",
        ),
        (
            "/categories/0/panels/0/missing",
            json!(["Ama", "Ama"]),
            "categories[0].panels[0].missing: `Ama` appears twice",
        ),
        (
            "/categories/0/panels/0/recused/1/juror",
            json!("Kofi Boateng"),
            "categories[0].panels[0].recused: `Kofi Boateng` appears twice",
        ),
        (
            "/categories/0/panels/0/incomplete/0/entries",
            json!(["p3", "p3"]),
            "categories[0].panels[0].incomplete[0].entries: `p3` appears twice",
        ),
        (
            "/categories/1/winners/undecided/0/reason",
            json!("no-time"),
            "categories[1].winners.undecided[0].reason: unknown variant `no-time`",
        ),
        (
            "/categories/1/winners/undecided/1/entries",
            json!(["q1", "q1"]),
            "categories[1].winners.undecided[1].entries: `q1` appears twice",
        ),
    ] {
        let error = changed_from(&documents::everything_version_2(), pointer, to).unwrap_err().to_string();
        assert!(error.contains(expected), "{pointer}: {error}");
    }
}

#[test]
fn errors_name_the_place() {
    let share = "/categories/0/standings/1/share";
    for (pointer, to, expected) in [
        ("/v", json!(3), "`v` is 3: this program reads result documents of versions 1 to 2"),
        ("/v", json!(0), "`v` is 0: this program reads result documents of versions 1 to 2"),
        ("/v", json!("1"), "v: invalid type: string \"1\", expected u64"),
        ("/status", json!("final"), "status: unknown variant `final`, expected `provisional` or `certified`"),
        ("/contest", json!("A b"), "contest: `A b` is not an identifier"),
        ("/log/root", json!("x"), "log.root: not 32 bytes in base64"),
        (share, json!("30"), "categories[0].standings[1].share: not a figure with two decimals"),
        (share, json!("1e5"), "categories[0].standings[1].share: not a figure"),
        ("/categories/0/ranking/0/exact", json!("1/2/3"), "categories[0].ranking[0].exact: not a fraction"),
        ("/categories/1/id", json!("c01"), "categories: `c01` appears twice"),
        ("/categories/0/standings/1/entry", json!("p1"), "categories[0].standings: `p1` appears twice"),
        ("/categories/0/ties/0", json!({}), "categories[0].ties[0]: missing field `concerns`"),
        ("/categories/1/title", json!("x".repeat(1001)), "categories[1].title: longer than 1000 characters"),
        (
            "/categories/0/standings/2/channels",
            json!([]),
            "categories[0].standings[2].channels: the channels differ",
        ),
        ("/categories/0/ties/0/entries", json!(["p3", "p3"]), "categories[0].ties: `p3` appears twice"),
        ("/categories/0/ties/3/order/1/entry", json!("p2"), "categories[0].ties: `p2` appears twice"),
        (
            "/categories/0/without_rulings/1/entry",
            json!("p1"),
            "categories[0].without_rulings: `p1` appears twice",
        ),
        (
            "/categories/0/winners/no_longer_eligible",
            json!(["p6", "p6"]),
            "no_longer_eligible: `p6` appears twice",
        ),
        (
            "/withdrawn/0/category",
            json!("c09"),
            "withdrawn[0].category: the document has no category with this id",
        ),
        ("/rules/channels", many(json!({"id": "x", "weight": 1})), "rules.channels: 101 items"),
        (
            "/rules/panels",
            many(json!({"id": "x", "kind": "points", "trim": 0, "minimum_jurors": 1, "weight": 1})),
            "rules.panels: 101 items",
        ),
        ("/rules/winners", json!({"best": 1}), "rules.winners"),
    ] {
        let error = changed(pointer, to).unwrap_err().to_string();
        assert!(error.contains(expected), "{pointer}: {error}");
    }
}

#[test]
fn an_unknown_key_is_refused_wherever_it_is() {
    for (bytes, objects) in [(documents::everything(), 80), (documents::everything_version_2(), 100)] {
        refuses_unknown_keys(&bytes, objects);
    }
}

fn refuses_unknown_keys(bytes: &[u8], objects: usize) {
    let document: Value = serde_json::from_slice(bytes).unwrap();
    let mut tried = 0;
    for place in documents::places(&document) {
        let mut document = document.clone();
        let Some(object) = document.pointer_mut(&place).and_then(Value::as_object_mut) else { continue };
        object.insert("surprise".to_owned(), json!(1));
        let error = Report::read(&serde_json::to_vec(&document).unwrap()).unwrap_err().to_string();
        assert!(error.contains("surprise"), "{place}: {error}");
        tried += 1;
    }
    assert!(tried > objects, "{tried}");
}

#[test]
fn bounds_length_and_depth() {
    assert_eq!(Report::read(&vec![b' '; MAX_DOCUMENT_BYTES + 1]).unwrap_err(), ReadError::TooLarge);
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

/// The report of ten times as many entries and categories is about ten times as long.
#[test]
fn report_grows_no_faster_than_document() {
    let size = |many: usize| {
        let mut document: Value = serde_json::from_slice(&documents::points()).unwrap();
        let category = document["categories"][0].clone();
        document["categories"] = (0..many)
            .map(|number| {
                let mut category = category.clone();
                category["id"] = format!("c{number}").into();
                category
            })
            .collect();
        document["withdrawn"] = (0..many)
            .map(|number| {
                json!({"category": format!("c{number}"), "entry": format!("w{number}"), "title": "W", "votes": 0,
                    "index": 1, "by": "b", "reason": "r", "at": "2021-04-01T08:00:00Z"})
            })
            .collect();
        let bytes = serde_json::to_vec(&document).unwrap();
        let report = Report::read(&bytes).unwrap();
        report.html().len().max(report.csv().len()) / (bytes.len() / 1000)
    };
    let (few, lots) = (size(100), size(1000));
    assert!(lots <= few && lots < 10_000, "{few}, {lots} bytes of report per 1000 bytes of document");
}

/// Long names of jurors and entries, repeated in many rows, do not make the report grow faster.
#[test]
fn report_with_long_names_grows_no_faster() {
    let size = |many: usize| {
        let mut document: Value = serde_json::from_slice(&documents::everything_version_2()).unwrap();
        let category = &mut document["categories"][0];
        let ids: Vec<String> = (0..many).map(|number| format!("r{number}")).collect();
        let mut standing = category["standings"][0].clone();
        category["standings"] = ids
            .iter()
            .map(|id| {
                standing["entry"] = id.as_str().into();
                standing.clone()
            })
            .collect();
        category["standings"][0]["title"] = "T".repeat(many * 100).into();
        let jurors: Value =
            ids.iter().map(|id| json!({"juror": id.repeat(many), "entries": [ids[0], ids[1]]})).collect();
        let panel = &mut category["panels"][0];
        (panel["recused"], panel["incomplete"]) = (jurors.clone(), jurors);
        panel["missing"] = ids.iter().map(|id| id.repeat(many)).collect();
        let bytes = serde_json::to_vec(&document).unwrap();
        let report = Report::read(&bytes).unwrap();
        report.html().len().max(report.csv().len()) / (bytes.len() / 1000)
    };
    let (few, lots) = (size(30), size(300));
    assert!(lots <= few, "{few}, {lots} bytes of report per 1000 bytes of document");
}

proptest! {
    #[test]
    fn bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Report::read(&bytes).is_err());
    }

    /// A document with one replaced value is refused, or it can be written.
    #[test]
    fn altered_document_is_refused_or_written(
        place in any::<prop::sample::Index>(), with in replacement(), is_second in any::<bool>(),
    ) {
        let whole = if is_second { documents::everything_version_2() } else { documents::everything() };
        let mut document: Value = serde_json::from_slice(&whole).unwrap();
        let places = documents::places(&document);
        *document.pointer_mut(place.get::<String>(&places)).unwrap() = with;
        match Report::read(&serde_json::to_vec(&document).unwrap()) {
            Ok(report) => prop_assert!(report.html().ends_with("</html>") && report.csv().ends_with("\r\n")),
            Err(error) => prop_assert!(error.to_string().len() < 2000),
        }
    }
}

fn replacement() -> impl Strategy<Value = Value> {
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
