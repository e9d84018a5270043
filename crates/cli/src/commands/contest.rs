//! `acclaim contest`

#![expect(clippy::indexing_slicing, reason = "reading a JSON value by a key that is not there gives null")]

use std::{fs, path::Path};

use acclaim_contest::{
    ContestId, Instant,
    definition::{Definition, Mistakes, Overrides},
};
use anyhow::{Context as _, Result, anyhow};
use serde_json::{Value, json};

use crate::{
    args::{
        Target,
        contest::{CertifyArgs, ContestCommand, CreateArgs, ListArgs, ReasonArgs, ResultArgs, ShowArgs},
    },
    client::{Client, IdempotencyKey, problem::Problem},
    clock,
    outcome::{Hint, Outcome, Refused},
    output::{self, Card, Table},
};

pub(super) fn run(command: ContestCommand) -> Result<Outcome> {
    match command {
        ContestCommand::Create(args) => create(&args),
        ContestCommand::List(args) => list(&args),
        ContestCommand::Show(args) => show(&args),
        ContestCommand::Result(args) => result(&args),
        ContestCommand::Open(args) => open(&args.target, &args.contest),
        ContestCommand::Close(args) => step(&args.target, &args.contest, "close", &json!({})),
        ContestCommand::Freeze(args) => step(&args.target, &args.contest, "freeze", &json!({})),
        ContestCommand::Unfreeze(args) => with_reason(&args, "unfreeze"),
        ContestCommand::Suspend(args) => with_reason(&args, "suspend"),
        ContestCommand::Resume(args) => with_reason(&args, "resume"),
        ContestCommand::Draw(args) => step(&args.target, &args.contest, "draw", &json!({"seed": args.seed})),
        ContestCommand::Reopen(args) => with_reason(&args, "reopen"),
        ContestCommand::Certify(args) => certify(&args),
        ContestCommand::DestroyKey(args) => {
            step(&args.target, &args.contest, "tag-key/destruction", &json!({"reason": args.reason}))
        }
        ContestCommand::Delete(args) => {
            let client = Client::open(&args.target)?;
            client.delete(&format!("/v1/contests/{}", args.contest), &IdempotencyKey::new()?.part(0))?;
            output::line(format_args!("deleted: {}", args.contest))?;
            Ok(Outcome::Done)
        }
    }
}

/// A step that the log has with its reason.
fn with_reason(args: &ReasonArgs, route: &str) -> Result<Outcome> {
    let body = reasoned(json!({}), &args.reason, args.note.as_deref());
    step(&args.target, &args.contest, route, &body)
}

/// A body with the reason and note that every ruling carries.
pub(super) fn reasoned(mut body: Value, reason: &str, note: Option<&str>) -> Value {
    body["reason"] = reason.into();
    if let Some(note) = note {
        body["note"] = note.into();
    }
    body
}

/// Posts one staff event and says where it is in the log.
pub(super) fn step(target: &Target, contest: &ContestId, route: &str, body: &Value) -> Result<Outcome> {
    let client = Client::open(target)?;
    let done = post(&client, contest, route, body)?;
    report(&done)
}

pub(super) fn post(client: &Client, contest: &ContestId, route: &str, body: &Value) -> Result<Value> {
    client.post(&format!("/v1/contests/{contest}/{route}"), &IdempotencyKey::new()?.part(0), body)
}

/// Prints where an event is in the log.
pub(super) fn report(done: &Value) -> Result<Outcome> {
    output::line(format_args!(
        "recorded at index {}; the log has size {}, root {}",
        done["index"],
        done["log"]["size"],
        done["log"]["root"].as_str().unwrap_or_default()
    ))?;
    Ok(Outcome::Done)
}

