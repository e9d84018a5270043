//! `acclaim rule`

#![expect(clippy::indexing_slicing, reason = "reading a JSON value by a key that is not there gives null")]

mod scores;

use std::fs;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::contest::{reasoned, report, step};
use crate::{
    args::rule::{AmendArgs, RuleCommand, VoidArgs},
    client::{Client, IdempotencyKey},
    outcome::Outcome,
};

/// The most ballots that one request names.
const MOST_BALLOTS: usize = 10_000;

pub(super) fn run(command: RuleCommand) -> Result<Outcome> {
    match command {
        RuleCommand::Withdraw(args) => {
            let body = reasoned(json!({"entry": args.entry}), &args.why.reason, args.why.note.as_deref());
            step(&args.target, &args.contest, "withdrawals", &body)
        }
        RuleCommand::Void(args) => void(&args),
        RuleCommand::Reinstate(args) => {
            let what = match &args.entry {
                Some(entry) => json!({"entry": entry}),
                None => json!({"ballots": args.ballot}),
            };
            let body = reasoned(what, &args.why.reason, args.why.note.as_deref());
            step(&args.target, &args.contest, "reinstatements", &body)
        }
        RuleCommand::Amend(args) => amend(&args),
        RuleCommand::Score(args) => scores::enter(&args),
        RuleCommand::Scores(args) => scores::show(&args),
        RuleCommand::Choose(args) => {
            let mut body = json!({"category": args.category, "winners": args.entries});
            if let Some(note) = &args.note {
                body["note"] = note.as_str().into();
            }
            step(&args.target, &args.contest, "choices", &body)
        }
        RuleCommand::Statement(args) => {
            step(&args.target, &args.contest, "statements", &json!({"kind": args.kind, "text": args.text}))
        }
    }
}

fn void(args: &VoidArgs) -> Result<Outcome> {
    let mut ballots = args.ballots.clone();
    if let Some(file) = &args.file {
        let named = || format!("the ballots in {}", file.display());
        let text = fs::read_to_string(file).with_context(named)?;
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            ballots.push(line.trim().parse().with_context(|| format!("{}, line {number}", named()))?);
        }
    }
    if ballots.is_empty() {
        bail!("no ballot was named");
    }
    let client = Client::open(&args.target)?;
    let path = format!("/v1/contests/{}/voids", args.contest);
    let key = IdempotencyKey::new()?;
    for (number, piece) in ballots.chunks(MOST_BALLOTS).enumerate() {
        let body = reasoned(json!({"ballots": piece}), &args.why.reason, args.why.note.as_deref());
        report(&client.post(&path, &key.part(number), &body)?)?;
    }
    Ok(Outcome::Done)
}

fn amend(args: &AmendArgs) -> Result<Outcome> {
    let to: Value = match args.key.as_str() {
        "titles" | "details" => serde_json::from_str(&args.value)
            .with_context(|| format!("the value of `{}` is not JSON", args.key))?,
        _ => args.value.as_str().into(),
    };
    let body = json!({"what": args.what, "key": args.key, "to": to});
    step(
        &args.target,
        &args.contest,
        "amendments",
        &reasoned(body, &args.why.reason, args.why.note.as_deref()),
    )
}
