//! A copy of a server's log, fetched entry by entry and never from the beginning again.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead as _, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use acclaim_ballot_log::{Checkpoint, VerifierKey};
use acclaim_tally::ExpectedLog;
use anyhow::{Context as _, Result, bail};
use indicatif::ProgressBar;

use super::{
    audit_inputs::{AuditInputs, AuditLimits, AuditOutcome},
    folder as files,
    source::Source,
    witness_watch::CosignatureWatch,
};
use crate::{
    client::problem::Problem, commands::cosigned::require_cosignatures, folder::MAX_LINE_LENGTH, progress,
};

/// Attempts in a row that bring no entry, at most.
const MAX_ATTEMPTS: u32 = 9;
/// Attempts in a row that end cleanly and bring no entry, until the log is taken for as short as it seems.
const MAX_CLEAN_ENDS: u32 = 2;
/// How often result and checkpoint are asked for until they are of one moment.
const MAX_POLLS: u32 = 4;
/// How often a server is asked for cosignatures that are awaited.
const COSIGNATURE_POLL_INTERVAL: Duration = Duration::from_millis(500);
/// The wait after the first of them; it doubles.
const INITIAL_RETRY_DELAY: Duration = Duration::from_millis(200);
/// The longest wait.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(8);

/// Audits a server's log by way of a copy in this folder.
pub(super) fn audit(
    source: &Source,
    key: &VerifierKey,
    folder: &Path,
    mut beside: AuditInputs,
    limits: AuditLimits,
) -> Result<AuditOutcome> {
    let mut copy = LogCopy::open(folder)?;
    beside.earlier.extend(copy.checkpoint(key)?);
    let mut witnesses =
        beside.watch().map(|watch| Witnesses { watch, begun: Instant::now(), seen: Vec::new() });
    if let Some(witnesses) = witnesses.as_mut().filter(|_| source.is_live()) {
        witnesses.wait(source, key)?;
    }
    let LogSnapshot { note, checkpoint, shown } = fetch_all(source, key, &mut copy, witnesses.as_mut())?;
    let result = beside.result.or(shown);
    let tiles = files::leaf_tiles(checkpoint.size, |path| source.tile(path).ok().flatten());
    let expected = ExpectedLog { checkpoint, result };
    if let Some(witnesses) = &mut witnesses {
        beside.earlier.append(&mut witnesses.seen);
    }
    let mut report = files::audit_file(&copy.log(), expected, &beside.earlier, &tiles, limits)?;
    match &witnesses {
        Some(witnesses) if source.is_live() => {
            report.findings.extend(witnesses.watch.overdue());
            report.clean = report.findings.is_empty();
        }
        _ => require_cosignatures(&mut report, &note, &beside.witnesses),
    }
    if report.clean {
        copy.keep_checkpoint(&note)?;
    }
    let witnesses = witnesses.map(|witnesses| files::watched(&witnesses.watch, &copy.log())).transpose()?;
    Ok(AuditOutcome { report, witnesses })
}

/// What the witnesses of a server's log cosign while it is audited.
struct Witnesses {
    watch: CosignatureWatch,
    begun: Instant,
    /// Checkpoints that the log must contain: the first one seen, and the newest cosigned one.
    seen: Vec<Checkpoint>,
}

impl Witnesses {
    /// Waits until all have cosigned what the log has now, or are overdue. A log that grows meanwhile is not waited for.
    fn wait(&mut self, source: &Source, key: &VerifierKey) -> Result<()> {
        let (note, first) = source.checkpoint(key)?;
        loop {
            let cosigned = source.cosigned(key)?;
            self.observe(&note, &first, cosigned.as_ref());
            if self.watch.is_settled() || !self.watch.overdue().is_empty() {
                self.seen.push(first);
                return Ok(());
            }
            thread::sleep(COSIGNATURE_POLL_INTERVAL);
        }
    }

    fn observe(&mut self, note: &[u8], newest: &Checkpoint, cosigned: Option<&(Vec<u8>, Checkpoint)>) {
        let cosigned = cosigned.map(|(note, checkpoint)| (note.as_slice(), checkpoint.size));
        let notes: Vec<_> = [(note, newest.size)].into_iter().chain(cosigned).collect();
        self.watch.observe(self.begun.elapsed(), newest.size, &notes);
    }
}

/// Result, checkpoint and note of one moment.
struct LogSnapshot {
    note: Vec<u8>,
    checkpoint: Checkpoint,
    shown: Option<Vec<u8>>,
}

