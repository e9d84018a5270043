//! The writer of an exported log: a folder of static files, which is enough for every audit.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use acclaim_ballot_log::{
    TileId, Tree,
    bundle::push_entry,
    entry::MAX_ENTRY_LENGTH,
    leaf_hash,
    tile::{TILE_WIDTH, TileKind, TilePath, bundle_width_at},
};
use anyhow::{Context as _, Result, bail};

/// The length of the longest line of a log, with its newline, in bytes.
pub(crate) const MAX_LINE_LENGTH: u64 = MAX_ENTRY_LENGTH as u64 + 1;

/// Writes the lines, tiles and bundles of a log as entries come. It holds one tile of each level in
/// memory.
pub struct FolderWriter {
    folder: PathBuf,
    log: BufWriter<File>,
    tree: Tree,
    bundle: Vec<u8>,
    /// Tiles that are not yet full.
    growing: BTreeMap<TileId, Vec<u8>>,
}

/// A folder that holds all entries of its log.
pub struct Folder {
    path: PathBuf,
    /// The Merkle tree over the entries.
    pub tree: Tree,
}

impl FolderWriter {
    /// Starts an export in a new or empty folder, which is created if it does not exist.
    ///
    /// # Errors
    /// If the folder is not empty or cannot be written.
    pub fn create(folder: &Path) -> Result<Self> {
        let unusable = || format!("cannot use the folder {}", folder.display());
        fs::create_dir_all(folder).with_context(unusable)?;
        if fs::read_dir(folder).with_context(unusable)?.next().is_some() {
            bail!("the folder {} is not empty: name a new or empty folder", folder.display());
        }
        let path = folder.join("log.jsonl");
        let file =
            File::create_new(&path).with_context(|| format!("cannot create the file {}", path.display()))?;
        let log = BufWriter::with_capacity(1 << 20, file);
        let (tree, bundle, growing) = (Tree::new(), Vec::new(), BTreeMap::new());
        Ok(Self { folder: folder.to_owned(), log, tree, bundle, growing })
    }

    /// Adds the line of the next entry, which has no newline.
    ///
    /// # Errors
    /// If a file cannot be written, or if the line is too long for an entry.
    pub fn push(&mut self, line: &[u8]) -> Result<()> {
        self.log
            .write_all(line)
            .and_then(|()| self.log.write_all(b"\n"))
            .context("cannot write log.jsonl")?;
        push_entry(&mut self.bundle, line)?;
        self.tree.append(leaf_hash(line));
        if self.tree.size().is_multiple_of(u64::from(TILE_WIDTH)) {
            self.write_tiles()?;
        }
        Ok(())
    }

    /// Writes the bundle and the full tiles. The other tiles stay in memory, at most one of each
    /// level.
    fn write_tiles(&mut self) -> Result<()> {
        let size = self.tree.size();
        if !self.bundle.is_empty() {
            let number = (size - 1) / u64::from(TILE_WIDTH);
            let path = TilePath { kind: TileKind::Entries, number, width: bundle_width_at(number, size) };
            write(&self.folder, &path.to_string(), &self.bundle)?;
            self.bundle.clear();
        }
        for (tile, hashes) in self.tree.changed_tiles() {
            if tile.width_at(size) == TILE_WIDTH {
                write(&self.folder, &tile.path(TILE_WIDTH).to_string(), &hashes)?;
                self.growing.remove(&tile);
            } else {
                self.growing.insert(tile, hashes);
            }
        }
        Ok(())
    }

    /// Writes the rest of the log: the last bundle and the tiles that are not full.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn finish(mut self) -> Result<Folder> {
        self.log.flush().context("cannot write log.jsonl")?;
        self.write_tiles()?;
        for (tile, hashes) in &self.growing {
            write(&self.folder, &tile.path(tile.width_at(self.tree.size())).to_string(), hashes)?;
        }
        Ok(Folder { path: self.folder, tree: self.tree })
    }
}

impl Folder {
    /// Writes a file into the folder, beside the log.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        write(&self.path, name, bytes)
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot create the folder {}", parent.display()))?;
    }
    fs::write(&path, bytes).with_context(|| format!("cannot write the file {}", path.display()))
}
