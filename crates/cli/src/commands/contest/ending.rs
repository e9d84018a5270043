//! The end of a contest: closing, certifying, destroying the tag key.

#![expect(clippy::indexing_slicing, reason = "reading a JSON value by a key that is not there gives null")]

use acclaim_contest::ContestId;
use anyhow::{Result, anyhow};
use serde_json::{Value, json};

use super::{post, report};
use crate::{
    args::{
        contest::{CertifyArgs, DestroyKeyArgs},
        target::Target,
    },
    client::{Client, problem::Problem},
    confirm::confirm,
    outcome::{Hint, Outcome, Refusal},
    output, progress,
};

/// Closes voting, and says meanwhile what is waited for.
pub(super) fn close(target: &Target, contest: &ContestId) -> Result<Outcome> {
    let client = Client::open(target)?;
    if client.contest(contest)?["phase"] == "open" {
        let waiting = match waiting_ballots(&client, contest) {
            Some((recorded, pending)) => {
                format!("{recorded} ballots are recorded and {pending} on their way")
            }
            None => "ballots may be on their way".to_owned(),
        };
        output::note(&format!(
            "closing: {waiting}. No more are taken; waiting until those that arrived before are recorded, for as long as a ballot may take"
        ));
    }
    let bar = progress::waiting("recording the last ballots");
    let closed = post(&client, contest, "close", &json!({}));
    bar.finish_and_clear();
    let closed = closed?;
    if let Some((recorded, _)) = waiting_ballots(&client, contest) {
        output::note(&format!("closed: {recorded} ballots are recorded"));
    }
    report(&closed)
}

/// Ballots recorded, and ballots that the intake holds; `None` if the tally cannot be read.
fn waiting_ballots(client: &Client, contest: &ContestId) -> Option<(u64, u64)> {
    let tally: Value = client.get(&format!("/v1/contests/{contest}/tally")).ok()?.json().ok()?;
    Some((tally["ballots"]["recorded"].as_u64()?, tally["pending"].as_u64()?))
}

/// Destroys the tag key, which cannot be undone.
pub(super) fn destroy_key(args: &DestroyKeyArgs) -> Result<Outcome> {
    let client = Client::open(&args.target)?;
    let about = client.contest(&args.contest)?;
    let title = about["title"].as_str().unwrap_or_default();
    output::note(&output::printable(&format!(
        "{} ({title}): without its tag key no pass can be minted again, and no subject be linked to a ballot, for ever",
        args.contest
    )));
    confirm(&format!("Destroy the tag key of {}?", args.contest), args.yes)?;
    report(&post(&client, &args.contest, "tag-key/destruction", &json!({"reason": args.reason}))?)
}

pub(super) fn certify(args: &CertifyArgs) -> Result<Outcome> {
    let contest = &args.contest;
    let client = Client::open(&args.target)?;
    let result: Value = client.get(&format!("/v1/contests/{contest}/result"))?.json()?;
    let mut certify = certify_request(&result)?;
    if args.undecided {
        certify["undecided"] = true.into();
    }
    let title = result["title"].as_str().unwrap_or_default();
    output::line(format_args!("contest: {contest} ({title})"))?;
    for category in result["categories"].as_array().into_iter().flatten() {
        let winners = winners(&category["winners"], result["v"] == 1);
        output::line(format_args!("{}: {winners}", with_title(category, "id")))?;
    }
    output::line(format_args!("size: {}", certify["size"]))?;
    output::line(format_args!("root: {}", certify["root"].as_str().unwrap_or_default()))?;
    output::line(format_args!("result: {}", certify["result"].as_str().unwrap_or_default()))?;
    confirm(&format!("Certify this result of {contest}?"), args.yes)?;
    let certified = post(&client, contest, "certify", &certify);
    report(&certified.map_err(|error| match error.downcast_ref::<Problem>() {
        Some(problem) if problem.extra("undecided").is_some() => {
            let hint = "choose, enter scores, or freeze and draw, whatever is missing; --undecided certifies it as it is";
            anyhow!(Hint(hint.to_owned())).context(Refusal(problem.to_string()))
        }
        _ => error,
    })?)
}

/// An identifier with the title that voters read.
fn with_title(thing: &Value, key: &str) -> String {
    let id = thing[key].as_str().unwrap_or_default();
    match thing["title"].as_str() {
        Some(title) if title != id => format!("{id} ({title})"),
        _ => id.to_owned(),
    }
}

/// A category's winners in a line.
fn winners(winners: &Value, is_version_1: bool) -> String {
    let entries = winners["entries"].as_array().into_iter().flatten();
    let names: Vec<String> = entries.map(|entry| with_title(entry, "entry")).collect();
    let is_undecided = winners["decision"] == "undecided";
    match (names.join(", "), is_undecided) {
        // Version 1 calls undecided only what a panel has still to choose, and `decided` may stand beside scores that are missing.
        (names, true) if is_version_1 && names.is_empty() => "the panel has not chosen".to_owned(),
        (names, true) if names.is_empty() => "undecided".to_owned(),
        (names, true) => format!("undecided (as things stand: {names})"),
        (names, false) if names.is_empty() => "no winner".to_owned(),
        (names, false) => names,
    }
}

/// The request that certifies the present result.
pub(crate) fn fetch_certify_request(client: &Client, contest: &ContestId) -> Result<Value> {
    certify_request(&client.get(&format!("/v1/contests/{contest}/result"))?.json()?)
}

/// The request at the end of a provisional result.
fn certify_request(result: &Value) -> Result<Value> {
    let refused = |why: &str| Err(Refusal(why.to_owned()).into());
    match &result["certify"] {
        Value::Null if result["test"] == true => refused("the result of a test is never certified"),
        Value::Null => {
            refused("the result is certified already; `acclaim contest reopen` allows rulings again")
        }
        certify => Ok(certify.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_undecided_categories() {
        let shown = |decision: &str, entries: &[&str], is_version_1| {
            let entries: Vec<Value> = entries.iter().map(|entry| json!({"entry": entry})).collect();
            winners(&json!({"decision": decision, "entries": entries}), is_version_1)
        };
        for (decision, entries, version_2, version_1) in [
            ("decided", &["n1", "n2"][..], "n1, n2", "n1, n2"),
            ("decided", &[], "no winner", "no winner"),
            ("undecided", &["n2"], "undecided (as things stand: n2)", "undecided (as things stand: n2)"),
            ("undecided", &[], "undecided", "the panel has not chosen"),
        ] {
            assert_eq!(shown(decision, entries, false), version_2);
            assert_eq!(shown(decision, entries, true), version_1);
        }
    }
}
