//! Every route of the public contract is described.

use std::collections::BTreeSet;

#[test]
fn every_route_is_described() {
    let document = serde_json::to_value(acclaim_api::openapi()).unwrap();
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
    let wanted = [
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
        "GET C/log/tile/{*tile}",
        "GET C/log/entries",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
    ];
    let wanted: BTreeSet<String> = wanted.into_iter().map(str::to_owned).collect();
    assert_eq!(described, wanted);
}
