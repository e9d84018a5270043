//! Checks that an answer is in the API's description: its status, content type and document.
//!
//! Every answer that the tests get is checked, so that the description is complete as far as the
//! tests go.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use jsonschema::Validator;
use serde_json::{Value, json};

/// A request and its answer.
pub(crate) struct Exchange<'a> {
    pub(crate) method: &'a str,
    /// The path with its query.
    pub(crate) path: &'a str,
    pub(crate) request: &'a [u8],
    pub(crate) status: u16,
    /// Empty if the answer has none.
    pub(crate) content_type: &'a str,
    pub(crate) answer: &'a [u8],
}

static DESCRIPTION: LazyLock<Value> = LazyLock::new(acclaim_api::openapi);
/// Compiled schemas, by their pointer in the description.
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Panics if the description does not have the answer, or does not allow a request that succeeded.
///
/// Paths that are not routes of the API are skipped.
#[track_caller]
pub(crate) fn check(exchange: &Exchange<'_>) {
    let Exchange { method, path, status, .. } = *exchange;
    let path = path.split('?').next().unwrap_or_default();
    let Some(template) = template(path) else {
        assert!(
            !path.starts_with("/v1/") || status >= 400,
            "{method} {path} answered {status}, and is not described"
        );
        return;
    };
    let escaped = template.replace('/', "~1");
    let pointer = format!("/paths/{escaped}/{}", method.to_lowercase());
    let Some(operation) = DESCRIPTION.pointer(&pointer) else { return };
    let answered = format!("{method} {template} answered {status}");
    let Some(response) = operation["responses"].get(status.to_string()) else {
        panic!("{answered}, which is not described: {}", String::from_utf8_lossy(exchange.answer));
    };
    if let Some(contents) = response.get("content").and_then(Value::as_object) {
        let kind = exchange.content_type.split(';').next().unwrap_or_default();
        assert!(
            contents.contains_key(kind),
            "{answered} with the content type {kind:?}, which is not described"
        );
        if ["application/json", "application/problem+json"].contains(&kind) {
            let kind = kind.replace('/', "~1");
            let pointer = format!("{pointer}/responses/{status}/content/{kind}/schema");
            conforms(&pointer, exchange.answer).unwrap_or_else(|error| panic!("{answered}: {error}"));
        }
    } else {
        assert!(exchange.answer.is_empty(), "{answered} with content, which is not described");
    }
    let body = "requestBody/content/application~1json/schema";
    if status < 300 && operation.pointer(&format!("/{body}")).is_some() {
        let request = if exchange.request.is_empty() { b"{}" } else { exchange.request };
        conforms(&format!("{pointer}/{body}"), request)
            .unwrap_or_else(|error| panic!("{answered}, but its request is not as described: {error}"));
    }
}

/// Returns the path of the description that matches a request's path. A tile's path has slashes in
/// it.
fn template(path: &str) -> Option<&'static str> {
    let parts: Vec<&str> = path.split('/').collect();
    let matches = |template: &&String| {
        let segments: Vec<&str> = template.split('/').collect();
        let is_long = segments.last() == Some(&"{tile}") && parts.len() > segments.len();
        (segments.len() == parts.len() || is_long)
            && segments
                .iter()
                .zip(&parts)
                .all(|(segments, part)| segments.starts_with('{') || segments == part)
    };
    // Of several matches, the path with the fewest parameters is taken.
    let all = DESCRIPTION["paths"].as_object()?.keys().filter(matches);
    all.min_by_key(|template| template.matches('{').count()).map(String::as_str)
}

/// Checks that JSON conforms to the schema at a pointer.
fn conforms(pointer: &str, json: &[u8]) -> Result<(), String> {
    let value: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let validator = {
        let mut all = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(pointer.to_owned()).or_insert_with(|| {
            let schema = DESCRIPTION.pointer(pointer).unwrap();
            let schema = json!({"allOf": [schema], "components": DESCRIPTION["components"]});
            Arc::new(jsonschema::draft202012::new(&schema).unwrap())
        }))
    };
    let mut errors = validator.iter_errors(&value);
    match errors.next() {
        None => Ok(()),
        Some(error) => {
            let text: String = value.to_string().chars().take(2_000).collect();
            Err(format!("{error} at {}: {text}", error.instance_path()))
        }
    }
}
