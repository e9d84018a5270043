//! An exported log: a folder that answers every audit from static files alone.

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

/// The longest line of a log with its newline, in bytes.
pub(crate) const MAX_LINE_LENGTH: u64 = MAX_ENTRY_LENGTH as u64 + 1;

/// Writes lines, tiles and bundles as entries come. Memory holds one tile a level.
pub struct FolderWriter {
    folder: PathBuf,
    log: BufWriter<File>,
    tree: Tree,
    bundle: Vec<u8>,
    /// Tiles that are not full yet.
    growing: BTreeMap<TileId, Vec<u8>>,
}

/// A folder that has all its entries.
pub struct Folder {
    path: PathBuf,
    /// Over the entries.
    pub tree: Tree,
}

impl FolderWriter {
    /// Begins in a new or empty folder.
    ///
    /// # Errors
    /// If it is neither, or cannot be written.
    pub fn create(folder: &Path) -> Result<Self> {
        let named = || format!("the folder {}", folder.display());
        fs::create_dir_all(folder).with_context(named)?;
        if fs::read_dir(folder).with_context(named)?.next().is_some() {
            bail!("{} is not empty", named());
        }
        let path = folder.join("log.jsonl");
        let file = File::create_new(&path).with_context(|| format!("the file {}", path.display()))?;
        let log = BufWriter::with_capacity(1 << 20, file);
        let (tree, bundle, growing) = (Tree::new(), Vec::new(), BTreeMap::new());
        Ok(Self { folder: folder.to_owned(), log, tree, bundle, growing })
    }

    /// Adds the next entry's line, without its newline.
    ///
    /// # Errors
    /// If a file cannot be written, or the line is too long for an entry.
    pub fn push(&mut self, line: &[u8]) -> Result<()> {
        self.log.write_all(line).and_then(|()| self.log.write_all(b"\n")).context("log.jsonl")?;
        push_entry(&mut self.bundle, line)?;
        self.tree.append(leaf_hash(line));
        if self.tree.size().is_multiple_of(u64::from(TILE_WIDTH)) {
            self.write_tiles()?;
        }
        Ok(())
    }

    /// Writes the bundle and the tiles that are full; the others grow on, at most one a level.
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

    /// Writes what is left of the log.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn finish(mut self) -> Result<Folder> {
        self.log.flush().context("log.jsonl")?;
        self.write_tiles()?;
        for (tile, hashes) in &self.growing {
            write(&self.folder, &tile.path(tile.width_at(self.tree.size())).to_string(), hashes)?;
        }
        Ok(Folder { path: self.folder, tree: self.tree })
    }
}

impl Folder {
    /// Writes a file beside the entries.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        write(&self.path, name, bytes)
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("the folder {}", parent.display()))?;
    }
    fs::write(&path, bytes).with_context(|| format!("the file {}", path.display()))
}
