//! Whether an answer is one that the description of the API has: its status, its type of content, and its document. Every answer that the tests get is looked
//! at, so that the description is complete as far as they go.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use jsonschema::Validator;
use serde_json::{Value, json};

/// A request and its answer.
pub(crate) struct Exchange<'a> {
    pub(crate) method: &'a str,
    /// With its query.
    pub(crate) path: &'a str,
    pub(crate) request: &'a [u8],
    pub(crate) status: u16,
    /// Empty if there is none.
    pub(crate) content_type: &'a str,
    pub(crate) answer: &'a [u8],
}

static DESCRIPTION: LazyLock<Value> = LazyLock::new(acclaim_api::openapi);
/// Schemas by where they stand in the description, ready for use.
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Panics if the answer is not described, or if a request went well that is described otherwise. What is no route of the API is passed over.
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
    let place = format!("/paths/{escaped}/{}", method.to_lowercase());
    let Some(operation) = DESCRIPTION.pointer(&place) else { return };
    let which = format!("{method} {template} answered {status}");
    let Some(response) = operation["responses"].get(status.to_string()) else {
        panic!("{which}, which is not described: {}", String::from_utf8_lossy(exchange.answer));
    };
    if let Some(contents) = response.get("content").and_then(Value::as_object) {
        let kind = exchange.content_type.split(';').next().unwrap_or_default();
        assert!(
            contents.contains_key(kind),
            "{which} with the content type {kind:?}, which is not described"
        );
        if ["application/json", "application/problem+json"].contains(&kind) {
            let kind = kind.replace('/', "~1");
            let place = format!("{place}/responses/{status}/content/{kind}/schema");
            conforms(&place, exchange.answer).unwrap_or_else(|error| panic!("{which}: {error}"));
        }
    } else {
        assert!(exchange.answer.is_empty(), "{which} with content, which is not described");
    }
    let body = "requestBody/content/application~1json/schema";
    if status < 300 && operation.pointer(&format!("/{body}")).is_some() {
        let request = if exchange.request.is_empty() { b"{}" } else { exchange.request };
        conforms(&format!("{place}/{body}"), request)
            .unwrap_or_else(|error| panic!("{which}, but its request is not as described: {error}"));
    }
}

/// The path of the description that a request's path is one of. A tile's path has slashes in it.
fn template(path: &str) -> Option<&'static str> {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |template: &&String| {
        let wanted: Vec<&str> = template.split('/').collect();
        let is_long = wanted.last() == Some(&"{tile}") && parts.len() > wanted.len();
        (wanted.len() == parts.len() || is_long)
            && wanted.iter().zip(&parts).all(|(wanted, part)| wanted.starts_with('{') || wanted == part)
    };
    // Words go before parameters.
    let all = DESCRIPTION["paths"].as_object()?.keys().filter(fits);
    all.min_by_key(|template| template.matches('{').count()).map(String::as_str)
}

/// Whether JSON is as the schema at a place has it.
fn conforms(place: &str, json: &[u8]) -> Result<(), String> {
    let value: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let validator = {
        let mut all = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(place.to_owned()).or_insert_with(|| {
            let schema = DESCRIPTION.pointer(place).unwrap();
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
