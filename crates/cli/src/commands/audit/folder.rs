//! The audit of files. A log is read in blocks of lines, and several times if its voters need more
//! memory than allowed.

use std::{
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
    time::Duration,
};

use acclaim_ballot_log::{Checkpoint, TileId, TilePath, VerifierKey, hash::HASH_LENGTH, tile::TILE_LENGTH};
use acclaim_tally::{Audit, AuditPlan, AuditReport, ExpectedLog, audit::Tiles};
use anyhow::{Context as _, Result};
use indicatif::ProgressBar;

use super::{
    audit_inputs::{AuditInputs, AuditLimits, AuditOutcome},
    opening::last_line,
    witness_watch::{CosignatureWatch, WitnessReport},
};
use crate::{clock::now, commands::cosigned::require_cosignatures, folder::MAX_LINE_LENGTH, progress};

/// The number of bytes read at once. It is about ten thousand ballots, so that threads rarely wait
/// for each other.
const READ_LENGTH: usize = 4 << 20;

/// Audits an exported folder.
pub(super) fn audit(
    folder: &Path,
    key: &VerifierKey,
    inputs: AuditInputs,
    limits: AuditLimits,
) -> Result<AuditOutcome> {
    let note = fs::read(folder.join("checkpoint")).with_context(|| {
        format!("{} is not an exported log: cannot read its file `checkpoint`", folder.display())
    })?;
    let checkpoint =
        Checkpoint::open(&note, key).context("cannot verify the checkpoint with this verifier key")?;
    let mut watch = inputs.watch();
    if let Some(watch) = &mut watch {
        watch.observe(Duration::ZERO, checkpoint.size, &[(&note, checkpoint.size)]);
    }
    let result = match inputs.result {
        None => result(folder)?,
        other => other,
    };
    let tiles = leaf_tiles(checkpoint.size, |path| read_tile(&folder.join(path.to_string())));
    let log = folder.join("log.jsonl");
    let expected = ExpectedLog { checkpoint, result };
    let mut report = audit_file(&log, expected, &inputs.earlier, &tiles, limits)?;
    require_cosignatures(&mut report, &note, &inputs.witnesses);
    let witnesses = watch.map(|watch| watched(&watch, &log)).transpose()?;
    Ok(AuditOutcome { report, witnesses })
}

/// Returns the sizes and ages of the checkpoints that witnesses have cosigned of the log in this
/// file.
pub(super) fn watched(watch: &CosignatureWatch, log: &Path) -> Result<WitnessReport> {
    Ok(watch.report(now(), last_line(log)?.as_deref()))
}

/// Reads the result in a folder, if there is one.
pub(super) fn result(folder: &Path) -> Result<Option<Vec<u8>>> {
    let own = folder.join("result.json");
    match own.exists() {
        true => fs::read(&own).map(Some).with_context(|| format!("cannot read the result {}", own.display())),
        false => Ok(None),
    }
}

/// Returns a function that gives the tiles of leaf hashes by number, for a log of `size` entries.
/// `fetch` gets a tile.
///
/// A tile that is too short is filled with zeros, which are no entry's hash.
pub(super) fn leaf_tiles(
    size: u64,
    fetch: impl Fn(TilePath) -> Option<Vec<u8>> + Sync,
) -> impl Fn(u64) -> Option<Vec<u8>> + Sync {
    move |number| {
        let tile = TileId { level: 0, number };
        match tile.width_at(size) {
            0 => None,
            width => fetch(tile.path(width)).map(|mut hashes| {
                hashes.resize(usize::from(width) * HASH_LENGTH, 0);
                hashes
            }),
        }
    }
}

/// Reads a tile of a folder, but not more bytes than a full tile has.
fn read_tile(path: &Path) -> Option<Vec<u8>> {
    let mut hashes = Vec::new();
    File::open(path).ok()?.take(TILE_LENGTH as u64).read_to_end(&mut hashes).ok()?;
    Some(hashes)
}

/// Audits a log in a file of lines. Also checks that it contains the `earlier` checkpoints.
pub(super) fn audit_file(
    path: &Path,
    expected: ExpectedLog,
    earlier: &[Checkpoint],
    tiles: &Tiles<'_>,
    limits: AuditLimits,
) -> Result<AuditReport> {
    let unreadable = || format!("cannot read the log {}", path.display());
    let mut file = File::open(path).with_context(unreadable)?;
    let plan = AuditPlan::new(file.metadata().with_context(unreadable)?.len(), limits.memory, limits.threads);
    let bar = progress::bar(expected.checkpoint.size.saturating_mul(plan.rounds()), "entries");
    let mut audit = Audit::new(expected, tiles, plan);
    for checkpoint in earlier {
        audit.require_checkpoint(checkpoint);
    }
    loop {
        file.seek(SeekFrom::Start(0)).with_context(unreadable)?;
        read(&mut file, &mut audit, &bar).with_context(unreadable)?;
        if !audit.next_round() {
            break;
        }
    }
    bar.finish_and_clear();
    Ok(audit.finish())
}

/// Reads the whole log into an audit. Holds one block of it in memory.
fn read(file: &mut File, audit: &mut Audit<'_>, bar: &ProgressBar) -> Result<()> {
    let mut block = Vec::with_capacity(READ_LENGTH);
    loop {
        let free = READ_LENGTH - block.len();
        let read = file.by_ref().take(free as u64).read_to_end(&mut block)?;
        let complete = memchr::memrchr(b'\n', &block).map_or(0, |last| last + 1);
        let (lines, rest) = block.split_at(complete);
        let mut split = Vec::with_capacity(lines.len() / 100);
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', lines) {
            split.extend(lines.get(start..end));
            start = end + 1;
        }
        audit.push_lines(&split);
        bar.inc(split.len() as u64);
        if rest.len() as u64 >= MAX_LINE_LENGTH {
            // This line is longer than any entry, so its end does not matter.
            audit.push(rest);
            return Ok(());
        }
        if read < free {
            if !rest.is_empty() {
                audit.report_partial_line();
            }
            return Ok(());
        }
        block.drain(..complete);
    }
}
