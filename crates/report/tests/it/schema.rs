//! The published schemas accept exactly the documents that the tally writes and the report reads.

use std::collections::BTreeSet;

use acclaim_report::{ReadError, Report, SCHEMA_1, SCHEMA_2};
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::documents;

/// The schemas of version 1 and version 2.
fn schemas() -> [Value; 2] {
    [SCHEMA_1, SCHEMA_2].map(|schema| serde_json::from_str(schema).unwrap())
}

fn validators() -> [Validator; 2] {
    schemas().map(|schema| {
        jsonschema::draft202012::meta::validate(&schema).unwrap();
        jsonschema::draft202012::new(&schema).unwrap()
    })
}

/// Returns the item for the document's version.
fn of<'a, T>(versions: &'a [T; 2], document: &Value) -> &'a T {
    &versions[usize::try_from(document["v"].as_u64().unwrap() - 1).unwrap()]
}

#[test]
fn every_document_keeps_to_the_schema() {
    let validators = validators();
    for (name, bytes) in documents::all() {
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        let errors: Vec<String> = of(&validators, &document)
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    }
}

/// The schema and the reader agree on each key that a document must have or must not have.
#[test]
fn schema_and_reader_agree_on_every_key() {
    let validators = validators();
    for bytes in [documents::everything(), documents::points(), documents::everything_version_2()] {
        let whole: Value = serde_json::from_slice(&bytes).unwrap();
        let validator = of(&validators, &whole);
        for place in documents::places(&whole) {
            let Some(keys) = whole.pointer(&place).and_then(Value::as_object) else { continue };
            for key in keys.keys().map(String::as_str).chain(["surprise"]) {
                let mut document = whole.clone();
                let object = document.pointer_mut(&place).and_then(Value::as_object_mut).unwrap();
                if object.remove(key).is_none() {
                    object.insert(key.to_owned(), json!(1));
                }
                let read = Report::read(&serde_json::to_vec(&document).unwrap());
                // A schema cannot express that two lists have the same channels.
                let follows_schema =
                    !matches!(&read, Err(error) if !matches!(error, ReadError::Contradiction(_)));
                assert_eq!(validator.is_valid(&document), follows_schema, "{place}/{key}: {:?}", read.err());
            }
        }
    }
}

/// The keys of the version 2 document that version 1 does not have.
const ADDED: &[&str] = &[
    "/corrects",
    "/rules/limits",
    "/rules/admission",
    "/rules/panels/0/jurors",
    "/categories/0/own_rules",
    "/categories/0/panels/0/missing",
    "/categories/0/panels/0/incomplete",
    "/categories/0/panels/0/recused",
    "/categories/0/panels/0/figures/1/recused",
    "/categories/0/panels/0/figures/2/recused",
    "/categories/0/panels/0/without_figure/0/recused",
    "/categories/0/ties/3/order/0/counts",
    "/categories/0/ties/3/order/1/counts",
    "/categories/1/winners/undecided",
];

/// Removes a key from a document and returns its value.
fn take(document: &mut Value, place: &str) -> Value {
    let (at, key) = place.rsplit_once('/').unwrap();
    document.pointer_mut(at).unwrap().as_object_mut().unwrap().remove(key).unwrap()
}

/// The document with everything of version 2, reduced to version 1.
fn as_version_1() -> Value {
    let mut document: Value = serde_json::from_slice(&documents::everything_version_2()).unwrap();
    for place in ADDED {
        take(&mut document, place);
    }
    for (place, value) in [
        ("/v", json!(1)),
        ("/rules/publication/entries", json!("live")),
        ("/categories/0/panels/0/figures/2/figure", json!("6.50")),
        ("/categories/0/panels/0/figures/2/exact", json!("13/2")),
    ] {
        *document.pointer_mut(place).unwrap() = value;
    }
    document
}

#[test]
fn refuses_keys_of_version_2_in_a_document_of_version_1() {
    let [first, _] = validators();
    let plain = as_version_1();
    assert!(first.is_valid(&plain), "version 2 added no other key");
    Report::read(&serde_json::to_vec(&plain).unwrap()).unwrap();
    let second: Value = serde_json::from_slice(&documents::everything_version_2()).unwrap();
    for place in ADDED {
        for value in [second.pointer(place).unwrap().clone(), json!([])] {
            let (at, key) = place.rsplit_once('/').unwrap();
            let mut document = plain.clone();
            let object = document.pointer_mut(at).unwrap().as_object_mut().unwrap();
            object.insert(key.to_owned(), value.clone());
            assert!(!first.is_valid(&document), "{place}: {value}");
            // A value of a wrong type is refused in every version, with another error.
            if let Err(error) = Report::read(&serde_json::to_vec(&document).unwrap()) {
                let error = error.to_string();
                let has_type =
                    value == *second.pointer(place).unwrap() || second.pointer(place).unwrap().is_array();
                assert!(error.contains(key), "{place}: {error}");
                assert_eq!(
                    error.contains("only documents of version 2 have this key"),
                    has_type,
                    "{place}: {error}"
                );
            } else {
                panic!("{place}: {value} was read");
            }
        }
    }
}

