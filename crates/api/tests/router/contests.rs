//! Definitions of contests with a jury, with rounds and with numbered ballots, as tests send them.

use serde_json::{Value, json};

use crate::site::{Site, ballot, definition};

/// `Julián Diaz`, composed as keyboards type it.
pub(crate) const COMPOSED: &str = "Juli\u{e1}n Diaz";
/// The same name, decomposed as some systems store it.
pub(crate) const DECOMPOSED: &str = "Julia\u{301}n Diaz";

/// Rules with one panel that adds points.
pub(crate) fn points() -> Value {
    json!({
        "winners": {"count": 1, "from": "all", "by": "scores"},
        "panel": [{"id": "experts", "kind": "points"}],
    })
}

/// Rules with a panel that scores by two criteria, and a panel that adds points and breaks ties.
pub(crate) fn two_panels() -> Value {
    json!({
        "winners": {"count": 1, "from": "all", "by": "votes", "ties": "panel:students"},
        "panel": [
            {"id": "experts", "kind": "score", "scale": [0, 10], "criteria": [["impact", 2], ["reach", 1]]},
            {"id": "students", "kind": "points"},
        ],
    })
}

/// Returns the jurors of the log's scores, each once.
pub(crate) fn jurors_in_log(site: &Site, contest: &str) -> Vec<String> {
    let log = site.log(contest);
    let entries = log.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let scores = entries.filter(|entry| entry["type"] == "scores");
    let mut jurors: Vec<String> = scores.map(|entry| entry["juror"].as_str().unwrap().to_owned()).collect();
    jurors.sort();
    jurors.dedup();
    jurors
}

/// Returns the definition of a contest whose entries come from another contest.
pub(crate) fn following(id: &str, opens: &str, from: &str) -> Value {
    let mut definition = definition(id, opens);
    let fields = definition.as_object_mut().unwrap();
    fields.remove("entry");
    fields.remove("category");
    definition["rounds"] = json!({"from": from});
    definition
}

/// Returns a ballot for these entries in a period.
pub(crate) fn in_period(entries: &[&str], period: &str) -> Value {
    let mut ballot = ballot(entries);
    ballot["period"] = period.into();
    ballot
}
