//! The command `acclaim contest`: creating, showing and opening contests, and the steps of a
//! contest that need no further work.

#![expect(clippy::indexing_slicing, reason = "reading a JSON value by a key that is not there gives null")]

mod ending;
mod preview;

use std::path::Path;

use acclaim_contest::{
    ContestId, Instant, Zone,
    definition::{Definition, Mistakes, Overrides},
};
use acclaim_tables::file::read as read_bounded;
use anyhow::{Context as _, Result, anyhow};
use serde_json::{Value, json};

pub(super) use self::ending::fetch_certify_request;
use crate::{
    args::{
        contest::{ContestCommand, CreateArgs, ListArgs, ReasonArgs, ResultArgs, ShowArgs},
        target::Target,
    },
    client::{Client, IdempotencyKey, problem::Problem},
    clock,
    outcome::{Hint, Outcome, Refusal},
    output::{self, FieldList, Table},
};

pub(super) fn run(command: ContestCommand) -> Result<Outcome> {
    match command {
        ContestCommand::Create(args) => create(&args),
        ContestCommand::List(args) => list(&args),
        ContestCommand::Show(args) => show(&args),
        ContestCommand::Result(args) => result(&args),
        ContestCommand::Open(args) => open(&args.target, &args.contest),
        ContestCommand::Close(args) => ending::close(&args.target, &args.contest),
        ContestCommand::Freeze(args) => step(&args.target, &args.contest, "freeze", &json!({})),
        ContestCommand::Unfreeze(args) => with_reason(&args, "unfreeze"),
        ContestCommand::Suspend(args) => with_reason(&args, "suspend"),
        ContestCommand::Resume(args) => with_reason(&args, "resume"),
        ContestCommand::Draw(args) => step(&args.target, &args.contest, "draw", &json!({"seed": args.seed})),
        ContestCommand::Reopen(args) => with_reason(&args, "reopen"),
        ContestCommand::Certify(args) => ending::certify(&args),
        ContestCommand::DestroyKey(args) => ending::destroy_key(&args),
        ContestCommand::Delete(args) => {
            let client = Client::open(&args.target)?;
            client.delete(&format!("/v1/contests/{}", args.contest), &IdempotencyKey::new()?.part(0))?;
            output::line(format_args!("deleted: {}", args.contest))?;
            Ok(Outcome::Done)
        }
    }
}

/// Posts a step that the log records with its reason.
fn with_reason(args: &ReasonArgs, route: &str) -> Result<Outcome> {
    let body = add_reason(json!({}), &args.reason, args.note.as_deref());
    step(&args.target, &args.contest, route, &body)
}

/// Adds the reason and the note of a ruling to a request's body.
pub(super) fn add_reason(mut body: Value, reason: &str, note: Option<&str>) -> Value {
    body["reason"] = reason.into();
    if let Some(note) = note {
        body["note"] = note.into();
    }
    body
}

/// Posts one staff event, and prints its index in the log.
pub(super) fn step(target: &Target, contest: &ContestId, route: &str, body: &Value) -> Result<Outcome> {
    let client = Client::open(target)?;
    let answer = post(&client, contest, route, body)?;
    report(&answer)
}

/// Posts one staff event, and returns the server's answer.
pub(super) fn post(client: &Client, contest: &ContestId, route: &str, body: &Value) -> Result<Value> {
    client.post(&format!("/v1/contests/{contest}/{route}"), &IdempotencyKey::new()?.part(0), body)
}

