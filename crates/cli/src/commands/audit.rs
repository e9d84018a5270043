//! `acclaim audit`: of an exported folder; of an engine or an exported folder on a file server, by way of a copy that is fetched; or of an engine that
//! is followed.

mod copy;
mod folder;
mod follow;
mod source;

use std::{fs, num::NonZeroUsize, thread};

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
    let beside = Beside { result, earlier: earlier(args, &key)?, witnesses: args.witness.clone() };
    let means = Means::of(args.memory, args.threads);
    let source = match &args.url {
        Some(url) => {
            let target = Target { url: Some(url.to_owned()), key_file: args.key_file.clone(), data: None };
            Source::engine(Client::open(&target)?, args.subject.parse()?)
        }
        None if args.subject.contains("://") => Source::files(&args.subject)?,
        None => return print(&audit_folder(args.subject.as_ref(), &key, beside, means)?, args.json),
    };
    if args.follow {
        let folder =
            args.copy.as_deref().context("--follow keeps its copy in the folder that --copy names")?;
        return follow::run(&source, &key, folder, &beside, args.every);
    }
    print(&copy::audit(&source, &key, args.copy.as_deref(), beside, means)?, args.json)
}

/// Audits an exported folder with the verifier key.
pub(super) fn audit_folder(
    folder: &std::path::Path,
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

/// Prints the report; its last line is the verdict.
pub(super) fn print(report: &AuditReport, as_json: bool) -> Result<Outcome> {
    if as_json {
        output::json(&json!(report))?;
    } else {
        for finding in &report.findings {
            print_finding(finding.index, &finding.reason)?;
        }
        for warning in &report.warnings {
            output::line(format_args!("warning: {warning}"))?;
        }
        output::line(format_args!(
            "{} entries, {} ballots recorded, {} counted, {} voters",
            report.size, report.ballots.recorded, report.ballots.counted, report.voters
        ))?;
        print_verdict(report.findings.len())?;
    }
    Ok(if report.clean { Outcome::Done } else { Outcome::No })
}

fn print_finding(index: Option<u64>, reason: &str) -> Result<()> {
    match index {
        Some(index) => output::line(format_args!("index {index}: {reason}")),
        None => output::line(reason),
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
