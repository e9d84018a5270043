//! `acclaim audit`: replays a log, recounts it and compares it with its checkpoint, its published result, and checkpoints seen earlier.

use std::{fs::File, io::ErrorKind, io::Read, path::PathBuf};

use acclaim_ballot_log::{
    Checkpoint, Hash, Receipt, TilePath, Tree, VerifierKey, entry::MAX_ENTRY_LENGTH, leaf_hash,
};
use acclaim_contest::ContestId;
use acclaim_tally::{Audit, AuditReport, Expected, Finding};
use anyhow::{Context as _, Result, anyhow};
use indicatif::ProgressBar;
use serde_json::json;

use crate::{
    args::{Target, log::AuditArgs},
    client::{Client, problem::Problem},
    folder::{self, Folder, LeafHashes, read_bounded, read_tile},
    lines::Lines,
    outcome::Outcome,
    output::{self, Card},
    progress,
};

/// Audits a folder or a server's log and prints the report.
///
/// # Errors
/// If something cannot be read, or a checkpoint does not open with the key. Discrepancies are no error but [`Outcome::No`].
pub fn run(args: &AuditArgs) -> Result<Outcome> {
    let key = args.key.read()?;
    let earlier = args.earlier.iter().map(|path| read_earlier(path, &key)).collect::<Result<Vec<_>>>()?;
    let published = args.result.as_deref().map(read_bounded).transpose()?;
    let report = match &args.url {
        Some(url) => {
            let target = Target { url: Some(url.clone()), key_file: args.key_file.clone(), data: None };
            let contest = args.subject.parse().context("the contest's id")?;
            of_server(&Client::open(&target)?, &contest, &key, published, earlier)?
        }
        None => of_folder(&Folder::open(&PathBuf::from(&args.subject))?, &key, published, earlier)?,
    };
    print(&report, args.json)?;
    Ok(if report.clean { Outcome::Done } else { Outcome::No })
}

/// Audits an exported log. `published` is the result to compare with, instead of the folder's own.
///
/// # Errors
/// As [`run`].
pub fn of_folder(
    folder: &Folder,
    key: &VerifierKey,
    published: Option<Vec<u8>>,
    earlier: Vec<Checkpoint>,
) -> Result<AuditReport> {
    let checkpoint = Checkpoint::open(folder.read(folder::CHECKPOINT)?, key).context("the folder's checkpoint")?;
    let result = match published {
        Some(published) => Some(published),
        None => folder.read_if_there(folder::RESULT)?,
    };
    let path = folder.path(folder::LOG);
    let file = File::open(&path).with_context(|| path.display().to_string())?;
    let tiles = LeafHashes::new(checkpoint.size, |path: TilePath| read_tile(folder, path));
    audit(file, Expected { checkpoint, result }, earlier, &|index| tiles.at(index))
        .with_context(|| path.display().to_string())
}

/// Audits the log that a server shows.
fn of_server(
    client: &Client,
    contest: &ContestId,
    key: &VerifierKey,
    published: Option<Vec<u8>>,
    earlier: Vec<Checkpoint>,
) -> Result<AuditReport> {
    let base = format!("/v1/contests/{contest}");
    let result = match published {
        Some(published) => Some(published),
        None => match client.get_if_there(&format!("{base}/result")) {
            Err(error) if error.downcast_ref::<Problem>().is_some_and(|problem| problem.status == 403) => None,
            other => other?.map(|answer| answer.bytes),
        },
    };
    let note = client.get(&format!("{base}/log/checkpoint"))?.bytes;
    let checkpoint = Checkpoint::open(&note, key).context("the server's checkpoint")?;
    let entries = client.stream(&format!("{base}/log/entries?from=0&to={}", checkpoint.size))?;
    let tiles = LeafHashes::new(checkpoint.size, |path: TilePath| {
        client.get(&format!("{base}/log/{path}")).ok().map(|answer| answer.bytes)
    });
    audit(entries, Expected { checkpoint, result }, earlier, &|index| tiles.at(index)).context("the server's log")
}

/// A checkpoint that somebody kept, alone or in a receipt.
fn read_earlier(path: &std::path::Path, key: &VerifierKey) -> Result<Checkpoint> {
    let named = || path.display().to_string();
    let text = String::from_utf8(read_bounded(path)?).map_err(|_| anyhow!("{}: not UTF-8", named()))?;
    let note = match text.parse::<Receipt>() {
        Ok(receipt) => receipt.checkpoint,
        Err(_) => text,
    };
    Checkpoint::open(&note, key).with_context(|| format!("{} is no checkpoint or receipt of this log", named()))
}

