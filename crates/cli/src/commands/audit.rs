//! The command `acclaim audit`. It has three kinds:
//!
//! - the audit of an exported folder;
//! - the audit of a server, or of an exported folder on a file server, by a copy that is fetched;
//! - the following of a server with `--follow`.

pub(super) mod audit_inputs;
mod chain;
mod copy;
mod folder;
mod follow;
mod opening;
mod source;
pub(super) mod witness_watch;

use std::{
    fs,
    path::{Path, PathBuf},
};

use acclaim_ballot_log::{Checkpoint, Receipt, VerifierKey};
use acclaim_tally::AuditReport;
use anyhow::{Context as _, Result, bail};
use serde_json::json;

use self::{
    audit_inputs::{AuditInputs, AuditLimits, AuditOutcome},
    chain::{Chain, Link, PreviousLog},
    source::Source,
    witness_watch::WitnessReport,
};
use crate::{
    args::{log::AuditArgs, target::Target},
    client::Client,
    outcome::Outcome,
    output,
};

/// Audits a log, and the logs of its earlier rounds.
pub(super) fn run(args: &AuditArgs) -> Result<Outcome> {
    let key = args.key.read()?;
    let result = args
        .result
        .as_ref()
        .map(|file| fs::read(file).with_context(|| format!("cannot read the result {}", file.display())))
        .transpose()?;
    if let Some(folder) = &args.previous
        && !folder.join("checkpoint").is_file()
    {
        bail!("--previous: {} is not an exported log, because it has no file `checkpoint`", folder.display());
    }
    let inputs = AuditInputs {
        result,
        earlier: earlier(args, &key)?,
        witnesses: args.witness.clone(),
        cosigned_within: args.cosigned_within,
    };
    let limits = AuditLimits::of(args.memory, args.threads);
    let (source, next) = match &args.url {
        Some(url) => {
            let target = Target { url: Some(url.to_owned()), key_file: args.key_file.clone(), data: None };
            let source = Source::engine(Client::open(&target)?, args.subject.parse()?);
            (source, PreviousLog::Engine(url, previous_copy(args.copy.as_deref())))
        }
        None if args.subject.contains("://") => {
            let address = format!("{}/previous", args.subject.trim_end_matches('/'));
            (Source::files(&args.subject)?, PreviousLog::Files(address, previous_copy(args.copy.as_deref())))
        }
        None => {
            let folder = Path::new(&args.subject);
            let next = PreviousLog::Folder(folder.join("previous"));
            let audited = folder::audit(folder, &key, inputs, limits)?;
            return finish(args, audited, folder, next, &key, limits);
        }
    };
    if args.follow {
        let folder =
            args.copy.as_deref().context("--follow needs a folder for its copy: name it with --copy")?;
        return match follow::run(&source, &key, folder, &inputs, args.every)? {
            Outcome::Done => finish_following(chain_of(args, folder, next, &key, limits)?.as_ref()),
            Outcome::No => Ok(Outcome::No),
        };
    }
    let temporary = args.copy.is_none().then(tempfile::tempdir).transpose();
    let temporary = temporary.context("cannot make a temporary folder for the copy")?;
    let copy_folder = args.copy.as_deref().or(temporary.as_ref().map(tempfile::TempDir::path));
    let folder = copy_folder.context("there is no folder for the copy")?;
    let audited = copy::audit(&source, &key, folder, inputs, limits)?;
    finish(args, audited, folder, next, &key, limits)
}

/// Returns the folder for the copy of the previous log, if the copy of this log is kept.
fn previous_copy(kept: Option<&Path>) -> Option<PathBuf> {
    kept.map(|kept| kept.join("previous"))
}

/// Follows the chain of rounds from an audited log, and prints the findings.
fn finish(
    args: &AuditArgs,
    mut audited: AuditOutcome,
    folder: &Path,
    next: PreviousLog<'_>,
    key: &VerifierKey,
    limits: AuditLimits,
) -> Result<Outcome> {
    let chain = chain_of(args, folder, next, key, limits)?;
    if let Some(chain) = &chain {
        audited.report.findings.extend_from_slice(&chain.findings);
        audited.report.clean = audited.report.findings.is_empty();
    }
    print_all(&audited, chain.as_ref(), args.json)
}

