//! The command `acclaim receipt upgrade`: it makes a receipt under a newer checkpoint, and proves
//! that the newer log continues the log of the old receipt.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
};

use acclaim_ballot_log::{
    Checkpoint, Hash, Receipt, TileId, Tree, VerifierKey, leaf_hash,
    proof::{
        consistency, inclusion, tiles_for_consistency, tiles_for_inclusion, verify_consistency,
        verify_inclusion,
    },
    tile::{TILE_LENGTH, TILE_WIDTH},
};
use acclaim_contest::ContestId;
use anyhow::{Context as _, Result, bail};

use super::{not_proved, print_proved, read};
use crate::{
    args::{log::UpgradeArgs, target::Target},
    client::Client,
    folder::MAX_LINE_LENGTH,
    outcome::{Outcome, Refusal},
};

/// Tiles by id, each with the width that it has under the newer checkpoint.
type Tiles = BTreeMap<TileId, Vec<u8>>;

pub(in crate::commands) fn upgrade(args: &UpgradeArgs) -> Result<Outcome> {
    let key = args.key.read()?;
    let receipt = read(&args.receipt)?;
    let old = Checkpoint::open(&receipt.checkpoint, &key).map_err(not_proved)?;
    let source = Source::of(args)?;
    let note = source.checkpoint()?;
    let new = Checkpoint::open(&note, &key).context("cannot verify the checkpoint with this verifier key")?;
    match renew(&receipt, &old, &source, &new, &key) {
        Ok(path) => {
            let newer =
                Receipt { extra: receipt.extra.clone(), index: receipt.index, path, checkpoint: note };
            write(&args.out, &newer)?;
            print_proved(newer.index, &new)
        }
        Err(error) if source.is_server() && error.downcast_ref::<Refusal>().is_some() => {
            let refused = PathBuf::from(format!("{}.refused", args.out.display()));
            fs::write(&refused, &note)
                .with_context(|| format!("cannot write the refused checkpoint {}", refused.display()))?;
            Err(Refusal(format!("{error}. The server's checkpoint is kept in {}", refused.display())).into())
        }
        Err(error) => Err(error),
    }
}

/// Checks that the new log continues the old one, and returns the audit path of the receipt's entry
/// under the new checkpoint.
///
/// # Errors
/// [`Refusal`] if the log is older, has another history or another entry. Another error if the
/// tiles cannot be read.
fn renew(
    receipt: &Receipt,
    old: &Checkpoint,
    source: &Source,
    new: &Checkpoint,
    key: &VerifierKey,
) -> Result<Vec<Hash>> {
    if new.size < old.size {
        let why = format!(
            "the log is older than the receipt: it has {} entries, and the receipt is for a log of {} entries",
            new.size, old.size
        );
        return Err(Refusal(why).into());
    }
    let leaf_tile = TileId { level: 0, number: receipt.index / u64::from(TILE_WIDTH) };
    let mut needed = tiles_for_consistency(old.size, new.size);
    needed.extend(tiles_for_inclusion(receipt.index, new.size));
    needed.push(leaf_tile);
    let tiles = source.tiles(&needed, new.size)?;
    let tile = |id: TileId| tiles.get(&id);

    let leaf = tile(leaf_tile)
        .and_then(|hashes| {
            hashes.as_chunks().0.get(usize::try_from(receipt.index % u64::from(TILE_WIDTH)).ok()?)
        })
        .with_context(|| format!("the log has no entry {}", receipt.index))?;
    let leaf = Hash(*leaf);
    receipt
        .verify(leaf, key)
        .map_err(|error| Refusal(format!("the entry in the log is not the entry of the receipt: {error}")))?;
    let between = consistency(old.size, new.size, &tile)?;
    verify_consistency(old.size, old.root, new.size, new.root, &between).map_err(|_| {
        Refusal(format!(
            "another history: the log of {} entries does not begin with the {} entries of the receipt's log",
            new.size, old.size
        ))
    })?;
    let path = inclusion(receipt.index, new.size, &tile)?;
    verify_inclusion(leaf, receipt.index, new.size, &path, new.root).map_err(not_proved)?;
    Ok(path)
}

