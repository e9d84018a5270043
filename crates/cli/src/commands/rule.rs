//! The command `acclaim rule`: rulings on ballots and entries, scores, choices and statements.

mod catalogue;
mod choices;
mod scores;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::{
    contest::{add_reason, report, step},
    table_file,
};
use crate::{
    args::rule::{AmendArgs, RuleCommand, VoidArgs},
    client::{Client, IdempotencyKey},
    outcome::Outcome,
};

/// The largest number of ballots in one request.
const MAX_BALLOTS_PER_REQUEST: usize = 10_000;

pub(super) fn run(command: RuleCommand) -> Result<Outcome> {
    match command {
        RuleCommand::Withdraw(args) => {
            let body = add_reason(json!({"entry": args.entry}), &args.why.reason, args.why.note.as_deref());
            step(&args.target, &args.contest, "withdrawals", &body)
        }
        RuleCommand::Void(args) => void(&args),
        RuleCommand::Reinstate(args) => {
            let what = match &args.entry {
                Some(entry) => json!({"entry": entry}),
                None => json!({"ballots": args.ballot}),
            };
            let body = add_reason(what, &args.why.reason, args.why.note.as_deref());
            step(&args.target, &args.contest, "reinstatements", &body)
        }
        RuleCommand::Amend(args) => amend(&args),
        RuleCommand::Score(args) => scores::enter(&args),
        RuleCommand::Scores(args) => scores::show(&args),
        RuleCommand::Choose(args) => choices::choose(&args),
        RuleCommand::Statement(args) => {
            step(&args.target, &args.contest, "statements", &json!({"kind": args.kind, "text": args.text}))
        }
    }
}

fn void(args: &VoidArgs) -> Result<Outcome> {
    let mut ballots = args.ballots.clone();
    if let Some(file) = &args.file {
        let mut mistakes = Vec::new();
        for (row, text) in table_file::list(file, "the ballots in", "ballot")? {
            match text.parse() {
                Ok(ballot) => ballots.push(ballot),
                Err(error) => {
                    mistakes.push((
                        row,
                        "ballot".to_owned(),
                        format!("{text:?} is not a ballot's id: {error}"),
                    ));
                }
            }
        }
        if !mistakes.is_empty() {
            bail!(table_file::format_mistakes(mistakes, file, "the ballots", "nothing was sent"));
        }
    }
    if ballots.is_empty() {
        bail!("no ballot is given: name ballots, or a file with --file");
    }
    let client = Client::open(&args.target)?;
    let path = format!("/v1/contests/{}/voids", args.contest);
    let key = IdempotencyKey::new()?;
    for (number, piece) in ballots.chunks(MAX_BALLOTS_PER_REQUEST).enumerate() {
        let body = add_reason(json!({"ballots": piece}), &args.why.reason, args.why.note.as_deref());
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
        &add_reason(body, &args.why.reason, args.why.note.as_deref()),
    )
}
