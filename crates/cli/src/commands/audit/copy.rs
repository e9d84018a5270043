//! A copy of a server's log, fetched entry by entry and never from the beginning again.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead as _, BufReader, BufWriter, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use acclaim_ballot_log::{Checkpoint, VerifierKey};
use acclaim_contest::ContestId;
use acclaim_tally::{AuditReport, Expected};
use anyhow::{Context as _, Result, bail};

use super::{Beside, Means, folder};
use crate::{
    client::{Client, problem::Problem},
    commands::{
        cosigned::{self, demand},
        log::{MOST_LINE, published_result},
    },
    progress,
};

/// Attempts in a row that bring no entry, at most.
const MOST_ATTEMPTS: u32 = 8;
/// The wait after the first of them; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Audits a server's log by way of a copy in this folder, or in one that is removed afterwards.
pub(super) fn audit(
    client: &Client,
    contest: &ContestId,
    key: &VerifierKey,
    kept: Option<&Path>,
    mut beside: Beside,
    means: Means,
) -> Result<AuditReport> {
    let temporary = kept.is_none().then(tempfile::tempdir).transpose().context("a folder for the copy")?;
    let path = kept.or(temporary.as_ref().map(tempfile::TempDir::path)).context("a folder for the copy")?;
    let mut copy = LogCopy::open(path)?;
    beside.earlier.extend(copy.checkpoint(key)?);
    // Before the checkpoint, which must cover it.
    let shown = published_result(client, contest)?;
    let mut newest = newest(client, contest, key)?;
    if !beside.witnesses.is_empty() {
        // What they have cosigned is audited, a moment older while the log grows.
        let (size, witnesses) = (newest.1.size, &beside.witnesses);
        newest = cosigned::wait_for(client, contest, key, size, witnesses)?.unwrap_or(newest);
    }
    let (note, checkpoint) = newest;
    copy.fetch(client, contest, checkpoint.size)?;
    if copy.lines() > checkpoint.size {
        bail!("the copy {} has more entries than the server's checkpoint covers", path.display());
    }
    let result = beside.result.or(shown);
    let tiles = folder::leaf_tiles(checkpoint.size, |path| {
        client.get(&format!("/v1/contests/{contest}/log/{path}")).ok().map(|answer| answer.bytes)
    });
    let expected = Expected { checkpoint, result };
    let mut report = folder::audit_file(&copy.log(), expected, &beside.earlier, &tiles, means)?;
    demand(&mut report, &note, &beside.witnesses);
    if report.clean {
        copy.keep_checkpoint(&note)?;
    }
    Ok(report)
}

/// The server's newest checkpoint, as a note and opened.
pub(super) fn newest(
    client: &Client,
    contest: &ContestId,
    key: &VerifierKey,
) -> Result<(Vec<u8>, Checkpoint)> {
    let note = client.get(&format!("/v1/contests/{contest}/log/checkpoint"))?.bytes;
    let checkpoint =
        Checkpoint::open(&note, key).context("the server's checkpoint is not one of this verifier key")?;
    Ok((note, checkpoint))
}

/// `log.jsonl` and the newest checkpoint that it was verified under, in a folder.
pub(super) struct LogCopy {
    folder: PathBuf,
    file: File,
    lines: u64,
}

impl LogCopy {
    /// Opens a copy, or begins one. A line that was not fetched to its end is dropped.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let named = || format!("the copy {}", folder.display());
        fs::create_dir_all(folder).with_context(named)?;
        let path = folder.join("log.jsonl");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).with_context(named)?;
        let (mut lines, mut end) = (0, 0);
        let mut reader = BufReader::with_capacity(1 << 20, &file);
        loop {
            let (length, count, whole) = {
                let bytes = reader.fill_buf().with_context(named)?;
                let whole = memchr::memrchr(b'\n', bytes).map(|last| last + 1);
                (bytes.len(), memchr::memchr_iter(b'\n', bytes).count(), whole)
            };
            if length == 0 {
                break;
            }
            lines += count as u64;
            let position = reader.stream_position().with_context(named)?;
            end = whole.map_or(end, |whole| position + whole as u64);
            reader.consume(length);
        }
        file.set_len(end).and_then(|()| file.seek(SeekFrom::End(0))).with_context(named)?;
        Ok(Self { folder: folder.to_owned(), file, lines })
    }

    /// The file of its entries.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("log.jsonl")
    }

    /// How many entries it has.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// The checkpoint that it was last verified under, if it ever was.
    pub(super) fn checkpoint(&self, key: &VerifierKey) -> Result<Option<Checkpoint>> {
        let path = self.folder.join("checkpoint");
        if !path.exists() {
            return Ok(None);
        }
        let named = || format!("the copy's checkpoint {}", path.display());
        let note = fs::read(&path).with_context(named)?;
        Checkpoint::open(&note, key).with_context(named).map(Some)
    }

    /// Keeps the checkpoint that it was verified under, by a file that is whole at every moment.
    pub(super) fn keep_checkpoint(&self, note: &[u8]) -> Result<()> {
        let (path, new) = (self.folder.join("checkpoint"), self.folder.join("checkpoint.new"));
        fs::write(&new, note)
            .and_then(|()| fs::rename(&new, &path))
            .with_context(|| format!("the copy's checkpoint {}", path.display()))
    }

    /// Fetches the entries up to this index; goes on where the connection broke.
    pub(super) fn fetch(&mut self, client: &Client, contest: &ContestId, to: u64) -> Result<()> {
        let bar = progress::bar(to.saturating_sub(self.lines), "entries fetched");
        let (mut attempts, mut wait) = (0, FIRST_WAIT);
        while self.lines < to {
            let before = self.lines;
            let broken = self.fetch_some(client, contest, to, &bar);
            if self.lines > before {
                (attempts, wait) = (0, FIRST_WAIT);
            }
            match broken {
                Err(error) if attempts >= MOST_ATTEMPTS || error.downcast_ref::<Problem>().is_some() => {
                    return Err(error);
                }
                Ok(()) if self.lines == before => {
                    bail!("the server's checkpoint covers {to} entries, and it has only {before}");
                }
                Err(_) => {
                    attempts += 1;
                    thread::sleep(wait);
                    wait *= 2;
                }
                Ok(()) => {}
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn fetch_some(
        &mut self,
        client: &Client,
        contest: &ContestId,
        to: u64,
        bar: &indicatif::ProgressBar,
    ) -> Result<()> {
        let path = format!("/v1/contests/{contest}/log/entries?from={}&to={to}", self.lines);
        let mut body = BufReader::with_capacity(1 << 20, client.stream(&path)?);
        let mut file = BufWriter::with_capacity(1 << 20, &self.file);
        let mut line = Vec::new();
        let mut whole = 0;
        let ended = loop {
            line.clear();
            match std::io::Read::take(&mut body, MOST_LINE).read_until(b'\n', &mut line) {
                Ok(0) => break Ok(()),
                Ok(_) if line.last() == Some(&b'\n') => {
                    file.write_all(&line).context("the copy cannot be written")?;
                    whole += 1;
                    bar.inc(1);
                }
                Ok(length) if length as u64 == MOST_LINE => {
                    bail!("entry {} is longer than any", self.lines + whole)
                }
                Ok(_) => break Err(anyhow::anyhow!("the connection broke off in the middle of an entry")),
                Err(error) => break Err(anyhow::Error::new(error).context("the connection broke off")),
            }
        };
        file.flush().context("the copy cannot be written")?;
        self.lines += whole;
        ended
    }
}