fn create(args: &CreateArgs) -> Result<Outcome> {
    let opens = match args.opens.as_deref() {
        Some("now") => Some(Instant::at_or_before(clock::now()).to_string()),
        other => other.map(str::to_owned),
    };
    let overrides = Overrides {
        id: args.id.clone(),
        test: args.test.then_some(true),
        opens,
        closes: args.closes.clone(),
    };
    let definition = read_definition(&args.file, &overrides)?;
    let client = Client::open_or_found(&args.target)?;
    let path = format!("/v1/contests/{}", definition.id);
    let revision = if args.edit {
        let answer = client.get(&path)?;
        let tag = answer.headers.get("etag").and_then(|tag| tag.to_str().ok());
        Some(tag.context("the server named no revision of the contest")?.to_owned())
    } else {
        None
    };
    let put = client.put(&path, &IdempotencyKey::new()?, revision.as_deref(), definition.to_json());
    let contest = put.map_err(|error| match error.downcast_ref::<Problem>() {
        // Not one whose id was used before, or that came in between.
        Some(problem) if problem.status == 412 && !args.edit && problem.extra("code").is_none() => {
            let hint = "--edit puts it in the place of the draft of this id, --as gives it another id";
            anyhow!(Hint(hint.to_owned()))
                .context(Refused(format!("there is a contest {} already", definition.id)))
        }
        _ => error,
    })?;
    print(&contest, args.json)
}

/// Reads a definition; its mistakes become one error, a line each.
fn read_definition(file: &Path, overrides: &Overrides) -> Result<Definition> {
    let text = fs::read(file).with_context(|| format!("the definition {}", file.display()))?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut load = |name: &str| fs::read(folder.join(name)).map_err(|error| error.to_string());
    let toml = file.extension().is_some_and(|extension| extension == "toml");
    let read = if toml {
        Definition::from_toml(&text, &mut load, overrides)
    } else {
        Definition::from_json(&text, overrides)
    };
    read.map_err(|mistakes| anyhow!("{}", listed(&mistakes, file)))
}

fn listed(Mistakes(mistakes): &Mistakes, file: &Path) -> String {
    let mut text = format!("the definition has {} mistakes", mistakes.len());
    if mistakes.len() == 1 {
        text = "the definition has a mistake".to_owned();
    }
    for mistake in mistakes {
        let named = match &mistake.file {
            Some(name) => file.with_file_name(name).display().to_string(),
            None => file.display().to_string(),
        };
        let line = mistake.line.map_or_else(String::new, |line| format!(":{line}"));
        let key = if mistake.key.is_empty() { String::new() } else { format!("{}: ", mistake.key) };
        text.push_str(&format!("\n  {named}{line}: {key}{}", mistake.problem));
    }
    text
}

fn list(args: &ListArgs) -> Result<Outcome> {
    let list: Value = Client::open(&args.target)?.get("/v1/contests")?.json()?;
    if args.json {
        output::json(&list)?;
        return Ok(Outcome::Done);
    }
    let mut table = Table::new(&["contest", "phase", "opens", "closes", "title"]);
    for contest in list["contests"].as_array().into_iter().flatten() {
        let text = |key: &str| contest[key].as_str().unwrap_or_default().to_owned();
        let suspended = contest["suspended"].as_bool().unwrap_or_default();
        let phase = if suspended { format!("{}, suspended", text("phase")) } else { text("phase") };
        table.row([text("id"), phase, text("opens"), text("closes"), text("title")]);
    }
    table.print()?;
    Ok(Outcome::Done)
}

fn show(args: &ShowArgs) -> Result<Outcome> {
    let contest = Client::open(&args.target)?.contest(&args.contest)?;
    print(&contest, args.json)
}

/// Opens a draft. After the opening the rules are fixed, so the warnings of its definition are repeated before.
fn open(target: &Target, contest: &ContestId) -> Result<Outcome> {
    let client = Client::open(target)?;
    note_warnings(&client.contest(contest)?);
    report(&post(&client, contest, "open", &json!({}))?)
}