/// Writes a receipt into a new file. Never replaces an existing file.
fn write(path: &Path, receipt: &Receipt) -> Result<()> {
    let unwritable = || format!("cannot write the receipt {}", path.display());
    let mut file = File::create_new(path).with_context(unwritable)?;
    file.write_all(receipt.to_string().as_bytes()).and_then(|()| file.sync_all()).with_context(unwritable)
}

/// The source of the newer checkpoint and its tiles.
enum Source<'a> {
    Server(Client, &'a ContestId),
    Folder(&'a Path),
}

impl<'a> Source<'a> {
    fn of(args: &'a UpgradeArgs) -> Result<Self> {
        match (&args.url, &args.contest, &args.log) {
            (Some(url), Some(contest), None) => {
                let target = Target { url: Some(url.to_owned()), key_file: None, data: None };
                Ok(Self::Server(Client::open(&target)?, contest))
            }
            (None, None, Some(folder)) => Ok(Self::Folder(folder)),
            _ => bail!("name the log with --url and --contest, or with --log"),
        }
    }

    fn is_server(&self) -> bool {
        matches!(self, Self::Server(..))
    }

    /// Returns the newest checkpoint, as a note.
    fn checkpoint(&self) -> Result<String> {
        let bytes = match self {
            Self::Server(client, contest) => {
                client.get(&format!("/v1/contests/{contest}/log/checkpoint"))?.bytes
            }
            Self::Folder(folder) => {
                let path = folder.join("checkpoint");
                fs::read(&path).with_context(|| format!("cannot read the checkpoint {}", path.display()))?
            }
        };
        String::from_utf8(bytes).context("the checkpoint is not text")
    }

    fn tiles(&self, needed: &[TileId], size: u64) -> Result<Tiles> {
        match self {
            Self::Folder(folder) if !folder.join("tile").exists() => tiles_of_entries(folder, needed, size),
            _ => needed.iter().map(|id| Ok((*id, self.tile(*id, size)?))).collect(),
        }
    }

    fn tile(&self, id: TileId, size: u64) -> Result<Vec<u8>> {
        let path = id.path(id.width_at(size));
        match self {
            Self::Server(client, contest) => {
                Ok(client.get(&format!("/v1/contests/{contest}/log/{path}"))?.bytes)
            }
            Self::Folder(folder) => {
                let path = folder.join(path.to_string());
                let unreadable = || format!("cannot read the tile {}", path.display());
                let mut hashes = Vec::new();
                File::open(&path)
                    .and_then(|file| file.take(TILE_LENGTH as u64).read_to_end(&mut hashes))
                    .with_context(unreadable)?;
                Ok(hashes)
            }
        }
    }
}

/// Computes the needed tiles of a folder that has only the entries.
fn tiles_of_entries(folder: &Path, needed: &[TileId], size: u64) -> Result<Tiles> {
    let path = folder.join("log.jsonl");
    let unreadable = || format!("cannot read the log {}", path.display());
    let mut lines = BufReader::with_capacity(1 << 20, File::open(&path).with_context(unreadable)?);
    let (mut tree, mut tiles, mut line) = (Tree::new(), Tiles::new(), Vec::new());
    while tree.size() < size {
        line.clear();
        lines.by_ref().take(MAX_LINE_LENGTH).read_until(b'\n', &mut line).with_context(unreadable)?;
        if line.pop() != Some(b'\n') {
            bail!("the log {} ends at entry {}, before its checkpoint does", path.display(), tree.size());
        }
        tree.append(leaf_hash(&line));
        if tree.size() == size || tree.size().is_multiple_of(u64::from(TILE_WIDTH)) {
            tiles.extend(tree.changed_tiles().into_iter().filter(|(id, _)| needed.contains(id)));
        }
    }
    Ok(tiles)
}