fn audit(
    entries: impl Read,
    expected: Expected,
    earlier: Vec<Checkpoint>,
    leaf_hash_at: &dyn Fn(u64) -> Option<Hash>,
) -> Result<AuditReport> {
    let bar = progress::bar(expected.checkpoint.size, "entries");
    let mut audit = Audit::new(expected, leaf_hash_at);
    let mut earlier = Earlier::new(earlier);
    read(entries, &mut audit, &mut earlier, &bar)?;
    bar.finish_and_clear();
    let mut report = audit.finish();
    report.findings.extend(earlier.finish());
    report.clean = report.findings.is_empty();
    Ok(report)
}

fn read(entries: impl Read, audit: &mut Audit<'_>, earlier: &mut Earlier, bar: &ProgressBar) -> Result<()> {
    let mut lines = Lines::new(entries, MAX_ENTRY_LENGTH);
    loop {
        match lines.next_line() {
            Ok(None) => return Ok(()),
            Ok(Some(line)) if line.torn => {
                audit.torn();
                return Ok(());
            }
            Ok(Some(line)) => {
                audit.push(line.bytes);
                earlier.push(line.bytes);
            }
            // Where such an entry ends nobody wants to know: it is told as one that is too long, and is the last.
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                audit.push(&[b' '; MAX_ENTRY_LENGTH + 1]);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        bar.inc(1);
    }
}

/// Checkpoints seen earlier, each of which the log must pass through.
struct Earlier {
    /// In descending order of their sizes.
    awaited: Vec<Checkpoint>,
    tree: Tree,
    findings: Vec<Finding>,
}

impl Earlier {
    fn new(mut checkpoints: Vec<Checkpoint>) -> Self {
        checkpoints.sort_by_key(|checkpoint| std::cmp::Reverse(checkpoint.size));
        let mut earlier = Self { awaited: checkpoints, tree: Tree::without_tiles(), findings: Vec::new() };
        earlier.compare();
        earlier
    }

    fn push(&mut self, line: &[u8]) {
        // Without any left to wait for, the hashing is the replay's alone.
        if !self.awaited.is_empty() {
            self.tree.append(leaf_hash(line));
            self.compare();
        }
    }

    fn compare(&mut self) {
        let (size, root) = (self.tree.size(), self.tree.root());
        while let Some(checkpoint) = self.awaited.pop_if(|checkpoint| checkpoint.size == size) {
            if checkpoint.root != root {
                self.findings.push(Finding {
                    index: size.checked_sub(1),
                    reason: format!(
                        "not the log of the earlier checkpoint: the root of the first {size} entries was {}, now {root}",
                        checkpoint.root
                    ),
                });
            }
        }
    }

    fn finish(mut self) -> Vec<Finding> {
        let size = self.tree.size();
        self.findings.extend(self.awaited.into_iter().rev().map(|checkpoint| Finding {
            index: Some(size),
            reason: format!("rolled back: an earlier checkpoint was over {} entries, the log has {size}", checkpoint.size),
        }));
        self.findings
    }
}

/// Prints a report.
///
/// # Errors
/// If standard output cannot be written.
pub fn print(report: &AuditReport, as_json: bool) -> Result<()> {
    if as_json {
        return output::json(&json!(report));
    }
    let ballots = serde_json::to_value(report.ballots)?;
    let count = |key: &str| ballots.get(key).cloned().unwrap_or_default();
    Card::default()
        .with("size", report.size)
        .with("root", &report.root)
        .with("voters", report.voters)
        .with("ballots", count("recorded"))
        .with("counted", count("counted"))
        .with("champions", report.champions)
        .with("winners", report.winners)
        .print()?;
    for warning in &report.warnings {
        output::line(format_args!("warning: {warning}"))?;
    }
    for Finding { index, reason } in &report.findings {
        match index {
            Some(index) => output::line(format_args!("index {index}: {reason}"))?,
            None => output::line(reason)?,
        }
    }
    match report.findings.len() {
        0 => output::line("audit: clean"),
        1 => output::line("audit: 1 discrepancy"),
        more => output::line(format_args!("audit: {more} discrepancies")),
    }
}