/// Prints a contest, and the warnings of its definition on standard error.
fn print(contest: &Value, as_json: bool) -> Result<Outcome> {
    if as_json {
        output::json(contest)?;
    } else {
        card(contest)?.print()?;
    }
    note_warnings(contest);
    Ok(Outcome::Done)
}

fn note_warnings(contest: &Value) {
    for warning in contest["warnings"].as_array().into_iter().flatten() {
        let text = |key: &str| output::printable(warning[key].as_str().unwrap_or_default());
        output::note(&format!("warning: {} {}", text("key"), text("problem")));
    }
}

fn result(args: &ResultArgs) -> Result<Outcome> {
    let version = if args.certified { "&version=certified" } else { "" };
    let mark = args.form.mark()?;
    let path = format!("/v1/contests/{}/result?format={}{version}", args.contest, args.form.format);
    let bytes = Client::open(&args.target)?.get(&path)?.bytes;
    output::write(&[mark.as_bytes(), &bytes].concat())?;
    Ok(Outcome::Done)
}

fn card(contest: &Value) -> Result<Card> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let count = |key: &str| contest[key].as_array().map_or(0, Vec::len);
    let destroyed = contest["tag_key_destroyed"].as_bool().unwrap_or_default().then_some("destroyed");
    let test = contest["test"].as_bool().unwrap_or_default().then_some("a rehearsal, never certifiable");
    Ok(Card::default()
        .with("contest", text(&contest["id"]))
        .with("title", text(&contest["title"]))
        .with_some("test", test)
        .with("phase", text(&contest["phase"]))
        .with_some("voting", contest["suspended"].as_bool().unwrap_or_default().then_some("suspended"))
        .with("opens", text(&contest["opens"]))
        .with("closes", text(&contest["closes"]))
        .with("categories", count("categories"))
        .with("entries", count("entries"))
        .with_some("entries from", contest["rounds"]["from"].as_str())
        .with_some("cannot open", contest["opening_refused"].as_str())
        .with_some("tag key", destroyed)
        .with("verifier key", text(&contest["log"]["vkey"])))
}

fn certify(args: &CertifyArgs) -> Result<Outcome> {
    let contest = &args.contest;
    let client = Client::open(&args.target)?;
    let result: Value = client.get(&format!("/v1/contests/{contest}/result"))?.json()?;
    let mut certify = request_of(&result)?;
    if args.undecided {
        certify["undecided"] = true.into();
    }
    for category in result["categories"].as_array().into_iter().flatten() {
        let id = category["id"].as_str().unwrap_or_default();
        output::line(format_args!("{id}: {}", winners(&category["winners"], result["v"] == 1)))?;
    }
    output::line(format_args!("size: {}", certify["size"]))?;
    output::line(format_args!("root: {}", certify["root"].as_str().unwrap_or_default()))?;
    output::line(format_args!("result: {}", certify["result"].as_str().unwrap_or_default()))?;
    let certified = post(&client, contest, "certify", &certify);
    report(&certified.map_err(|error| match error.downcast_ref::<Problem>() {
        Some(problem) if problem.extra("undecided").is_some() => {
            let hint = "choose, enter scores, or freeze and draw, whatever is missing; --undecided certifies it as it is";
            anyhow!(Hint(hint.to_owned())).context(Refused(problem.to_string()))
        }
        _ => error,
    })?)
}

/// A category's winners in a line.
fn winners(winners: &Value, is_version_1: bool) -> String {
    let entries = winners["entries"].as_array().into_iter().flatten();
    let names: Vec<&str> = entries.filter_map(|entry| entry["entry"].as_str()).collect();
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
pub(super) fn what_to_certify(client: &Client, contest: &ContestId) -> Result<Value> {
    request_of(&client.get(&format!("/v1/contests/{contest}/result"))?.json()?)
}

/// The request at the end of a provisional result.
fn request_of(result: &Value) -> Result<Value> {
    let refused = |why: &str| Err(Refused(why.to_owned()).into());
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
    fn what_is_not_decided_is_not_shown_as_if_it_were() {
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