/// Fetches result, checkpoint and entries of one moment. What a server shows of a log that grows is not: results follow a checkpoint by a moment, and a
/// cache may hold an older one. So they are asked for again before they are judged.
fn fetch_all(
    source: &Source,
    key: &VerifierKey,
    copy: &mut LogCopy,
    mut witnesses: Option<&mut Witnesses>,
) -> Result<LogSnapshot> {
    let mut looks = 0;
    loop {
        // The cosigned one first: the newest one is not older than that.
        let cosigned = match &witnesses {
            Some(_) => source.cosigned(key)?,
            None => None,
        };
        let (note, checkpoint) = source.checkpoint(key)?;
        if let Some(witnesses) = &mut witnesses {
            witnesses.observe(&note, &checkpoint, cosigned.as_ref());
        }
        copy.fetch(source, checkpoint.size)?;
        let shown = source.result()?;
        looks += 1;
        let of_one_moment = copy.lines() <= checkpoint.size
            && cosigned.as_ref().is_none_or(|(_, cosigned)| cosigned.size <= checkpoint.size)
            && shown.as_deref().is_none_or(|result| is_of(result, checkpoint.size));
        if of_one_moment || looks >= MAX_POLLS {
            if let Some(witnesses) = witnesses {
                witnesses.seen.extend(cosigned.map(|(_, checkpoint)| checkpoint));
            }
            return Ok(LogSnapshot { note, checkpoint, shown });
        }
        thread::sleep(INITIAL_RETRY_DELAY);
    }
}

/// Whether a result is that of a log of this size. One that is certified keeps the size that it was certified at.
fn is_of(result: &[u8], size: u64) -> bool {
    let document: serde_json::Value = serde_json::from_slice(result).unwrap_or_default();
    let is_certified = document.get("status").is_some_and(|status| status == "certified");
    let of = document.get("log").and_then(|log| log.get("size")).and_then(serde_json::Value::as_u64);
    // What is no result is the audit's to name.
    is_certified || of.is_none_or(|of| of == size)
}

/// `log.jsonl` and the newest checkpoint that it was verified under, in a folder.
pub(super) struct LogCopy {
    folder: PathBuf,
    file: File,
    /// Whole lines, and their bytes.
    lines: u64,
    bytes: u64,
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
        Ok(Self { folder: folder.to_owned(), file, lines, bytes: end })
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
        fs::write(&new, note).and_then(|()| fs::rename(&new, &path)).context(CopyWriteError)
    }

    /// Fetches the entries up to this index, as far as there are any; goes on where the connection broke. Of a log that goes on beyond it one more is
    /// taken, and what is no whole line stands at the end: an audit names both.
    pub(super) fn fetch(&mut self, source: &Source, to: u64) -> Result<()> {
        let bar = progress::bar(to.saturating_sub(self.lines), "entries fetched");
        if to > u64::from(u32::MAX) {
            bail!("the checkpoint covers {to} entries: no log has as many");
        }
        let (mut attempts, mut clean_ends, mut wait) = (0, 0, INITIAL_RETRY_DELAY);
        while self.lines < to {
            let before = self.lines;
            let fetched = self.fetch_some(source, to, &bar);
            if self.lines > before {
                (attempts, clean_ends, wait) = (0, 0, INITIAL_RETRY_DELAY);
            }
            match fetched {
                Ok(()) if self.lines < to && source.may_end_early() && clean_ends < MAX_CLEAN_ENDS => {
                    clean_ends += 1;
                }
                Ok(()) => break,
                Err(error) if attempts >= MAX_ATTEMPTS || !error.is::<ConnectionLost>() => return Err(error),
                Err(_) => {}
            }
            attempts += 1;
            thread::sleep(wait);
            wait = (wait * 2).min(MAX_RETRY_DELAY);
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn fetch_some(&mut self, source: &Source, to: u64, bar: &ProgressBar) -> Result<()> {
        let refused =
            |error: anyhow::Error| if error.is::<Problem>() { error } else { error.context(ConnectionLost) };
        let mut body = source.lines(self.lines, self.bytes, to).map_err(refused)?;
        // Behind the last whole line, whatever an attempt before has left.
        let begin = self.file.set_len(self.bytes).and_then(|()| self.file.seek(SeekFrom::Start(self.bytes)));
        begin.context(CopyWriteError)?;
        let mut file = BufWriter::with_capacity(1 << 20, &self.file);
        let mut line = Vec::new();
        let (mut lines, mut bytes) = (0, 0);
        let ended = loop {
            line.clear();
            match (&mut body).take(MAX_LINE_LENGTH).read_until(b'\n', &mut line) {
                Ok(0) => break Ok(()),
                Err(error) => break Err(anyhow::Error::new(error).context(ConnectionLost)),
                Ok(_) => file.write_all(&line).context(CopyWriteError)?,
            }
            if line.last() != Some(&b'\n') {
                break Ok(());
            }
            lines += 1;
            bytes += line.len() as u64;
            bar.inc(1);
            if self.lines + lines > to {
                break Ok(());
            }
        };
        file.flush().context(CopyWriteError)?;
        drop(file);
        (self.lines, self.bytes) = (self.lines + lines, self.bytes + bytes);
        ended
    }
}

/// This machine's fault: trying again does not help.
#[derive(Debug, thiserror::Error)]
#[error("the copy cannot be written")]
pub(super) struct CopyWriteError;

/// The connection broke off: trying again can help.
#[derive(Debug, thiserror::Error)]
#[error("the connection broke off")]
pub(super) struct ConnectionLost;
