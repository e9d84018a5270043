//! `acclaim audit`: from an exported folder, or from a live server by way of the same reader.

use std::{
    cell::RefCell,
    fs::{self, File},
    io::{BufRead, BufReader, Read as _},
    path::Path,
};

use acclaim_ballot_log::{
    Checkpoint, Hash, Receipt, TileId, TilePath, VerifierKey,
    hash::HASH_LENGTH,
    tile::{TILE_LENGTH, TILE_WIDTH},
};
use acclaim_contest::ContestId;
use acclaim_tally::{Audit, AuditReport, Expected};
use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::log::{MOST_LINE, published_result};
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
        .with_context(|| format!("{} is no exported log: its file `checkpoint`", folder.display()))?;
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
    let tiles = LeafTiles::new(checkpoint.size, |path| read_tile(&folder.join(path.to_string())));
    let lines = BufReader::with_capacity(1 << 20, file);
    audit(lines, Expected { checkpoint, result }, earlier, &|index| tiles.leaf(index))
}

/// Leaf hashes from the tiles of level 0, wherever those are. The newest tile is kept: a log is read from front to back.
struct LeafTiles<F> {
    size: u64,
    fetch: F,
    newest: RefCell<Option<(TileId, Vec<u8>)>>,
}

impl<F: Fn(TilePath) -> Option<Vec<u8>>> LeafTiles<F> {
    fn new(size: u64, fetch: F) -> Self {
        Self { size, fetch, newest: RefCell::new(None) }
    }

    /// The hash of a leaf as the tiles have it, if they do.
    fn leaf(&self, index: u64) -> Option<Hash> {
        let tile = TileId { level: 0, number: index / u64::from(TILE_WIDTH) };
        let width = tile.width_at(self.size);
        let mut newest = self.newest.borrow_mut();
        let (_, hashes) = match newest.take() {
            Some(held) if held.0 == tile => newest.insert(held),
            _ => {
                let hashes = if width == 0 { None } else { (self.fetch)(tile.path(width)) };
                newest.insert((tile, hashes.unwrap_or_default()))
            }
        };
        let start = usize::try_from(index % u64::from(TILE_WIDTH)).ok()? * HASH_LENGTH;
        hashes.get(start..start + HASH_LENGTH)?.try_into().ok().map(Hash)
    }
}

/// A tile of a folder; nothing larger than a full one is read.
fn read_tile(path: &Path) -> Option<Vec<u8>> {
    let mut hashes = Vec::new();
    File::open(path).ok()?.take(TILE_LENGTH as u64).read_to_end(&mut hashes).ok()?;
    Some(hashes)
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
    // Before the checkpoint, which must cover it.
    let shown = published_result(&client, &contest)?;
    let note = client.get(&format!("/v1/contests/{contest}/log/checkpoint"))?.bytes;
    let checkpoint =
        Checkpoint::open(&note, key).context("the server's checkpoint is not one of this verifier key")?;
    let result = published.or(shown);
    let tiles = LeafTiles::new(checkpoint.size, |path| {
        client.get(&format!("/v1/contests/{contest}/log/{path}")).ok().map(|answer| answer.bytes)
    });
    let body = client.stream(&format!("/v1/contests/{contest}/log/entries?to={}", checkpoint.size))?;
    let lines = BufReader::with_capacity(1 << 20, body);
    audit(lines, Expected { checkpoint, result }, &earlier(args, key)?, &|index| tiles.leaf(index))
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
            // Longer than any entry: where it ends is of no interest any more.
            Some(last) if line.len() as u64 + 1 == MOST_LINE => {
                line.push(last);
                audit.push(&line);
                break;
            }
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
