//! `acclaim audit`: from an exported folder, or from a live server by way of the same reader.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use acclaim_ballot_log::{Checkpoint, Hash, Receipt, TileId, VerifierKey, tile::TILE_WIDTH};
use acclaim_contest::ContestId;
use acclaim_tally::{Audit, AuditReport, Expected};
use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::log::MOST_LINE;
use crate::{
    args::{Target, log::AuditArgs},
    client::Client,
    outcome::Outcome,
    output, progress,
};

pub(super) fn run(args: &AuditArgs) -> Result<Outcome> {
    let key = args.key.read()?;
    let published = args
        .result
        .as_ref()
        .map(|file| fs::read(file).with_context(|| format!("the result {}", file.display())))
        .transpose()?;
    let report = match &args.url {
        Some(url) => audit_server(args, url, &key, published)?,
        None => audit_folder(Path::new(&args.subject), &key, published, &earlier(args, &key)?)?,
    };
    print(&report, args.json)
}

/// Checkpoints seen earlier, which must be of this log.
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

/// Audits an exported folder with the verifier key.
pub(super) fn audit_folder(
    folder: &Path,
    key: &VerifierKey,
    published: Option<Vec<u8>>,
    earlier: &[Checkpoint],
) -> Result<AuditReport> {
    let note = fs::read(folder.join("checkpoint"))
        .with_context(|| format!("the checkpoint in {}", folder.display()))?;
    let checkpoint =
        Checkpoint::open(&note, key).context("the checkpoint is not one of this verifier key")?;
    let own = folder.join("result.json");
    let result = match published {
        None if own.exists() => {
            Some(fs::read(&own).with_context(|| format!("the result {}", own.display()))?)
        }
        other => other,
    };
    let path = folder.join("log.jsonl");
    let file = File::open(&path).with_context(|| format!("the log {}", path.display()))?;
    let tiles = LeafTiles { folder: folder.to_owned(), size: checkpoint.size };
    let lines = BufReader::with_capacity(1 << 20, file);
    audit(lines, Expected { checkpoint, result }, earlier, &|index| tiles.leaf(index))
}

/// The hash tiles of level 0 beside a log.
struct LeafTiles {
    folder: PathBuf,
    size: u64,
}

impl LeafTiles {
    /// The hash of a leaf as the tiles have it, if they do.
    fn leaf(&self, index: u64) -> Option<Hash> {
        let width = u64::from(TILE_WIDTH);
        let tile = TileId { level: 0, number: index / width };
        let path = self.folder.join(tile.path(tile.width_at(self.size)).to_string());
        let mut file = File::open(path).ok()?;
        file.seek(SeekFrom::Start(index % width * 32)).ok()?;
        let mut hash = [0; 32];
        file.read_exact(&mut hash).ok()?;
        Some(Hash(hash))
    }
}

fn audit_server(
    args: &AuditArgs,
    url: &str,
    key: &VerifierKey,
    published: Option<Vec<u8>>,
) -> Result<AuditReport> {
    let contest: ContestId = args.subject.parse()?;
    let target = Target { url: Some(url.to_owned()), key_file: args.key_file.clone(), data: None };
    let client = Client::open(&target)?;
    let result = client.get_if_there(&format!("/v1/contests/{contest}/result"));
    let note = client.get(&format!("/v1/contests/{contest}/log/checkpoint"))?.bytes;
    let checkpoint =
        Checkpoint::open(&note, key).context("the server's checkpoint is not one of this verifier key")?;
    let result = match published {
        Some(result) => Some(result),
        // A result that is not public yet is not there for this auditor.
        None => result.ok().flatten().map(|answer| answer.bytes),
    };
    let body = client.stream(&format!("/v1/contests/{contest}/log/entries?to={}", checkpoint.size))?;
    let lines = BufReader::with_capacity(1 << 20, body);
    audit(lines, Expected { checkpoint, result }, &earlier(args, key)?, &|_| None)
}

fn audit(
    mut lines: impl BufRead,
    expected: Expected,
    earlier: &[Checkpoint],
    leaf_hash_at: &dyn Fn(u64) -> Option<Hash>,
) -> Result<AuditReport> {
    let bar = progress::bar(expected.checkpoint.size, "entries");
    let mut audit = Audit::new(expected, leaf_hash_at);
    for checkpoint in earlier {
        audit.must_contain(checkpoint);
    }
    let mut line = Vec::new();
    loop {
        line.clear();
        (&mut lines).take(MOST_LINE).read_until(b'\n', &mut line).context("the log cannot be read")?;
        match line.pop() {
            None => break,
            Some(b'\n') => audit.push(&line),
            Some(_) => {
                audit.torn();
                break;
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(audit.finish())
}

/// Prints the report; its last line is the verdict.
pub(super) fn print(report: &AuditReport, as_json: bool) -> Result<Outcome> {
    if as_json {
        output::json(&json!(report))?;
    } else {
        for finding in &report.findings {
            match finding.index {
                Some(index) => output::line(format_args!("index {index}: {}", finding.reason))?,
                None => output::line(&finding.reason)?,
            }
        }
        for warning in &report.warnings {
            output::line(format_args!("warning: {warning}"))?;
        }
        output::line(format_args!(
            "{} entries, {} ballots recorded, {} counted, {} voters",
            report.size, report.ballots.recorded, report.ballots.counted, report.voters
        ))?;
        match report.findings.len() {
            0 => output::line("audit: clean")?,
            1 => output::line("audit: 1 discrepancy")?,
            n => output::line(format_args!("audit: {n} discrepancies"))?,
        }
    }
    Ok(if report.clean { Outcome::Done } else { Outcome::No })
}

/// A key as a whole word of the command line.
pub(super) fn verifier_key(text: &str) -> Result<VerifierKey> {
    match text.parse() {
        Ok(key) => Ok(key),
        Err(error) => bail!("the verifier key: {error}"),
    }
}