/// Audits the logs before the one in this folder, unless `--alone` is given.
fn chain_of(
    args: &AuditArgs,
    folder: &Path,
    next: PreviousLog<'_>,
    key: &VerifierKey,
    limits: AuditLimits,
) -> Result<Option<Chain>> {
    let log = folder.join("log.jsonl");
    if args.alone {
        return chain::leave_out(&log);
    }
    chain::follow(&log, args.previous.clone().map_or(next, PreviousLog::Folder), key, limits)
}

/// Audits an exported folder with the verifier key.
pub(super) fn audit_folder(
    folder: &Path,
    key: &VerifierKey,
    inputs: AuditInputs,
    limits: AuditLimits,
) -> Result<AuditReport> {
    folder::audit(folder, key, inputs, limits).map(|audited| audited.report)
}

/// Reads the checkpoints and receipts of `--earlier`, and verifies their signatures.
fn earlier(args: &AuditArgs, key: &VerifierKey) -> Result<Vec<Checkpoint>> {
    args.earlier
        .iter()
        .map(|file| {
            let unreadable = || format!("cannot read the earlier checkpoint {}", file.display());
            let text = fs::read_to_string(file).with_context(unreadable)?;
            let note = match text.parse::<Receipt>() {
                Ok(receipt) => receipt.checkpoint,
                Err(_) => text,
            };
            Checkpoint::open(note, key).with_context(unreadable)
        })
        .collect()
}

/// Prints the report on one log. Its last line is the verdict.
pub(super) fn print(report: AuditReport) -> Result<Outcome> {
    print_all(&AuditOutcome { report, witnesses: None }, None, false)
}

/// Prints the report, and the reports on the logs before it. The last line is the verdict on all of
/// them.
fn print_all(audited: &AuditOutcome, chain: Option<&Chain>, as_json: bool) -> Result<Outcome> {
    let AuditOutcome { report, witnesses } = audited;
    let links = chain.map_or(&[][..], |chain| &chain.previous);
    let clean = report.clean && links.iter().all(|link| link.report.clean);
    if as_json {
        let mut whole = json!(report);
        if let Some(whole) = whole.as_object_mut() {
            whole.insert("clean".to_owned(), clean.into());
            whole.extend(chain.map(|chain| ("chain".to_owned(), json!(chain))));
            whole.extend(witnesses.as_ref().map(|witnesses| ("witnesses".to_owned(), json!(witnesses))));
        }
        output::json(&whole)?;
    } else {
        print_links(links)?;
        print_report(report, "")?;
        for line in witnesses.iter().flat_map(WitnessReport::lines) {
            output::line(line)?;
        }
        print_reason_not_followed(chain)?;
        print_verdict(report.findings.len() + findings_in(links))?;
    }
    Ok(if clean { Outcome::Done } else { Outcome::No })
}

/// Prints the reports on the logs before a log that was followed until it was certified, and the
/// verdict.
fn finish_following(chain: Option<&Chain>) -> Result<Outcome> {
    let links = chain.map_or(&[][..], |chain| &chain.previous);
    let own = chain.map_or(&[][..], |chain| &chain.findings);
    print_links(links)?;
    for finding in own {
        print_finding(finding.index, &finding.reason, "")?;
    }
    print_reason_not_followed(chain)?;
    match own.len() + findings_in(links) {
        0 => output::line("audit: clean, and certified").map(|()| Outcome::Done),
        findings => print_verdict(findings).map(|()| Outcome::No),
    }
}

/// Prints the reports on the previous logs, the oldest first.
fn print_links(links: &[Link]) -> Result<()> {
    links.iter().rev().try_for_each(|link| print_report(&link.report, &format!("{}: ", link.origin)))
}

/// Prints the reason why the chain was not followed, if there is one.
fn print_reason_not_followed(chain: Option<&Chain>) -> Result<()> {
    match chain.and_then(|chain| chain.reason.as_ref()) {
        Some(reason) => output::line(format_args!("chain: not followed: {reason}")),
        None => Ok(()),
    }
}

fn findings_in(links: &[Link]) -> usize {
    links.iter().map(|link| link.report.findings.len()).sum()
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

/// Parses a verifier key.
///
/// # Errors
/// If the text is not a verifier key.
pub(super) fn verifier_key(text: &str) -> Result<VerifierKey> {
    match text.parse() {
        Ok(key) => Ok(key),
        Err(error) => bail!("the verifier key is invalid: {error}"),
    }
}
