//! The description of the API (OpenAPI 3.1), as `/openapi.json` serves it.
//!
//! Each route describes itself beside its handler. This module adds the parts that many routes
//! share: the contest of a path, the problems that follow from an operation's form, and the schemas
//! from files.

#![expect(
    clippy::indexing_slicing,
    reason = "the JSON objects are made by this program: reading a missing field gives null, writing creates it"
)]

pub(crate) mod problems;
pub(crate) mod shapes;

use std::collections::BTreeMap;

use acclaim_report::{SCHEMA_1, SCHEMA_2};
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

pub(crate) use self::problems::refusals;
use self::problems::{CODES, Form};
use crate::{
    base_path::BasePath,
    problem::{self, Kind},
};

/// Schemas of whole documents, by name.
///
/// Their own definitions become components too: `count` of the tally becomes `Tally.count`.
const DOCUMENTS: [(&str, &str); 7] = [
    ("Definition", include_str!("description/definition.json")),
    ("Contest", include_str!("description/contest.json")),
    ("Tally", include_str!("description/tally.json")),
    ("Amendment", include_str!("description/amendment.json")),
    ("SubjectRules", include_str!("description/subject_rules.json")),
    ("ResultDocument1", SCHEMA_1),
    ("ResultDocument2", SCHEMA_2),
];

/// Returns the complete description of an API with these routes, below a base path.
pub(crate) fn complete(routes: &OpenApi, base: &BasePath) -> Value {
    let mut description = serde_json::to_value(routes).unwrap_or_default();
    if !base.is_root() {
        description["servers"] = json!([{"url": base.to_string()}]);
    }
    let components = &mut description["components"];
    for (name, document) in DOCUMENTS {
        add_document(&mut components["schemas"], name, document);
    }
    let results = ["ResultDocument1", "ResultDocument2"].map(|name| json!({"$ref": reference(name)}));
    components["schemas"]["ResultDocument"] = json!({"oneOf": results});
    for (name, schema) in problems::schemas(base) {
        components["schemas"][name] = schema;
    }
    components["parameters"] = parameters();
    let is_optional = |schema: &Value| schema["type"] == "object" && schema.get("required").is_none();
    let schemas = components["schemas"].as_object().into_iter().flatten();
    let optional: Vec<String> =
        schemas.filter(|(_, schema)| is_optional(schema)).map(|(name, _)| reference(name)).collect();
    if let Some(paths) = description["paths"].as_object_mut() {
        *paths = std::mem::take(paths)
            .into_iter()
            .map(|(path, item)| complete_path(&path, item, base, &optional))
            .collect();
    }
    description
}

fn reference(schema: &str) -> String {
    format!("#/components/schemas/{schema}")
}

/// Adds the schema of a document, and of its own definitions, to the components.
fn add_document(schemas: &mut Value, name: &str, document: &str) {
    let Ok(Value::Object(mut schema)) = serde_json::from_str(document) else { return };
    schema.remove("$schema");
    schema.remove("$id");
    let definitions = schema.remove("$defs");
    let mut put = |name: String, mut schema: Value, of: &str| {
        point_to_components(&mut schema, of);
        schemas[name] = schema;
    };
    put(name.to_owned(), Value::Object(schema), name);
    for (definition, schema) in definitions.as_ref().and_then(Value::as_object).into_iter().flatten() {
        put(format!("{name}.{definition}"), schema.clone(), name);
    }
}

/// Changes references to a document's own definitions into references to their components.
fn point_to_components(schema: &mut Value, document: &str) {
    match schema {
        Value::Object(fields) => {
            for (key, value) in fields {
                let definition = value.as_str().and_then(|text| text.strip_prefix("#/$defs/"));
                match definition.filter(|_| key == "$ref") {
                    Some(definition) => *value = reference(&format!("{document}.{definition}")).into(),
                    None => point_to_components(value, document),
                }
            }
        }
        Value::Array(elements) => {
            elements.iter_mut().for_each(|element| point_to_components(element, document));
        }
        _ => {}
    }
}

/// Parameters that many operations share.
fn parameters() -> Value {
    json!({
        "contest": {
            "name": "contest", "in": "path", "required": true, "description": "The contest's id.",
            "schema": {"$ref": reference("Id")}, "example": "photo-2031",
        },
        "Idempotency-Key": {
            "name": "Idempotency-Key", "in": "header", "required": true,
            "description": "A new value for each request, the same value when the request is repeated.",
            "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"}, "example": "4b3f6c1e",
        },
        "If-None-Match": {
            "name": "If-None-Match", "in": "header", "required": false,
            "description": "The `ETag` of an earlier answer. The answer is 304 if nothing has changed since.",
            "schema": {"type": "string"},
        },
    })
}

