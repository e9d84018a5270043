//! What is read of a log beside its audit: how it begins and ends, and what it came to at an entry.

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

/// How a log begins, as far as rounds go.
#[derive(Debug, Default)]
pub(super) struct Opening {
    /// The contest that the entries come from.
    pub(super) previous: Option<PreviousRound>,
    /// The entries that can be voted for.
    pub(super) entries: Vec<(u64, ListedEntry)>,
}

/// An entry as voters are offered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedEntry {
    pub(super) entry: String,
    pub(super) category: String,
    pub(super) title: String,
}

/// A log up to an entry.
pub(super) struct Prefix {
    log: PathBuf,
    /// Entries in it, fewer than were asked for where the log ends before.
    pub(super) size: u64,
    /// The tree's root over them.
    pub(super) root: Hash,
    /// The last of them.
    pub(super) last: Vec<u8>,
}

/// The last whole line of a log, without its newline; `None` if it has none.
pub(super) fn last_line(log: &Path) -> Result<Option<Vec<u8>>> {
    let named = || format!("the log {}", log.display());
    let mut file = File::open(log).with_context(named)?;
    let length = file.metadata().with_context(named)?.len();
    // Room for a line that is torn behind it.
    file.seek(SeekFrom::Start(length.saturating_sub(2 * MAX_LINE_LENGTH))).with_context(named)?;
    let mut end = Vec::new();
    file.take(2 * MAX_LINE_LENGTH).read_to_end(&mut end).with_context(named)?;
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
        let file = File::open(log).with_context(|| format!("the log {}", log.display()))?;
        Ok(Self { reader: BufReader::with_capacity(1 << 20, file), line: Vec::new() })
    }

    /// The next whole line; `None` at the end, or where no entry can stand.
    fn next(&mut self) -> Result<Option<&[u8]>> {
        self.line.clear();
        (&mut self.reader).take(MAX_LINE_LENGTH).read_until(b'\n', &mut self.line).context("the log")?;
        Ok(self.line.strip_suffix(b"\n"))
    }
}

impl Opening {
    /// Reads the beginning of a log, up to its opening. What is no entry ends it: the audit names that.
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
    /// The first so many entries of a log.
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

    /// The result document with this SHA-256 that these entries come to: the one that is shown if it is that, or else counted anew, as after a
    /// reopening. `None` if they come to another one.
    pub(super) fn document(
        &self,
        origin: &str,
        sha256: &str,
        shown: Option<&[u8]>,
    ) -> Result<Option<Vec<u8>>> {
        if let Some(shown) = shown.filter(|shown| sha256_hex(shown) == sha256) {
            return Ok(Some(shown.to_owned()));
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
