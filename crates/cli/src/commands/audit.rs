//! `acclaim audit`: of an exported folder; of an engine or an exported folder on a file server, by way of a copy that is fetched; or of an engine that
//! is followed.

pub(super) mod chain;
mod copy;
mod folder;
mod follow;
mod opening;
mod source;

use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    thread,
};

use acclaim_ballot_log::{Checkpoint, Receipt, VerifierKey, WitnessKey};
use acclaim_tally::AuditReport;
use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::{
    args::{Target, log::AuditArgs},
    client::Client,
    outcome::Outcome,
    output,
};
use chain::{Chain, Whereabouts};
use source::Source;

/// How much an audit may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Means {
    threads: NonZeroUsize,
    /// Bytes for what is known of voters.
    memory: u64,
}

impl Means {
    /// All cores, and so many mebibytes.
    pub(super) fn of(memory: u64, threads: Option<NonZeroUsize>) -> Self {
        let cores = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { threads: threads.unwrap_or_else(cores), memory: memory << 20 }
    }
}

/// What a log is compared with beyond its own checkpoint.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// A published result, in place of the log's own.
    pub(super) result: Option<Vec<u8>>,
    /// Checkpoints seen earlier, which must be of this log.
    pub(super) earlier: Vec<Checkpoint>,
    /// Who must have cosigned its checkpoint.
    pub(super) witnesses: Vec<WitnessKey>,
}

pub(super) fn run(args: &AuditArgs) -> Result<Outcome> {
    let key = args.key.read()?;
    let result = args
        .result
        .as_ref()
        .map(|file| fs::read(file).with_context(|| format!("the result {}", file.display())))
        .transpose()?;
    if let Some(folder) = &args.previous
        && !folder.join("checkpoint").is_file()
    {
        bail!("--previous: {} is no exported log: it has no file `checkpoint`", folder.display());
    }
    let beside = Beside { result, earlier: earlier(args, &key)?, witnesses: args.witness.clone() };
    let means = Means::of(args.memory, args.threads);
    let (source, next) = match &args.url {
        Some(url) => {
            let target = Target { url: Some(url.to_owned()), key_file: args.key_file.clone(), data: None };
            let source = Source::engine(Client::open(&target)?, args.subject.parse()?);
            (source, Whereabouts::Engine(url, before(args.copy.as_deref())))
        }
        None if args.subject.contains("://") => {
            let address = format!("{}/previous", args.subject.trim_end_matches('/'));
            (Source::files(&args.subject)?, Whereabouts::Files(address, before(args.copy.as_deref())))
        }
        None => {
            let folder = Path::new(&args.subject);
            let next = Whereabouts::Folder(folder.join("previous"));
            let report = audit_folder(folder, &key, beside, means)?;
            return finish(args, report, folder, next, &key, means);
        }
    };
    if args.follow {
        let folder =
            args.copy.as_deref().context("--follow keeps its copy in the folder that --copy names")?;
        return follow::run(&source, &key, folder, &beside, args.every);
    }
    let temporary = args.copy.is_none().then(tempfile::tempdir).transpose();
    let temporary = temporary.context("a folder for the copy")?;
    let kept = args.copy.as_deref().or(temporary.as_ref().map(tempfile::TempDir::path));
    let folder = kept.context("a folder for the copy")?;
    let report = copy::audit(&source, &key, folder, beside, means)?;
    finish(args, report, folder, next, &key, means)
}

/// Where the copy of the log before is kept, if the log's is.
fn before(kept: Option<&Path>) -> Option<PathBuf> {
    kept.map(|kept| kept.join("previous"))
}

/// Follows the chain of rounds from a log that is audited, and prints what was found.
fn finish(
    args: &AuditArgs,
    mut report: AuditReport,
    folder: &Path,
    next: Whereabouts<'_>,
    key: &VerifierKey,
    means: Means,
) -> Result<Outcome> {
    let next = args.previous.clone().map_or(next, Whereabouts::Folder);
    let chain = chain::follow(&folder.join("log.jsonl"), next, key, &mut report, means)?;
    print_all(&report, chain.as_ref(), args.json)
}

/// Audits an exported folder with the verifier key.
pub(super) fn audit_folder(
    folder: &Path,
    key: &VerifierKey,
    beside: Beside,
    means: Means,
) -> Result<AuditReport> {
    folder::audit(folder, key, beside, means)
}

fn earlier(args: &AuditArgs, key: &VerifierKey) -> Result<Vec<Checkpoint>> {
    args.earlier
        .iter()
        .map(|file| {
            let named = || format!("the earlier checkpoint {}", file.display());
            let text = fs::read_to_string(file).with_context(named)?;
            let note = match text.parse::<Receipt>() {
                Ok(receipt) => receipt.checkpoint,
                Err(_) => text,
            };
            Checkpoint::open(note, key).with_context(named)
        })
        .collect()
}

/// Prints the report on one log; its last line is the verdict.
pub(super) fn print(report: &AuditReport) -> Result<Outcome> {
    print_all(report, None, false)
}

/// Prints the report, and what was found in the logs before it; the last line is the verdict on all of them.
fn print_all(report: &AuditReport, chain: Option<&Chain>, as_json: bool) -> Result<Outcome> {
    let links = chain.map_or(&[][..], |chain| &chain.previous);
    let clean = report.clean && links.iter().all(|link| link.report.clean);
    if as_json {
        let mut whole = json!(report);
        if let (Some(chain), Some(whole)) = (chain, whole.as_object_mut()) {
            whole.insert("clean".to_owned(), clean.into());
            whole.insert("chain".to_owned(), json!(chain));
        }
        output::json(&whole)?;
    } else {
        for link in links.iter().rev() {
            print_report(&link.report, &format!("{}: ", link.origin))?;
        }
        print_report(report, "")?;
        if let Some(reason) = chain.and_then(|chain| chain.reason.as_ref()) {
            output::line(format_args!("chain: not followed: {reason}"))?;
        }
        let findings = links.iter().map(|link| link.report.findings.len()).sum::<usize>();
        print_verdict(report.findings.len() + findings)?;
    }
    Ok(if clean { Outcome::Done } else { Outcome::No })
}

fn print_report(report: &AuditReport, of: &str) -> Result<()> {
    for finding in &report.findings {
        print_finding(finding.index, &finding.reason, of)?;
    }
    for warning in &report.warnings {
        output::line(format_args!("{of}warning: {warning}"))?;
    }
    output::line(format_args!(
        "{of}{} entries, {} ballots recorded, {} counted, {} voters",
        report.size, report.ballots.recorded, report.ballots.counted, report.voters
    ))
}

fn print_finding(index: Option<u64>, reason: &str, of: &str) -> Result<()> {
    match index {
        Some(index) => output::line(format_args!("{of}index {index}: {reason}")),
        None => output::line(format_args!("{of}{reason}")),
    }
}

fn print_verdict(findings: usize) -> Result<()> {
    match findings {
        0 => output::line("audit: clean"),
        1 => output::line("audit: 1 discrepancy"),
        n => output::line(format_args!("audit: {n} discrepancies")),
    }
}

/// A key as a whole word of the command line.
pub(super) fn verifier_key(text: &str) -> Result<VerifierKey> {
    match text.parse() {
        Ok(key) => Ok(key),
        Err(error) => bail!("the verifier key: {error}"),
    }
}