/// Returns a path in OpenAPI's form, with its operations completed.
///
/// `optional` lists the objects that need no field: a request may omit such a body.
fn complete_path(path: &str, mut item: Value, base: &BasePath, optional: &[String]) -> (String, Value) {
    let path = path.replace("{*", "{");
    for operation in item.as_object_mut().into_iter().flatten().map(|(_, operation)| operation) {
        complete_parameters(&path, operation);
        if path.starts_with("/v1/") && operation.get("security").is_none() {
            operation["security"] = json!([{}, {"key": []}]);
        }
        complete_responses(&path, operation, base);
        let body =
            operation.pointer("/requestBody/content/application~1json/schema/$ref").and_then(Value::as_str);
        if body.is_some_and(|body| optional.iter().any(|object| object == body)) {
            operation["requestBody"]["required"] = false.into();
        }
    }
    (path, item)
}

/// Replaces parameters by the shared ones of the same name.
///
/// Also adds the shared parameters that follow from the path and the answers.
fn complete_parameters(path: &str, operation: &mut Value) {
    let is_conditional = operation["responses"].get("304").is_some();
    let mut parameters: Vec<Value> =
        operation.get_mut("parameters").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
    let mut all = Vec::new();
    for (name, is_present) in [
        ("contest", path.contains("{contest}")),
        ("Idempotency-Key", parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key")),
        ("If-None-Match", is_conditional),
    ] {
        if is_present {
            parameters.retain(|parameter| parameter["name"] != name);
            all.push(json!({"$ref": format!("#/components/parameters/{name}")}));
        }
    }
    for parameter in &mut parameters {
        remove_null(&mut parameter["schema"]);
    }
    all.extend(parameters);
    if !all.is_empty() {
        operation["parameters"] = all.into();
    }
}

/// Removes null from the schema of a parameter that may be absent.
///
/// A path, a query and a header hold only texts.
fn remove_null(schema: &mut Value) {
    if let Some(types) = schema["type"].as_array() {
        let others: Vec<Value> = types.iter().filter(|kind| *kind != "null").cloned().collect();
        if let [only] = &others[..] {
            schema["type"] = only.clone();
        }
    }
    let choices = schema["oneOf"].as_array().cloned().unwrap_or_default();
    let mut others = choices.into_iter().filter(|choice| choice["type"] != "null");
    if let (Some(only), None) = (others.next(), others.next()) {
        *schema = only;
    }
}

/// Adds the problems that follow from the operation's form, and writes out all its problems.
fn complete_responses(path: &str, operation: &mut Value, base: &BasePath) {
    let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    let key = "#/components/parameters/Idempotency-Key";
    let credential = operation["security"].pointer("/0").and_then(Value::as_object);
    let form = Form {
        path,
        has_path_parameters: path.contains('{'),
        has_body: operation.get("requestBody").is_some(),
        has_idempotency_key: parameters.iter().any(|parameter| parameter["$ref"] == key),
        credential: credential.and_then(|scheme| scheme.keys().next()).map(String::as_str),
    };
    let mut by_status: BTreeMap<u16, Vec<&Kind>> = BTreeMap::new();
    let mut add = |kind: &'static Kind| {
        let kinds = by_status.entry(kind.status).or_default();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    };
    problems::of_form(&form).into_iter().for_each(&mut add);
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for response in responses.values_mut() {
        let codes = response.as_object_mut().and_then(|response| response.remove(CODES));
        let codes = codes.as_ref().and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let kind = |code: &str| problem::ALL.iter().copied().find(|kind| kind.code == code);
        codes.filter_map(kind).for_each(&mut add);
    }
    for (status, kinds) in by_status {
        let problem_response = problems::response(&kinds, base);
        match responses.get_mut(&status.to_string()).filter(|response| response.get("content").is_some()) {
            // A status that also has another document.
            Some(response) => {
                response["content"][problem::PROBLEM_TYPE] =
                    problem_response["content"][problem::PROBLEM_TYPE].clone();
            }
            None => {
                responses.insert(status.to_string(), problem_response);
            }
        }
    }
    add_etag(responses);
}

/// Adds the ETag to the answers of a route that answers `If-None-Match`.
fn add_etag(responses: &mut Map<String, Value>) {
    if responses.contains_key("304") {
        for status in ["200", "304"] {
            if let Some(response) = responses.get_mut(status) {
                response["headers"]["ETag"] = json!({"schema": {"type": "string"}});
            }
        }
    }
}
