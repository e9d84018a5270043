//! The commands `acclaim log export` and `acclaim tally`.

#![expect(clippy::indexing_slicing, reason = "reading a JSON value by a key that is not there gives null")]

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
};

use acclaim_ballot_log::{Checkpoint, Event, LogEntry, VerifierKey};
use acclaim_contest::{ContestId, Zone};
use acclaim_report::{Format, MAX_DOCUMENT_BYTES, Report};
use acclaim_tally::Replay;
use anyhow::{Context as _, Result, bail};

use super::{
    cosigned,
    rounds::{MAX_ROUNDS, contest_of},
};
use crate::{
    args::log::{ExportArgs, TallyArgs},
    client::{Answer, Client, problem::Problem},
    folder::{Folder, FolderWriter, MAX_LINE_LENGTH},
    outcome::Outcome,
    output, progress,
};

/// The largest number of attempts to read a result and a checkpoint of the same log.
const MAX_ATTEMPTS: usize = 10;

/// Exports a contest's log, and the logs of its earlier rounds.
pub(super) fn export(args: &ExportArgs) -> Result<Outcome> {
    let client = Client::open(&args.target)?;
    let exported = export_one(&client, &args.contest, &args.out)?;
    output::line(format_args!("exported: {} entries to {}", exported.size, args.out.display()))?;
    // The earlier logs are certified, and therefore public. A key for this contest only would be
    // refused.
    let public = args.target.url.as_ref().map(|url| Client::of_server(url, None)).transpose()?;
    let client = public.as_ref().unwrap_or(&client);
    let (mut origin, mut previous, mut folder) = (exported.origin, exported.previous, args.out.clone());
    for _ in 0..MAX_ROUNDS {
        let Some(name) = previous else { break };
        let Some(contest) = contest_of(&name, &origin) else {
            output::note(&format!(
                "not exported: {name}, because it is a log of another installation; put its export into {}",
                folder.join("previous").display()
            ));
            break;
        };
        folder.push("previous");
        let exported = export_one(client, &contest, &folder)?;
        output::line(format_args!(
            "exported: {} entries of {contest} to {}",
            exported.size,
            folder.display()
        ))?;
        (origin, previous) = (exported.origin, exported.previous);
    }
    Ok(Outcome::Done)
}

/// The description of an exported log.
struct ExportedLog {
    /// The number of entries.
    size: u64,
    origin: String,
    /// The origin of the earlier log whose champions are the contest's entries.
    previous: Option<String>,
}

/// Exports one log into a folder that is enough for every audit: the log, its checkpoint and key,
/// the result, and static tiles.
///
/// Holds one tile of each level in memory.
pub(super) fn export_to(client: &Client, contest: &ContestId, folder: &Path) -> Result<()> {
    export_one(client, contest, folder).map(|_| ())
}

