//! Problems in the description: a schema for each kind, and the kinds that an operation can answer.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::openapi::{
    RefOr,
    response::{Response, ResponseBuilder},
};

use crate::{
    base_path::BasePath,
    problem::{self, Kind},
};

/// The extra fields of the documents, by code.
const FIELDS: &str = include_str!("problems.json");
/// Extension that holds the codes of a response until the description is complete.
pub(super) const CODES: &str = "x-problems";

/// Fields of the documents of one kind, besides the fields of every problem.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(default)]
    required: Vec<String>,
    properties: Map<String, Value>,
}

/// Defines a list of kinds of problems for the `responses` of an operation.
///
/// The kinds that follow from the operation's form are added automatically ([`of_form`]).
macro_rules! refusals {
    ($(#[$doc:meta])* $visibility:vis $name:ident: $($kind:ident),+ $(,)?) => {
        $(#[$doc])*
        $visibility struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                $crate::description::problems::responses_of(&[$(&$crate::problem::$kind),+])
            }
        }
    };
}
pub(crate) use refusals;

/// A response for each status of these kinds, with their codes as an extension.
pub(crate) fn responses_of(kinds: &[&Kind]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for kind in kinds {
        by_status.entry(kind.status.to_string()).or_default().push(kind.code);
    }
    let response = |codes: Vec<&str>| {
        let mut response = ResponseBuilder::new().build();
        response.extensions = Some([(CODES.to_owned(), json!(codes))].into_iter().collect());
        RefOr::T(response)
    };
    by_status.into_iter().map(|(status, codes)| (status, response(codes))).collect()
}

/// The parts of an operation that determine its problems.
pub(super) struct Form<'a> {
    pub(super) path: &'a str,
    pub(super) has_path_parameters: bool,
    pub(super) has_body: bool,
    pub(super) has_idempotency_key: bool,
    /// The credential that it needs: `key` or `pass`.
    pub(super) credential: Option<&'a str>,
}

/// Returns the problems that any operation of this form can answer.
pub(super) fn of_form(form: &Form<'_>) -> Vec<&'static Kind> {
    // `INVALID_PARAMETER` also covers a `Host` that cannot be used.
    let mut kinds = vec![&problem::INTERNAL, &problem::INVALID_PARAMETER];
    let is_api = form.path.starts_with("/v1/");
    let if_applies =
        |applies: bool, kinds: &[&'static Kind]| if applies { kinds.to_vec() } else { Vec::new() };
    // Probes are always answered, independent of the load.
    let is_probe = ["/healthz", "/readyz"].contains(&form.path);
    kinds.extend(if_applies(!is_probe, &[&problem::TOO_MANY_REQUESTS, &problem::UNAVAILABLE]));
    kinds.extend(if_applies(form.has_path_parameters, &[&problem::NOT_FOUND]));
    kinds.extend(if_applies(form.path.contains("{contest}"), &[&problem::CONTEST_NOT_FOUND]));
    kinds.extend(if_applies(
        form.has_body,
        &[&problem::MALFORMED, &problem::TOO_LARGE, &problem::UNSUPPORTED_MEDIA_TYPE],
    ));
    kinds.extend(if_applies(
        form.has_idempotency_key,
        &[&problem::IDEMPOTENCY_KEY_MISSING, &problem::OUTCOME_UNKNOWN],
    ));
    match form.credential {
        Some("pass") => kinds.extend([
            &problem::PASS_MISSING,
            &problem::PASS_INVALID,
            &problem::PASS_EXPIRED,
            &problem::PASS_REVOKED,
            &problem::PASS_FOR_ANOTHER_CONTEST,
            &problem::PASS_OF_ANOTHER_CHANNEL,
            &problem::REVOCATIONS_UNKNOWN,
        ]),
        Some(_) => kinds.extend([
            &problem::KEY_MISSING,
            &problem::KEY_INVALID,
            &problem::KEY_EXPIRED,
            &problem::KEY_INSUFFICIENT,
        ]),
        // A key may be sent where none is needed. It must then be a valid one.
        None => kinds.extend(if_applies(is_api, &[&problem::KEY_INVALID, &problem::KEY_EXPIRED])),
    }
    kinds
}

/// Returns the schema of each kind's document, by its name among the components.
pub(super) fn schemas(base: &BasePath) -> Map<String, Value> {
    #[expect(clippy::expect_used, reason = "the text is a constant, and a test parses it")]
    let mut fields: BTreeMap<String, Fields> = serde_json::from_str(FIELDS).expect("fields of problems");
    let schema = |kind: &&Kind| {
        let Fields { required, properties } = fields.remove(kind.code).unwrap_or_default();
        let mut all = Map::from_iter([
            ("type".to_owned(), json!({"const": format!("{base}{}", kind.path)})),
            ("title".to_owned(), json!({"type": "string"})),
            ("status".to_owned(), json!({"const": kind.status})),
            (
                "detail".to_owned(),
                json!({"type": "string", "description": "What is wrong with this request."}),
            ),
        ]);
        all.extend(properties);
        let mut needed = ["type", "title", "status", "detail"].map(str::to_owned).to_vec();
        needed.extend(required);
        let schema = json!({
            "title": kind.title,
            "description": kind.explanation,
            "type": "object",
            "additionalProperties": false,
            "required": needed,
            "properties": all,
        });
        (name(kind.code), schema)
    };
    problem::ALL.iter().map(schema).collect()
}

fn name(code: &str) -> String {
    format!("Problem.{code}")
}

/// Returns the response of an operation for these kinds, which have one status.
pub(super) fn response(kinds: &[&Kind], base: &BasePath) -> Value {
    let reference = |kind: &&Kind| format!("#/components/schemas/{}", name(kind.code));
    let schema = match kinds {
        [only] => json!({"$ref": reference(only)}),
        several => json!({
            "oneOf": several.iter().map(|kind| json!({"$ref": reference(kind)})).collect::<Vec<_>>(),
            "discriminator": {
                "propertyName": "type",
                "mapping": Map::from_iter(several.iter().map(|kind| (format!("{base}{}", kind.path), reference(kind).into()))),
            },
        }),
    };
    let titles: Vec<&str> = kinds.iter().map(|kind| kind.title).collect();
    let mut response = json!({
        "description": titles.join("; "),
        "content": {problem::PROBLEM_TYPE: {"schema": schema}},
    });
    if let Some((header, schema)) = header_of(kinds) {
        response["headers"] = json!({header: {"schema": schema}});
    }
    response
}

/// Returns the header that every answer of a status has.
fn header_of(kinds: &[&Kind]) -> Option<(&'static str, Value)> {
    match kinds.first()?.status {
        401 => Some(("WWW-Authenticate", json!({"type": "string"}))),
        429 | 503 => {
            Some(("Retry-After", json!({"type": "integer", "minimum": 1, "description": "Seconds."})))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_belong_to_known_kinds() {
        let fields: BTreeMap<String, Fields> = serde_json::from_str(FIELDS).unwrap();
        for (code, Fields { required, properties }) in &fields {
            assert!(problem::ALL.iter().any(|kind| kind.code == code), "{code}");
            assert!(required.iter().all(|field| properties.contains_key(field)), "{code}");
        }
    }
}
