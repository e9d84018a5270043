//! The reader of single parts of a log, beside its audit: its first entries, its last line, and its
//! state and result at an entry.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use acclaim_ballot_log::{Event, Hash, LogEntry, Tree, entry::PreviousRound, leaf_hash};
use acclaim_tally::Replay;
use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::folder::MAX_LINE_LENGTH;

/// The first entries of a log, as far as the audit of rounds needs them.
#[derive(Debug, Default)]
pub(super) struct Opening {
    /// The contest whose champions are the entries.
    pub(super) previous: Option<PreviousRound>,
    /// The contest's entries, each with its index in the log.
    pub(super) entries: Vec<(u64, ListedEntry)>,
}

/// A contest's entry, as voters see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedEntry {
    pub(super) entry: String,
    pub(super) category: String,
    pub(super) title: String,
}

/// The first entries of a log.
pub(super) struct Prefix {
    log: PathBuf,
    /// The number of these entries. It is smaller than requested if the log ends earlier.
    pub(super) size: u64,
    /// The root of the Merkle tree over them.
    pub(super) root: Hash,
    /// The line of the last one.
    pub(super) last: Vec<u8>,
}

/// Returns the last complete line of a log, without its newline. `None` if there is none.
pub(super) fn last_line(log: &Path) -> Result<Option<Vec<u8>>> {
    let unreadable = || format!("cannot read the log {}", log.display());
    let mut file = File::open(log).with_context(unreadable)?;
    let length = file.metadata().with_context(unreadable)?.len();
    // The last complete line can be followed by an incomplete one.
    file.seek(SeekFrom::Start(length.saturating_sub(2 * MAX_LINE_LENGTH))).with_context(unreadable)?;
    let mut end = Vec::new();
    file.take(2 * MAX_LINE_LENGTH).read_to_end(&mut end).with_context(unreadable)?;
    let whole = memchr::memrchr(b'\n', &end).and_then(|newline| end.get(..newline));
    Ok(whole.and_then(|lines| lines.rsplit(|byte| *byte == b'\n').next()).map(<[u8]>::to_vec))
}

/// A log's lines, without their newlines.
struct Lines {
    reader: BufReader<File>,
    line: Vec<u8>,
}

impl Lines {
    fn of(log: &Path) -> Result<Self> {
        let file = File::open(log).with_context(|| format!("cannot read the log {}", log.display()))?;
        Ok(Self { reader: BufReader::with_capacity(1 << 20, file), line: Vec::new() })
    }

    /// Returns the next complete line. `None` at the end, or if the line is too long for an entry.
    fn next(&mut self) -> Result<Option<&[u8]>> {
        self.line.clear();
        (&mut self.reader)
            .take(MAX_LINE_LENGTH)
            .read_until(b'\n', &mut self.line)
            .context("cannot read the log")?;
        Ok(self.line.strip_suffix(b"\n"))
    }
}

impl Opening {
    /// Reads the first entries of a log, up to its opening. A line that is not an entry ends the
    /// reading, because the audit reports it.
    pub(super) fn read(log: &Path) -> Result<Self> {
        let mut opening = Self::default();
        let mut lines = Lines::of(log)?;
        let mut index = 0;
        while let Some(line) = lines.next()? {
            let Ok(LogEntry::Event(event, _)) = LogEntry::decode(line) else { break };
            match *event {
                Event::Contest(header) => opening.previous = header.previous,
                Event::Category(_) => {}
                Event::Entry(entry) => {
                    let (id, category) = (entry.id.to_string(), entry.category.to_string());
                    opening.entries.push((index, ListedEntry { entry: id, category, title: entry.title }));
                }
                _ => break,
            }
            index += 1;
        }
        Ok(opening)
    }
}

impl Prefix {
    /// Reads the first `size` entries of a log.
    pub(super) fn of(log: &Path, size: u64) -> Result<Self> {
        let mut lines = Lines::of(log)?;
        let mut tree = Tree::without_tiles();
        let mut last = Vec::new();
        while tree.size() < size
            && let Some(line) = lines.next()?
        {
            tree.append(leaf_hash(line));
            line.clone_into(&mut last);
        }
        Ok(Self { log: log.to_owned(), size: tree.size(), root: tree.root(), last })
    }

    /// Returns the result document of these entries, if it has this SHA-256, and otherwise `None`.
    ///
    /// `published` is returned if it has this hash. Otherwise the entries are counted, for example
    /// because the contest was reopened since.
    pub(super) fn document(
        &self,
        origin: &str,
        sha256: &str,
        published: Option<&[u8]>,
    ) -> Result<Option<Vec<u8>>> {
        if let Some(published) = published.filter(|published| sha256_hex(published) == sha256) {
            return Ok(Some(published.to_owned()));
        }
        let mut replay = Replay::without_tiles(origin);
        let mut lines = Lines::of(&self.log)?;
        for _ in 0..self.size {
            match lines.next()? {
                Some(line) if replay.push(line).is_ok() => {}
                _ => return Ok(None),
            }
        }
        Ok(replay.result().filter(|result| result.sha256 == sha256).map(|result| result.json))
    }
}

fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