fn export_one(client: &Client, contest: &ContestId, folder: &Path) -> Result<ExportedLog> {
    let about = client.get(&format!("/v1/contests/{contest}"))?;
    let about_json: serde_json::Value = about.json()?;
    let vkey: VerifierKey = about_json["log"]["vkey"]
        .as_str()
        .unwrap_or_default()
        .parse()
        .context("cannot read the contest's verifier key")?;
    let (mut note, checkpoint, result) = checkpoint_and_result(client, contest, &vkey)?;
    if about_json["phase"] != "open" {
        // The log no longer grows. Witnesses cosign its last checkpoint within a moment.
        note = with_cosignatures(client, contest, &vkey, note, &checkpoint)?;
    }

    let body = client.stream(&format!("/v1/contests/{contest}/log/entries?to={}", checkpoint.size))?;
    // The folder is created after the first requests, so that a refused export leaves no folder
    // behind.
    let mut writer = FolderWriter::create(folder)?;
    let bar = progress::bar(checkpoint.size, "entries");
    let mut reader = BufReader::with_capacity(1 << 20, body);
    let mut line = Vec::new();
    let mut previous = None;
    while read_line(&mut reader, &mut line)? {
        if previous.is_none() {
            previous = Some(previous_of(&line));
        }
        writer.push(&line)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let mut folder = writer.finish()?;
    if (folder.tree.size(), folder.tree.root()) != (checkpoint.size, checkpoint.root) {
        bail!("the received entries do not have the root that the checkpoint names");
    }
    folder.add("checkpoint", &note)?;
    folder.add("vkey", format!("{vkey}\n").as_bytes())?;
    folder.add("contest.json", &about.bytes)?;
    if let Some(result) = result {
        folder.add("result.json", &result)?;
        let zone = about_json["time_zone"].as_str().and_then(Zone::from_name);
        add_for_people(&mut folder, &result, zone)?;
    }
    Ok(ExportedLog { size: checkpoint.size, origin: checkpoint.origin, previous: previous.flatten() })
}

/// Returns the origin of the previous log, which the first entry of a log names.
fn previous_of(first: &[u8]) -> Option<String> {
    match LogEntry::decode(first) {
        Ok(LogEntry::Event(event, _)) => match *event {
            Event::Contest(header) => header.previous.map(|previous| previous.origin),
            _ => None,
        },
        _ => None,
    }
}

/// Adds the result as a page and as a table. They are made from the result document and prove
/// nothing. An audit ignores them.
fn add_for_people(folder: &mut Folder, result: &[u8], zone: Option<Zone>) -> Result<()> {
    match Report::read(result) {
        Ok(report) => {
            let report = report.in_time_zone(zone);
            folder.add("result.html", report.html().as_bytes())?;
            folder.add("result.csv", report.csv().as_bytes())
        }
        // The document comes from a newer server. The export goes on, because the log is enough for
        // an audit.
        Err(error) => {
            output::note(&format!(
                "result.html and result.csv are missing, because this program cannot read the server's result document: {error}"
            ));
            Ok(())
        }
    }
}

/// Returns the newest checkpoint, as a note and opened, and the result of the log at that
/// checkpoint. The result is `None` if there is none that the key may read.
fn checkpoint_and_result(
    client: &Client,
    contest: &ContestId,
    vkey: &VerifierKey,
) -> Result<(Vec<u8>, Checkpoint, Option<Vec<u8>>)> {
    for _ in 0..MAX_ATTEMPTS {
        let result = published_result(client, contest)?;
        let note = client.get(&format!("/v1/contests/{contest}/log/checkpoint"))?.bytes;
        let checkpoint = Checkpoint::open(&note, vkey).context("the server's checkpoint is invalid")?;
        let Some(bytes) = result else { return Ok((note, checkpoint, None)) };
        let document: serde_json::Value =
            serde_json::from_slice(&bytes).context("the server's result is not JSON")?;
        // A certified result belongs to the log before the certification. A provisional result
        // changes with every ruling.
        if document["status"] == "certified" || document["log"]["size"] == checkpoint.size {
            return Ok((note, checkpoint, Some(bytes)));
        }
    }
    bail!("the log grows too fast: no result matches its checkpoint. Try again later")
}

/// Returns a checkpoint's note with the cosignatures of witnesses below it, if there are any.
fn with_cosignatures(
    client: &Client,
    contest: &ContestId,
    vkey: &VerifierKey,
    note: Vec<u8>,
    checkpoint: &Checkpoint,
) -> Result<Vec<u8>> {
    match cosigned::wait_for(client, contest, vkey, checkpoint.size)? {
        Some((cosigned, of)) if of == *checkpoint => Ok(cosigned),
        _ => Ok(note),
    }
}

/// Returns the published result of the present log. `None` if there is none yet, or none that the
/// key may read.
pub(super) fn published_result(client: &Client, contest: &ContestId) -> Result<Option<Vec<u8>>> {
    let path = format!("/v1/contests/{contest}/result");
    let published = result_at(client, &path)?;
    // The header `acclaim-result` marks the former result of a reopened contest. The server sends
    // it to clients that may not read the new result.
    if published.as_ref().is_some_and(|answer| answer.headers.contains_key("acclaim-result")) {
        let newest = result_at(client, &format!("{path}?version=provisional"))?;
        return Ok(newest.map(|answer| answer.bytes));
    }
    Ok(published.map(|answer| answer.bytes))
}

fn result_at(client: &Client, path: &str) -> Result<Option<Answer>> {
    match client.get_if_there(path) {
        Ok(answer) => Ok(answer),
        Err(error) => match error.downcast_ref::<Problem>() {
            Some(problem) if problem.status == 403 => Ok(None),
            _ => Err(error),
        },
    }
}

/// Reads one line into `line`, without its newline. Returns `false` at the end.
fn read_line(reader: &mut impl std::io::BufRead, line: &mut Vec<u8>) -> Result<bool> {
    line.clear();
    reader.take(MAX_LINE_LENGTH).read_until(b'\n', line).context("the log ended too early")?;
    match line.pop() {
        None => Ok(false),
        Some(b'\n') => Ok(true),
        Some(_) => bail!("the log ended in the middle of a line, or a line is too long"),
    }
}

/// Counts an exported log, or converts a result document, and prints the result.
pub(super) fn tally(args: &TallyArgs) -> Result<Outcome> {
    let source = &args.source;
    let mark = args.form.mark()?;
    // A result document does not contain the contest's time zone.
    let (document, zone) = if source.is_dir() { count_log(source)? } else { (read_document(source)?, None) };
    let unreadable = || format!("cannot read the result document {}", source.display());
    match args.form.format {
        // A file is checked too, so that only a result document is passed on as one.
        Format::Json if source.is_dir() => output::write(&document)?,
        format => {
            let report = Report::read(&document).with_context(unreadable)?.in_time_zone(zone);
            match format {
                Format::Json => output::write(&document)?,
                Format::Csv => output::write(format!("{mark}{}", report.csv()).as_bytes())?,
                Format::Html => output::write(report.html().as_bytes())?,
            }
        }
    }
    Ok(Outcome::Done)
}

/// Reads a result document from a file.
fn read_document(path: &Path) -> Result<Vec<u8>> {
    let unreadable = || format!("cannot read the result document {}", path.display());
    let mut document = Vec::new();
    let file = File::open(path).with_context(unreadable)?;
    file.take(MAX_DOCUMENT_BYTES as u64 + 1).read_to_end(&mut document).with_context(unreadable)?;
    Ok(document)
}

/// Counts an exported log. Returns its result document and the contest's time zone.
fn count_log(folder: &Path) -> Result<(Vec<u8>, Option<Zone>)> {
    let path = folder.join("log.jsonl");
    let unreadable = || format!("cannot read the log {}", path.display());
    let origin = match fs::read_to_string(folder.join("checkpoint")) {
        Ok(note) => note.lines().next().unwrap_or_default().to_owned(),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read the checkpoint in {}", folder.display()));
        }
    };
    let mut reader = BufReader::with_capacity(1 << 20, File::open(&path).with_context(unreadable)?);
    let mut replay = Replay::without_tiles(&origin);
    let mut line = Vec::new();
    while read_line(&mut reader, &mut line).with_context(unreadable)? {
        replay.push(&line).with_context(|| format!("the log {} is invalid", path.display()))?;
    }
    let zone = replay.tally().header().and_then(|header| Zone::from_name(&header.time_zone));
    match replay.result() {
        Some(result) => Ok((result.json, zone)),
        None => bail!("the log {} is empty", path.display()),
    }
}