/// Prints the index of an event in the log, and the size and root of the log.
pub(super) fn report(answer: &Value) -> Result<Outcome> {
    output::line(format_args!(
        "recorded at index {}; the log has size {}, root {}",
        answer["index"],
        answer["log"]["size"],
        answer["log"]["root"].as_str().unwrap_or_default()
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
        details: (!args.details.is_empty()).then(|| args.details.clone()),
    };
    let definition = read_definition(&args.file, &overrides)?;
    let client = Client::open_or_create(&args.target)?;
    let path = format!("/v1/contests/{}", definition.id);
    let revision = if args.edit {
        let answer = client.get(&path)?;
        let tag = answer.headers.get("etag").and_then(|tag| tag.to_str().ok());
        Some(tag.context("the server's answer has no revision of the contest")?.to_owned())
    } else {
        None
    };
    let put = client.put(&path, &IdempotencyKey::new()?, revision.as_deref(), definition.to_json());
    let contest = put.map_err(|error| match error.downcast_ref::<Problem>() {
        // Without `--edit`, this status means that a contest has this id. With a field `code`, it
        // has another cause: the id was used before, or another change came in between.
        Some(problem) if problem.status == 412 && !args.edit && problem.extra("code").is_none() => {
            let hint = "replace the draft of this id with --edit, or choose another id with --as";
            anyhow!(Hint(hint.to_owned()))
                .context(Refusal(format!("a contest {} exists already", definition.id)))
        }
        _ => error,
    })?;
    print(&contest, args.json)?;
    if !args.json {
        preview::print(&definition)?;
    }
    if args.opens.as_deref() == Some("now") && !args.json {
        output::note(&output::printable(&next_steps(&contest)));
    }
    Ok(Outcome::Done)
}

/// Returns the notes for a contest that opens at once: what is fixed, what can still change, how
/// voters vote, and when voting closes.
fn next_steps(contest: &Value) -> String {
    let id = contest["id"].as_str().unwrap_or_default();
    let closes = time_of(contest, "closes");
    format!(
        "next steps:\n  \
         voting opens now; rules, categories and entries can no longer be changed\n  \
         voters need passes: acclaim pass mint {id} --subjects voters.txt --out passes.csv\n  \
         you can still change texts, close later, and withdraw entries: acclaim rule --help\n  \
         to interrupt voting: acclaim contest suspend {id} --reason REASON\n  \
         voting closes at {closes}, or with acclaim contest close {id}\n  \
         publish the verifier key now: auditors need it from you, not from the server"
    )
}

/// Returns an instant of a contest, with the local time of the contest's time zone if that is not
/// UTC.
fn time_of(contest: &Value, key: &str) -> String {
    let text = contest[key].as_str().unwrap_or_default();
    let zone = contest["time_zone"].as_str().and_then(Zone::from_name);
    match (text.parse::<Instant>(), zone) {
        (Ok(instant), Some(zone)) if !zone.is_utc_at(instant) => {
            format!("{instant}, which is {} in {}", zone.at(instant), zone.name())
        }
        _ => text.to_owned(),
    }
}

/// Reads a definition. Its mistakes become one error, with one line for each mistake.
fn read_definition(file: &Path, overrides: &Overrides) -> Result<Definition> {
    let text =
        read_bounded(file).with_context(|| format!("cannot read the definition {}", file.display()))?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut load = |name: &str| read_bounded(&folder.join(name)).map_err(|error| error.to_string());
    let toml = file.extension().is_some_and(|extension| extension == "toml");
    let definition = if toml {
        Definition::from_toml(&text, &mut load, overrides)
    } else {
        Definition::from_json(&text, overrides)
    };
    definition.map_err(|mistakes| anyhow!("{}", format_mistakes(&mistakes, file)))
}

/// Returns the mistakes of a definition as text, one on each line, with the file's name.
pub(super) fn format_mistakes(Mistakes(mistakes): &Mistakes, file: &Path) -> String {
    let mut text = format!("the definition has {} mistakes", mistakes.len());
    if mistakes.len() == 1 {
        text = "the definition has a mistake".to_owned();
    }
    for mistake in mistakes {
        let named = match &mistake.file {
            Some(name) => file.with_file_name(name).display().to_string(),
            None => file.display().to_string(),
        };
        let line = match (mistake.row, mistake.line) {
            (Some(row), Some(line)) if row != line => format!(": row {row} (line {line})"),
            (Some(row), _) => format!(": row {row}"),
            (None, Some(line)) => format!(":{line}"),
            (None, None) => String::new(),
        };
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

/// Opens a draft. Prints the warnings of its definition first, because the rules are fixed after
/// the opening.
fn open(target: &Target, contest: &ContestId) -> Result<Outcome> {
    let client = Client::open(target)?;
    note_warnings(&client.contest(contest)?);
    report(&post(&client, contest, "open", &json!({}))?)
}

/// Prints a contest on standard output, and the warnings of its definition on standard error.
fn print(contest: &Value, as_json: bool) -> Result<Outcome> {
    if as_json {
        output::json(contest)?;
    } else {
        field_list(contest)?.print()?;
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

/// Returns the lines that describe a contest for people.
fn field_list(contest: &Value) -> Result<FieldList> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let count = |key: &str| contest[key].as_array().map_or(0, Vec::len);
    let destroyed = contest["tag_key_destroyed"].as_bool().unwrap_or_default().then_some("destroyed");
    let test =
        contest["test"].as_bool().unwrap_or_default().then_some("a rehearsal, which can never be certified");
    Ok(FieldList::default()
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
