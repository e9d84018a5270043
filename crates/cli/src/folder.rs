//! A log in a folder: where each of its files is, and the tiles in the layout that tlog-tiles serves.

use std::{
    cell::RefCell,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use acclaim_ballot_log::{
    Hash, TileId, TilePath,
    hash::HASH_LENGTH,
    tile::TILE_WIDTH,
};
use anyhow::{Context as _, Result, bail};

/// The entries, one a line.
pub const LOG: &str = "log.jsonl";
/// The signed checkpoint.
pub const CHECKPOINT: &str = "checkpoint";
/// The verifier key, for whoever gets it from nowhere else.
pub const VKEY: &str = "vkey";
/// The result document, as published.
pub const RESULT: &str = "result.json";
/// The contest, as served.
pub const CONTEST: &str = "contest.json";

/// The largest file other than the log that is read, in bytes.
const MOST_BYTES: u64 = 256 << 20;

/// A folder with a log.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// One that exists.
    ///
    /// # Errors
    /// If it does not exist, or holds no log.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.is_dir() {
            bail!("{} is not a folder", path.display());
        }
        if !path.join(LOG).is_file() {
            bail!("{} is not an exported log: there is no {LOG} in it", path.display());
        }
        Ok(Self(path.to_owned()))
    }

    /// A new one, or one that is empty.
    ///
    /// # Errors
    /// If it is not empty, or cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        let named = || path.display().to_string();
        fs::create_dir_all(path).with_context(named)?;
        if fs::read_dir(path).with_context(named)?.next().is_some() {
            bail!("{} is not empty: an export goes into a new or empty folder", named());
        }
        Ok(Self(path.to_owned()))
    }

    /// Where a file is.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// If it cannot be read, or is too large to be what it should be.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        read_bounded(&self.path(name))
    }

    /// Reads a whole file; `None` if there is none.
    ///
    /// # Errors
    /// As [`Folder::read`].
    pub fn read_if_there(&self, name: &str) -> Result<Option<Vec<u8>>> {
        if self.path(name).exists() { self.read(name).map(Some) } else { Ok(None) }
    }

    /// Writes a whole file, and its folders.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(name);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
            let mut file = File::create_new(&path)?;
            file.write_all(bytes)
        });
        written.with_context(|| path.display().to_string())
    }

    /// Writes a tile of hashes or a bundle of entries.
    ///
    /// # Errors
    /// As [`Folder::write`].
    pub fn write_tile(&self, path: TilePath, bytes: &[u8]) -> Result<()> {
        self.write(&path.to_string(), bytes)
    }
}

/// Reads a file that is no larger than anything of its kind.
///
/// # Errors
/// If it cannot be read, or is larger.
pub fn read_bounded(path: &Path) -> Result<Vec<u8>> {
    let named = || path.display().to_string();
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes)).with_context(named)?;
    if bytes.len() as u64 > MOST_BYTES {
        bail!("{}: larger than {MOST_BYTES} bytes", named());
    }
    Ok(bytes)
}

/// Leaf hashes from tiles, wherever those are; keeps the newest tile, since a log is read from front to back.
pub struct LeafHashes<F> {
    size: u64,
    fetch: F,
    newest: RefCell<Option<(u64, Vec<u8>)>>,
}

impl<F: Fn(TilePath) -> Option<Vec<u8>>> LeafHashes<F> {
    /// The leaf hashes of a log of `size` entries; `fetch` brings a tile, or nothing.
    pub fn new(size: u64, fetch: F) -> Self {
        Self { size, fetch, newest: RefCell::new(None) }
    }

    /// The hash of one leaf; `None` if its tile is not to be had.
    pub fn at(&self, index: u64) -> Option<Hash> {
        let number = index / u64::from(TILE_WIDTH);
        let mut newest = self.newest.borrow_mut();
        if newest.as_ref().is_none_or(|(held, _)| *held != number) {
            let tile = TileId { level: 0, number };
            let width = tile.width_at(self.size);
            let hashes = if width == 0 { None } else { (self.fetch)(tile.path(width)) };
            *newest = Some((number, hashes.unwrap_or_default()));
        }
        let start = usize::try_from(index % u64::from(TILE_WIDTH)).ok()? * HASH_LENGTH;
        let (_, hashes) = newest.as_ref()?;
        hashes.get(start..start + HASH_LENGTH)?.try_into().ok().map(Hash)
    }
}

/// Reads a tile of a folder: at most a full one's bytes.
#[must_use]
pub fn read_tile(folder: &Folder, path: TilePath) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(folder.path(&path.to_string())).ok()?;
    let full = u64::from(TILE_WIDTH) * HASH_LENGTH as u64;
    file.take(full).read_to_end(&mut bytes).map(|_| bytes).ok()
}

/// A file being written piece by piece.
///
/// # Errors
/// If there is one already, or it cannot be made.
pub fn create(path: &Path) -> Result<io::BufWriter<File>> {
    let file = File::create_new(path).with_context(|| path.display().to_string())?;
    Ok(io::BufWriter::with_capacity(1 << 18, file))
}
