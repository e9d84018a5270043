//! The description of the API: it has every public route, and it is consistent.

use std::collections::BTreeSet;

use serde_json::Value;

#[test]
fn every_route_is_described() {
    let document = acclaim_api::openapi();
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            described.insert(format!(
                "{} {}",
                method.to_uppercase(),
                path.replace("/v1/contests/{contest}", "C")
            ));
        }
    }
    let expected = [
        "GET /v1/contests",
        "GET C",
        "PUT C",
        "DELETE C",
        "POST C/open",
        "POST C/close",
        "POST C/freeze",
        "POST C/draw",
        "POST C/certify",
        "POST C/reopen",
        "POST C/unfreeze",
        "POST C/suspend",
        "POST C/resume",
        "GET C/recusals",
        "POST C/recusals",
        "POST C/rejoinings",
        "POST C/ballots",
        "POST C/ballots/bulk",
        "GET C/ballots/{ballot}",
        "GET C/ballots/{ballot}/proof",
        "GET C/turnout",
        "GET C/votes/mine",
        "GET C/passes",
        "POST C/passes",
        "POST C/passes/revocations",
        "GET /v1/keys",
        "POST /v1/keys",
        "DELETE /v1/keys/{name}",
        "GET C/tally",
        "GET C/tally/stream",
        "GET C/result",
        "GET /schemas/result-1.json",
        "GET /schemas/result-2.json",
        "POST C/voids",
        "POST C/withdrawals",
        "POST C/reinstatements",
        "POST C/amendments",
        "GET C/jury",
        "GET C/scores",
        "POST C/scores",
        "POST C/choices",
        "POST C/statements",
        "POST C/tag-key/destruction",
        "GET C/log/checkpoint",
        "GET C/log/checkpoint.cosigned",
        "GET C/log/tile/{tile}",
        "GET C/log/entries",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
    ];
    let expected: BTreeSet<String> = expected.into_iter().map(str::to_owned).collect();
    assert_eq!(described, expected);
}

#[test]
fn operations_have_names_of_their_own_and_valid_paths() {
    let document = acclaim_api::openapi();
    let mut names = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        assert!(!path.contains('*'), "{path}");
        for (method, operation) in methods.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{method} {path} is a second {name}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                let is_described = response["description"].as_str().is_some_and(|text| !text.is_empty());
                assert!(status.parse::<u16>().is_ok() && is_described, "{method} {path} {status}");
                assert!(response.get("x-problems").is_none(), "{method} {path} {status}");
            }
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn check(document: &Value, part: &Value) {
        match part {
            Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref") {
                    let pointer =
                        reference.as_str().unwrap().strip_prefix('#').expect("a reference to this document");
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                fields.values().for_each(|value| check(document, value));
            }
            Value::Array(elements) => elements.iter().for_each(|element| check(document, element)),
            _ => {}
        }
    }
    let document = acclaim_api::openapi();
    check(&document, &document);
}

/// Operations and schemas without their texts: the contract that clients rely on.
///
/// The texts may change. A change of this snapshot is a change of the contract.
#[test]
fn the_contract_is_as_it_was() {
    fn without_texts(part: &Value, is_map_of_names: bool) -> Value {
        match part {
            Value::Object(fields) => fields
                .iter()
                .filter(|(name, _)| {
                    is_map_of_names
                        || !["description", "summary", "example", "examples"].contains(&name.as_str())
                })
                .map(|(name, value)| {
                    (name.clone(), without_texts(value, !is_map_of_names && name == "properties"))
                })
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Value::Array(elements) => elements.iter().map(|element| without_texts(element, false)).collect(),
            other => other.clone(),
        }
    }
    let document = acclaim_api::openapi();
    let mut lines = String::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for part in ["parameters", "requestBody", "security"] {
                lines += &format!(
                    "{} {path} {part} {}\n",
                    method.to_uppercase(),
                    without_texts(&operation[part], false)
                );
            }
            for (status, response) in operation["responses"].as_object().unwrap() {
                lines += &format!(
                    "{} {path} {status} {}\n",
                    method.to_uppercase(),
                    without_texts(response, false)
                );
            }
        }
    }
    for (kind, components) in document["components"].as_object().unwrap() {
        for (name, component) in components.as_object().unwrap() {
            lines += &format!("{kind} {name} {}\n", without_texts(component, false));
        }
    }
    insta::assert_snapshot!(lines);
}
