//! The published schema says what the tally writes, and what a report reads: no more and no less.

use std::collections::BTreeSet;

use acclaim_report::{Report, SCHEMA, Unreadable};
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::documents;

fn validator() -> Validator {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

#[test]
fn every_document_keeps_to_the_schema() {
    let validator = validator();
    for (name, bytes) in documents::all() {
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    }
}

/// A key that a document may not have, or must not lack, is the same to the schema and to the reader.
#[test]
fn schema_and_reader_agree_on_every_key() {
    let validator = validator();
    for bytes in [documents::everything(), documents::points()] {
        let whole: Value = serde_json::from_slice(&bytes).unwrap();
        for place in documents::places(&whole) {
            let Some(keys) = whole.pointer(&place).and_then(Value::as_object) else { continue };
            for key in keys.keys().map(String::as_str).chain(["surprise"]) {
                let mut document = whole.clone();
                let object = document.pointer_mut(&place).and_then(Value::as_object_mut).unwrap();
                if object.remove(key).is_none() {
                    object.insert(key.to_owned(), json!(1));
                }
                let read = Report::read(&serde_json::to_vec(&document).unwrap());
                // That two lists are of the same channels is beyond a schema.
                let of_the_schema =
                    !matches!(&read, Err(error) if !matches!(error, Unreadable::Contradictory(_)));
                assert_eq!(validator.is_valid(&document), of_the_schema, "{place}/{key}: {:?}", read.err());
            }
        }
    }
}

/// Every key of the schema is in some document, so that none is left over, and everything read is tried.
#[test]
fn every_key_of_the_schema_is_in_use() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut used = BTreeSet::new();
    for (_, bytes) in documents::all() {
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        follow(&schema, &schema, "", &document, &mut used);
    }
    let mut properties = BTreeSet::new();
    for place in documents::places(&schema) {
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

/// Notes the places of the schema that describe a key of the document.
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

/// `docs/result.md` has every key of the document and every column of the table.
#[test]
fn the_documentation_names_every_key_and_column() {
    let docs = include_str!("../../../../docs/result.md");
    let words: BTreeSet<&str> =
        docs.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '<' | '>'))).collect();
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    for place in documents::places(&schema) {
        if let Some((at, name)) = place.rsplit_once('/')
            && at.ends_with("/properties")
            && !at.starts_with("/$defs/rules")
        {
            assert!(words.contains(name), "{place}");
        }
    }
    let csv = Report::read(&documents::everything()).unwrap().csv();
    for column in csv.lines().next().unwrap().split(',') {
        let column = match column.split(':').collect::<Vec<_>>()[..] {
            [kind, _, what] => format!("{kind}:<id>:{what}"),
            _ => column.to_owned(),
        };
        assert!(words.contains(&*column), "{column}");
    }
}
