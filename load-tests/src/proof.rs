//! Proves that no ballot was lost: each ballot answered `recorded` is in the log, at its index.
//!
//! The audit of the log must also be clean.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead as _, BufReader},
    path::PathBuf,
};

use acclaim_ballot_log::leaf_hash;
use anyhow::{Context as _, Result, bail};

use crate::deployment::{Contest, Deployment};

/// The outcome of a successful proof.
#[derive(Debug)]
pub struct Proof {
    /// The number of `recorded` answers. Each of their ballots is in the log.
    pub recorded: usize,
    /// The folder of the exported log.
    pub log: PathBuf,
}

/// Exports the log, finds each `recorded` answer in it, and audits it.
///
/// # Errors
/// - The export fails.
/// - The audit is not clean.
/// - An answer is not in the log at its index.
/// - Two answers name one index.
pub fn prove(deployment: &Deployment, contest: &Contest) -> Result<Proof> {
    let log = deployment.folder.path().join(format!("log-{}", contest.id));
    if log.exists() {
        std::fs::remove_dir_all(&log)?;
    }
    let folder = log.to_str().context("the path of the temporary folder is not UTF-8")?;
    let url = format!("http://{}", deployment.engine.address);
    let (exported, output) =
        deployment.engine.run(&["log", "export", &contest.id, "--url", &url, "--out", folder])?;
    if !exported {
        bail!("`acclaim log export` failed: {output}");
    }
    let (clean, report) = deployment.engine.run(&["audit", folder, "--vkey", &contest.vkey])?;
    if !clean {
        bail!("the audit is not clean: {report}");
    }
    let recorded_answers = contest.voters.recorded_answers();
    let mut expected: HashMap<u64, [u8; 32]> = HashMap::with_capacity(recorded_answers.recorded.len());
    for (index, hash) in &recorded_answers.recorded {
        if expected.insert(*index, *hash).is_some() {
            bail!("two ballots were answered `recorded` at index {index}");
        }
    }
    let mut lines = BufReader::new(File::open(log.join("log.jsonl"))?);
    let (mut line, mut index) = (Vec::new(), 0);
    while lines.read_until(b'\n', &mut line)? > 0 {
        let entry = line.strip_suffix(b"\n").unwrap_or(&line);
        if expected.remove(&index).is_some_and(|hash| hash != leaf_hash(entry).0) {
            bail!("the entry at index {index} is not the ballot that was answered `recorded`");
        }
        line.clear();
        index += 1;
    }
    if let Some(index) = expected.keys().min() {
        bail!(
            "{} ballots answered `recorded` are not in the log; the first is index {index}",
            expected.len()
        );
    }
    Ok(Proof { recorded: recorded_answers.recorded.len(), log })
}