#[test]
fn refuses_values_of_version_2_in_a_document_of_version_1() {
    let [first, second] = validators();
    let plain = as_version_1();
    for (place, value, path) in [
        ("/rules/winners/ties", json!("countback"), "rules.winners.ties"),
        ("/rules/publication/entries", json!("certified"), "rules.publication.entries"),
        ("/rules/panels/0/scale", json!([-3, 3]), "rules.panels[0].scale"),
        ("/categories/0/standings/0/share", json!("-1.00"), "categories[0].standings[0].share"),
        ("/categories/0/standings/0/exact", json!("-1/100"), "categories[0].standings[0].exact"),
        ("/categories/0/standings/0/channels/0/share", json!("-1.00"), "standings[0].channels[0].share"),
        ("/categories/0/panels/0/figures/2/figure", json!("-6.50"), "panels[0].figures[2].figure"),
        ("/categories/0/panels/0/figures/2/exact", json!("-13/2"), "panels[0].figures[2].exact"),
        ("/categories/0/ranking/0/figure", json!("-37.50"), "categories[0].ranking[0].figure"),
        ("/categories/0/champions/0/decided_by", json!("countback"), "champions[0].decided_by"),
        ("/categories/0/winners/entries/0/decided_by", json!("countback"), "winners.entries[0].decided_by"),
        ("/categories/0/winners/entries/0/figure", json!("-37.50"), "winners.entries[0].figure"),
        ("/categories/0/ties/3/resolved_by", json!("countback"), "categories[0].ties[3].resolved_by"),
        ("/categories/0/ties/3/figure", json!("-37.50"), "categories[0].ties[3].figure"),
        ("/categories/0/without_rulings/0/share", json!("-1.00"), "without_rulings[0].share"),
    ] {
        let mut document = plain.clone();
        *document.pointer_mut(place).unwrap() = value;
        let error = Report::read(&serde_json::to_vec(&document).unwrap()).unwrap_err().to_string();
        assert!(error.contains(path), "{place}: {error}");
        assert!(!first.is_valid(&document), "{place}");
        document["v"] = 2.into();
        Report::read(&serde_json::to_vec(&document).unwrap())
            .unwrap_or_else(|error| panic!("{place}: {error}"));
        assert!(second.is_valid(&document), "{place}");
    }
}

/// Each key of each schema is in at least one document, so that the other tests cover every key.
#[test]
fn every_key_of_the_schema_is_in_use() {
    for (v, schema) in (1_u64..).zip(schemas()) {
        every_key_is_in_use(v, &schema);
    }
}

fn every_key_is_in_use(v: u64, schema: &Value) {
    let mut used = BTreeSet::new();
    for (_, bytes) in documents::all() {
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        if document["v"] == v {
            follow(schema, schema, "", &document, &mut used);
        }
    }
    let mut properties = BTreeSet::new();
    for place in documents::places(schema) {
        if let Some((at, name)) = place.rsplit_once('/')
            && at.ends_with("/properties")
        {
            properties.insert(format!("{at}/{name}"));
        }
    }
    let unused: Vec<&String> = properties.difference(&used).collect();
    assert!(unused.is_empty(), "{unused:#?}");
    assert!(properties.len() > 150, "{}", properties.len());
}

/// Collects the places of the schema that describe a key of the document.
fn follow(whole: &Value, schema: &Value, at: &str, value: &Value, used: &mut BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.strip_prefix('#').unwrap();
        return follow(whole, whole.pointer(pointer).unwrap(), pointer, value, used);
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        let place = format!("{at}/properties/{key}");
        follow(whole, &schema["properties"][key], &place, inner, used);
        used.insert(place);
    }
    for inner in value.as_array().into_iter().flatten() {
        follow(whole, &schema["items"], &format!("{at}/items"), inner, used);
    }
}

/// `docs/result.md` names every key of the document and every column of the table.
#[test]
fn the_documentation_names_every_key_and_column() {
    let docs = include_str!("../../../../docs/result.md");
    let words: BTreeSet<&str> =
        docs.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '<' | '>'))).collect();
    // Version 2 has every key of version 1.
    let [_, schema] = schemas();
    for place in documents::places(&schema) {
        if let Some((at, name)) = place.rsplit_once('/')
            && at.ends_with("/properties")
            && !at.starts_with("/$defs/rules")
        {
            assert!(words.contains(name), "{place}");
        }
    }
    let csv = Report::read(&documents::everything_version_2()).unwrap().csv();
    for column in csv.lines().next().unwrap().split(',') {
        let column = match column.split(':').collect::<Vec<_>>()[..] {
            [kind, _, what] => format!("{kind}:<id>:{what}"),
            _ => column.to_owned(),
        };
        assert!(words.contains(&*column), "{column}");
    }
}
