//! `acclaim log export`: a folder with all that an auditor needs, also years later.

use std::{collections::BTreeMap, io::Write as _};

use acclaim_ballot_log::{
    Checkpoint, TileId, Tree, VerifierKey,
    bundle::push_entry,
    entry::MAX_ENTRY_LENGTH,
    leaf_hash,
    tile::{TILE_LENGTH, TILE_WIDTH, TileKind, TilePath},
};
use acclaim_contest::ContestId;
use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;

use crate::{
    args::log::ExportArgs,
    client::{Client, problem::Problem},
    folder::{self, Folder},
    lines::Lines,
    outcome::Outcome,
    output::note,
    progress,
};

/// How often checkpoint and result are fetched until they belong together.
const MOST_ATTEMPTS: usize = 10;

/// Runs it.
///
/// # Errors
/// If the log is not to be had, does not lead to its checkpoint, or cannot be written.
pub fn run(args: &ExportArgs) -> Result<Outcome> {
    let client = Client::open(&args.target)?;
    let checkpoint = export(&client, &args.contest, &Folder::create(&args.out)?)?;
    note(&format!(
        "{} entries of {} written to {}; their root is the checkpoint's",
        checkpoint.size,
        checkpoint.origin,
        args.out.display()
    ));
    Ok(Outcome::Done)
}

/// Exports a contest's log into an empty folder.
///
/// # Errors
/// As [`run`].
pub fn export(client: &Client, contest: &ContestId, folder: &Folder) -> Result<Checkpoint> {
    let base = format!("/v1/contests/{contest}");
    let served = client.get(&base)?;
    let vkey = served.json::<Value>()?.pointer("/log/vkey").and_then(Value::as_str).map(str::to_owned);
    let vkey: VerifierKey = vkey.ok_or_else(|| anyhow!("the server names no verifier key of {contest}"))?.parse()?;
    let (note, checkpoint, result) = checkpoint_and_result(client, &base, &vkey)?;

    write_log(client, &base, folder, &checkpoint)?;
    folder.write(folder::CONTEST, &served.bytes)?;
    folder.write(folder::VKEY, format!("{vkey}\n").as_bytes())?;
    if let Some(result) = result {
        folder.write(folder::RESULT, &result)?;
    }
    // The last file: an export that was cut short has none.
    folder.write(folder::CHECKPOINT, &note)?;
    Ok(checkpoint)
}

type NoteCheckpointResult = (Vec<u8>, Checkpoint, Option<Vec<u8>>);

/// A checkpoint, and the result of the log up to there if there is one. The log may grow between the two requests.
fn checkpoint_and_result(client: &Client, base: &str, vkey: &VerifierKey) -> Result<NoteCheckpointResult> {
    for _ in 0..MOST_ATTEMPTS {
        let result = match client.get_if_there(&format!("{base}/result")) {
            // Not public, and no key that may read it: the log is exported without.
            Err(error) if error.downcast_ref::<Problem>().is_some_and(|problem| problem.status == 403) => None,
            other => other?,
        };
        let note = client.get(&format!("{base}/log/checkpoint"))?.bytes;
        let checkpoint = Checkpoint::open(&note, vkey).context("the server's checkpoint")?;
        let Some(result) = result else { return Ok((note, checkpoint, None)) };
        let document: Value = result.json()?;
        let certified = document.get("status").and_then(Value::as_str) == Some("certified");
        if certified || document.pointer("/log/size").and_then(Value::as_u64) == Some(checkpoint.size) {
            return Ok((note, checkpoint, Some(result.bytes)));
        }
    }
    bail!("the log grows too fast: its result and its checkpoint are never of one moment")
}

/// Streams the entries into the log's file, its tiles and its bundles.
fn write_log(client: &Client, base: &str, folder: &Folder, checkpoint: &Checkpoint) -> Result<()> {
    let body = client.stream(&format!("{base}/log/entries?from=0&to={}", checkpoint.size))?;
    let mut lines = Lines::new(body, MAX_ENTRY_LENGTH);
    let mut log = folder::create(&folder.path(folder::LOG))?;
    let mut tiles = Tiles::new(folder);
    let bar = progress::bar(checkpoint.size, "entries");
    while let Some(line) = lines.next_line().context("reading the server's log")? {
        if line.torn {
            bail!("the server's log ends in the middle of entry {}", tiles.tree.size());
        }
        if tiles.tree.size() == checkpoint.size {
            bail!("the server sent more than the {} entries asked for", checkpoint.size);
        }
        log.write_all(line.bytes).and_then(|()| log.write_all(b"\n")).context(folder::LOG)?;
        tiles.push(line.bytes)?;
        bar.inc(1);
    }
    log.into_inner().map_err(std::io::IntoInnerError::into_error).and_then(|file| file.sync_all()).context(folder::LOG)?;
    bar.finish_and_clear();
    let (size, root) = (tiles.tree.size(), tiles.tree.root());
    if (size, root) != (checkpoint.size, checkpoint.root) {
        bail!(
            "the {size} entries sent have the root {root}, the checkpoint is over {} with {}",
            checkpoint.size,
            checkpoint.root
        );
    }
    tiles.finish()
}

/// Tiles of hashes and bundles of entries, written when they are full, and at the end as they are.
struct Tiles<'a> {
    folder: &'a Folder,
    tree: Tree,
    /// The newest state of each tile that is not full: at most one a level.
    partial: BTreeMap<TileId, Vec<u8>>,
    bundle: Vec<u8>,
}

impl<'a> Tiles<'a> {
    fn new(folder: &'a Folder) -> Self {
        Self { folder, tree: Tree::new(), partial: BTreeMap::new(), bundle: Vec::new() }
    }

    fn push(&mut self, entry: &[u8]) -> Result<()> {
        push_entry(&mut self.bundle, entry)?;
        self.tree.append(leaf_hash(entry));
        if self.tree.size().is_multiple_of(u64::from(TILE_WIDTH)) {
            self.take_tiles()?;
            self.write_bundle(TILE_WIDTH)?;
        }
        Ok(())
    }

    fn take_tiles(&mut self) -> Result<()> {
        for (tile, hashes) in self.tree.changed_tiles() {
            if hashes.len() == TILE_LENGTH {
                self.partial.remove(&tile);
                self.folder.write_tile(tile.path(TILE_WIDTH), &hashes)?;
            } else {
                self.partial.insert(tile, hashes);
            }
        }
        Ok(())
    }

    fn write_bundle(&mut self, width: u16) -> Result<()> {
        // The bundle that the newest entry is in.
        let number = self.tree.size().saturating_sub(1) / u64::from(TILE_WIDTH);
        let path = TilePath { kind: TileKind::Entries, number, width };
        self.folder.write_tile(path, &self.bundle)?;
        self.bundle.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        self.take_tiles()?;
        let size = self.tree.size();
        for (tile, hashes) in std::mem::take(&mut self.partial) {
            self.folder.write_tile(tile.path(tile.width_at(size)), &hashes)?;
        }
        match u16::try_from(size % u64::from(TILE_WIDTH)) {
            Ok(width @ 1..) => self.write_bundle(width),
            _ => Ok(()),
        }
    }
}
