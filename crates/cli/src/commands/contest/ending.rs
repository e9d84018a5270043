//! The steps that end a contest: closing, certifying, and destroying the tag key.

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

/// Closes voting, and shows the progress of the ballots that must still be recorded.
pub(super) fn close(target: &Target, contest: &ContestId) -> Result<Outcome> {
    let client = Client::open(target)?;
    if client.contest(contest)?["phase"] == "open" {
        let status = match waiting_ballots(&client, contest) {
            Some((recorded, pending)) => {
                format!("{recorded} ballots are recorded, and {pending} are not recorded yet")
            }
            None => "some ballots may not be recorded yet".to_owned(),
        };
        output::note(&format!(
            "closing: {status}. New ballots are refused. Waiting until all ballots that arrived in time are recorded, for as long as a ballot may take"
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

/// Returns the numbers of recorded ballots and of ballots in the intake. `None` if the tally cannot
/// be read.
fn waiting_ballots(client: &Client, contest: &ContestId) -> Option<(u64, u64)> {
    let tally: Value = client.get(&format!("/v1/contests/{contest}/tally")).ok()?.json().ok()?;
    Some((tally["ballots"]["recorded"].as_u64()?, tally["pending"].as_u64()?))
}

/// Destroys the tag key. This cannot be undone.
pub(super) fn destroy_key(args: &DestroyKeyArgs) -> Result<Outcome> {
    let client = Client::open(&args.target)?;
    let description = client.contest(&args.contest)?;
    let title = description["title"].as_str().unwrap_or_default();
    output::note(&output::printable(&format!(
        "{} ({title}): without its tag key, no pass can be minted any more, and no subject can be linked to a ballot. This cannot be undone",
        args.contest
    )));
    confirm(&format!("Destroy the tag key of {}?", args.contest), args.yes)?;
    report(&post(&client, &args.contest, "tag-key/destruction", &json!({"reason": args.reason}))?)
}

/// Prints the result to certify, asks for confirmation, and certifies it.
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
            let hint = "enter the missing choices or scores, or freeze and draw lots; or certify it as it is with --undecided";
            anyhow!(Hint(hint.to_owned())).context(Refusal(problem.to_string()))
        }
        _ => error,
    })?)
}

/// Returns an identifier with the title that voters read, for example `c01 (Photographs)`.
fn with_title(thing: &Value, key: &str) -> String {
    let id = thing[key].as_str().unwrap_or_default();
    match thing["title"].as_str() {
        Some(title) if title != id => format!("{id} ({title})"),
        _ => id.to_owned(),
    }
}

/// Returns a category's winners, or why there are none, as one line.
fn winners(winners: &Value, is_version_1: bool) -> String {
    let entries = winners["entries"].as_array().into_iter().flatten();
    let names: Vec<String> = entries.map(|entry| with_title(entry, "entry")).collect();
    let is_undecided = winners["decision"] == "undecided";
    match (names.join(", "), is_undecided) {
        // In version 1, `undecided` only means that a panel has not yet chosen. `decided` may stand
        // there although scores are missing.
        (names, true) if is_version_1 && names.is_empty() => "the panel has not chosen".to_owned(),
        (names, true) if names.is_empty() => "undecided".to_owned(),
        (names, true) => format!("undecided (as things stand: {names})"),
        (names, false) if names.is_empty() => "no winner".to_owned(),
        (names, false) => names,
    }
}

/// Fetches the present result, and returns the request that certifies it.
pub(crate) fn fetch_certify_request(client: &Client, contest: &ContestId) -> Result<Value> {
    certify_request(&client.get(&format!("/v1/contests/{contest}/result"))?.json()?)
}

/// Returns the request that a provisional result contains for its certification.
///
/// # Errors
/// [`Refusal`] if the contest is a test, or if the result is already certified.
fn certify_request(result: &Value) -> Result<Value> {
    let refused = |why: &str| Err(Refusal(why.to_owned()).into());
    match &result["certify"] {
        Value::Null if result["test"] == true => refused("the result of a test can never be certified"),
        Value::Null => {
            refused("the result is already certified; `acclaim contest reopen` allows rulings again")
        }
        certify => Ok(certify.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_undecided_categories() {
        let line = |decision: &str, entries: &[&str], is_version_1| {
            let entries: Vec<Value> = entries.iter().map(|entry| json!({"entry": entry})).collect();
            winners(&json!({"decision": decision, "entries": entries}), is_version_1)
        };
        for (decision, entries, version_2, version_1) in [
            ("decided", &["n1", "n2"][..], "n1, n2", "n1, n2"),
            ("decided", &[], "no winner", "no winner"),
            ("undecided", &["n2"], "undecided (as things stand: n2)", "undecided (as things stand: n2)"),
            ("undecided", &[], "undecided", "the panel has not chosen"),
        ] {
            assert_eq!(line(decision, entries, false), version_2);
            assert_eq!(line(decision, entries, true), version_1);
        }
    }
}
