//! `acclaim audit`: of an exported folder; of an engine or an exported folder on a file server, by way of a copy that is fetched; or of an engine that
//! is followed.

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
use audit_inputs::{AuditInputs, AuditLimits, AuditOutcome};
use chain::{Chain, Link, PreviousLog};
use serde_json::json;
use source::Source;
use witness_watch::WitnessReport;

use crate::{
    args::{log::AuditArgs, target::Target},
    client::Client,
    outcome::Outcome,
    output,
};

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
    let beside = AuditInputs {
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
            (source, PreviousLog::Engine(url, before(args.copy.as_deref())))
        }
        None if args.subject.contains("://") => {
            let address = format!("{}/previous", args.subject.trim_end_matches('/'));
            (Source::files(&args.subject)?, PreviousLog::Files(address, before(args.copy.as_deref())))
        }
        None => {
            let folder = Path::new(&args.subject);
            let next = PreviousLog::Folder(folder.join("previous"));
            let audited = folder::audit(folder, &key, beside, limits)?;
            return finish(args, audited, folder, next, &key, limits);
        }
    };
    if args.follow {
        let folder =
            args.copy.as_deref().context("--follow keeps its copy in the folder that --copy names")?;
        return match follow::run(&source, &key, folder, &beside, args.every)? {
            Outcome::Done => finish_following(chain_of(args, folder, next, &key, limits)?.as_ref()),
            Outcome::No => Ok(Outcome::No),
        };
    }
    let temporary = args.copy.is_none().then(tempfile::tempdir).transpose();
    let temporary = temporary.context("a folder for the copy")?;
    let kept = args.copy.as_deref().or(temporary.as_ref().map(tempfile::TempDir::path));
    let folder = kept.context("a folder for the copy")?;
    let audited = copy::audit(&source, &key, folder, beside, limits)?;
    finish(args, audited, folder, next, &key, limits)
}

/// Where the copy of the log before is kept, if the log's is.
fn before(kept: Option<&Path>) -> Option<PathBuf> {
    kept.map(|kept| kept.join("previous"))
}

/// Follows the chain of rounds from a log that is audited, and prints what was found.
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

/// The logs before the one in this folder, unless that is meant alone.
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
    beside: AuditInputs,
    limits: AuditLimits,
) -> Result<AuditReport> {
    folder::audit(folder, key, beside, limits).map(|audited| audited.report)
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
pub(super) fn print(report: AuditReport) -> Result<Outcome> {
    print_all(&AuditOutcome { report, witnesses: None }, None, false)
}

/// Prints the report, and what was found in the logs before it; the last line is the verdict on all of them.
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
        print_broken_off(chain)?;
        print_verdict(report.findings.len() + findings_in(links))?;
    }
    Ok(if clean { Outcome::Done } else { Outcome::No })
}

/// Prints what was found in the logs before one that was followed to its certified end, and the verdict.
fn finish_following(chain: Option<&Chain>) -> Result<Outcome> {
    let links = chain.map_or(&[][..], |chain| &chain.previous);
    let own = chain.map_or(&[][..], |chain| &chain.findings);
    print_links(links)?;
    for finding in own {
        print_finding(finding.index, &finding.reason, "")?;
    }
    print_broken_off(chain)?;
    match own.len() + findings_in(links) {
        0 => output::line("audit: clean, and certified").map(|()| Outcome::Done),
        findings => print_verdict(findings).map(|()| Outcome::No),
    }
}

/// Prints the reports on the logs before, the oldest first.
fn print_links(links: &[Link]) -> Result<()> {
    links.iter().rev().try_for_each(|link| print_report(&link.report, &format!("{}: ", link.origin)))
}

/// Prints why the chain was not followed, if it was not.
fn print_broken_off(chain: Option<&Chain>) -> Result<()> {
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

/// A key as a whole word of the command line.
pub(super) fn verifier_key(text: &str) -> Result<VerifierKey> {
    match text.parse() {
        Ok(key) => Ok(key),
        Err(error) => bail!("the verifier key: {error}"),
    }
}
