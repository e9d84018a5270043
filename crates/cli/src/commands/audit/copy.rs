//! The copy of a server's log. Each entry is fetched once only.

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

/// The largest number of attempts in a row that bring no entry.
const MAX_ATTEMPTS: u32 = 9;
/// The number of attempts in a row that end without an error and bring no entry, after which the
/// log is taken to end there.
const MAX_CLEAN_ENDS: u32 = 2;
/// The largest number of polls for a result, a checkpoint and entries that match.
const MAX_POLLS: u32 = 4;
/// The interval between two requests for cosignatures.
const COSIGNATURE_POLL_INTERVAL: Duration = Duration::from_millis(500);
/// The delay before the first repetition. It doubles with each further one.
const INITIAL_RETRY_DELAY: Duration = Duration::from_millis(200);
/// The longest delay before a repetition.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(8);

/// Audits a server's log by a copy in this folder.
pub(super) fn audit(
    source: &Source,
    key: &VerifierKey,
    folder: &Path,
    mut inputs: AuditInputs,
    limits: AuditLimits,
) -> Result<AuditOutcome> {
    let mut copy = LogCopy::open(folder)?;
    inputs.earlier.extend(copy.checkpoint(key)?);
    let mut witnesses =
        inputs.watch().map(|watch| Witnesses { watch, started: Instant::now(), required: Vec::new() });
    if let Some(witnesses) = witnesses.as_mut().filter(|_| source.is_live()) {
        witnesses.wait(source, key)?;
    }
    let LogSnapshot { note, checkpoint, published } = fetch_all(source, key, &mut copy, witnesses.as_mut())?;
    let result = inputs.result.or(published);
    let tiles = files::leaf_tiles(checkpoint.size, |path| source.tile(path).ok().flatten());
    let expected = ExpectedLog { checkpoint, result };
    if let Some(witnesses) = &mut witnesses {
        inputs.earlier.append(&mut witnesses.required);
    }
    let mut report = files::audit_file(&copy.log(), expected, &inputs.earlier, &tiles, limits)?;
    match &witnesses {
        Some(witnesses) if source.is_live() => {
            report.findings.extend(witnesses.watch.overdue());
            report.clean = report.findings.is_empty();
        }
        _ => require_cosignatures(&mut report, &note, &inputs.witnesses),
    }
    if report.clean {
        copy.keep_checkpoint(&note)?;
    }
    let witnesses = witnesses.map(|witnesses| files::watched(&witnesses.watch, &copy.log())).transpose()?;
    Ok(AuditOutcome { report, witnesses })
}

/// The witnesses of a server's log during its audit.
struct Witnesses {
    watch: CosignatureWatch,
    started: Instant,
    /// Checkpoints that the log must contain: the first one seen, and the newest cosigned one.
    required: Vec<Checkpoint>,
}

impl Witnesses {
    /// Waits until all witnesses have cosigned the present entries of the log, or are overdue. Does
    /// not wait for entries that come later.
    fn wait(&mut self, source: &Source, key: &VerifierKey) -> Result<()> {
        let (note, first) = source.checkpoint(key)?;
        loop {
            let cosigned = source.cosigned(key)?;
            self.observe(&note, &first, cosigned.as_ref());
            if self.watch.is_settled() || !self.watch.overdue().is_empty() {
                self.required.push(first);
                return Ok(());
            }
            thread::sleep(COSIGNATURE_POLL_INTERVAL);
        }
    }

    fn observe(&mut self, note: &[u8], newest: &Checkpoint, cosigned: Option<&(Vec<u8>, Checkpoint)>) {
        let cosigned = cosigned.map(|(note, checkpoint)| (note.as_slice(), checkpoint.size));
        let notes: Vec<_> = [(note, newest.size)].into_iter().chain(cosigned).collect();
        self.watch.observe(self.started.elapsed(), newest.size, &notes);
    }
}

/// A result, a checkpoint and its note that match.
struct LogSnapshot {
    note: Vec<u8>,
    checkpoint: Checkpoint,
    published: Option<Vec<u8>>,
}

/// Fetches a result, a checkpoint and entries that match.
///
/// While a log grows, the server's answers may not match: a result is a moment behind its
/// checkpoint, and a cache can give an older one. So they are fetched again, up to [`MAX_POLLS`]
/// times, before they are compared.
fn fetch_all(
    source: &Source,
    key: &VerifierKey,
    copy: &mut LogCopy,
    mut witnesses: Option<&mut Witnesses>,
) -> Result<LogSnapshot> {
    let mut polls = 0;
    loop {
        // The cosigned checkpoint is fetched first, so that the newest one is not older.
        let cosigned = match &witnesses {
            Some(_) => source.cosigned(key)?,
            None => None,
        };
        let (note, checkpoint) = source.checkpoint(key)?;
        if let Some(witnesses) = &mut witnesses {
            witnesses.observe(&note, &checkpoint, cosigned.as_ref());
        }
        copy.fetch(source, checkpoint.size)?;
        let published = source.result()?;
        polls += 1;
        let all_match = copy.lines() <= checkpoint.size
            && cosigned.as_ref().is_none_or(|(_, cosigned)| cosigned.size <= checkpoint.size)
            && published.as_deref().is_none_or(|result| is_for_size(result, checkpoint.size));
        if all_match || polls >= MAX_POLLS {
            if let Some(witnesses) = witnesses {
                witnesses.required.extend(cosigned.map(|(_, checkpoint)| checkpoint));
            }
            return Ok(LogSnapshot { note, checkpoint, published });
        }
        thread::sleep(INITIAL_RETRY_DELAY);
    }
}

/// Whether a result belongs to a log of this size. A certified result keeps the size at which it
/// was certified.
fn is_for_size(result: &[u8], size: u64) -> bool {
    let document: serde_json::Value = serde_json::from_slice(result).unwrap_or_default();
    let is_certified = document.get("status").is_some_and(|status| status == "certified");
    let of = document.get("log").and_then(|log| log.get("size")).and_then(serde_json::Value::as_u64);
    // An invalid result matches here: the audit reports it.
    is_certified || of.is_none_or(|of| of == size)
}

/// A copy in a folder: `log.jsonl`, and the newest checkpoint with which it was verified.
pub(super) struct LogCopy {
    folder: PathBuf,
    file: File,
    /// The number of complete lines.
    lines: u64,
    /// The number of bytes of these lines.
    bytes: u64,
}

impl LogCopy {
    /// Opens a copy, or makes a new one. Removes an incomplete line at its end.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let unusable = || format!("cannot use the copy {}", folder.display());
        fs::create_dir_all(folder).with_context(unusable)?;
        let path = folder.join("log.jsonl");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).with_context(unusable)?;
        let (mut lines, mut end) = (0, 0);
        let mut reader = BufReader::with_capacity(1 << 20, &file);
        loop {
            let (length, count, complete) = {
                let bytes = reader.fill_buf().with_context(unusable)?;
                let complete = memchr::memrchr(b'\n', bytes).map(|last| last + 1);
                (bytes.len(), memchr::memchr_iter(b'\n', bytes).count(), complete)
            };
            if length == 0 {
                break;
            }
            lines += count as u64;
            let position = reader.stream_position().with_context(unusable)?;
            end = complete.map_or(end, |complete| position + complete as u64);
            reader.consume(length);
        }
        file.set_len(end).and_then(|()| file.seek(SeekFrom::End(0))).with_context(unusable)?;
        Ok(Self { folder: folder.to_owned(), file, lines, bytes: end })
    }

    /// Returns the path of the file with the entries.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("log.jsonl")
    }

    /// Returns the number of entries.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// Reads the checkpoint with which the copy was last verified. `None` if it was never verified.
    pub(super) fn checkpoint(&self, key: &VerifierKey) -> Result<Option<Checkpoint>> {
        let path = self.folder.join("checkpoint");
        if !path.exists() {
            return Ok(None);
        }
        let unreadable = || format!("cannot read the copy's checkpoint {}", path.display());
        let note = fs::read(&path).with_context(unreadable)?;
        Checkpoint::open(&note, key).with_context(unreadable).map(Some)
    }

    /// Keeps the checkpoint with which the copy was verified. The file is replaced atomically.
    pub(super) fn keep_checkpoint(&self, note: &[u8]) -> Result<()> {
        let (path, new) = (self.folder.join("checkpoint"), self.folder.join("checkpoint.new"));
        fs::write(&new, note).and_then(|()| fs::rename(&new, &path)).context(CopyWriteError)
    }

    /// Fetches the entries up to the index `to`, as far as they exist. Continues after a broken
    /// connection.
    ///
    /// If the log continues beyond `to`, one more entry is fetched. An incomplete line stays at the
    /// end of the file. The audit reports both.
    pub(super) fn fetch(&mut self, source: &Source, to: u64) -> Result<()> {
        let bar = progress::bar(to.saturating_sub(self.lines), "entries fetched");
        if to > u64::from(u32::MAX) {
            bail!("the checkpoint covers {to} entries, which is more than a log can have");
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
        let sort_error =
            |error: anyhow::Error| if error.is::<Problem>() { error } else { error.context(ConnectionLost) };
        let mut body = source.lines(self.lines, self.bytes, to).map_err(sort_error)?;
        // Writes after the last complete line, and removes the rest of an earlier attempt.
        let truncated =
            self.file.set_len(self.bytes).and_then(|()| self.file.seek(SeekFrom::Start(self.bytes)));
        truncated.context(CopyWriteError)?;
        let mut file = BufWriter::with_capacity(1 << 20, &self.file);
        let mut line = Vec::new();
        let (mut lines, mut bytes) = (0, 0);
        let outcome = loop {
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
        outcome
    }
}

/// An error of this machine. Another attempt does not help.
#[derive(Debug, thiserror::Error)]
#[error("the copy cannot be written")]
pub(super) struct CopyWriteError;

/// A broken connection. Another attempt can help.
#[derive(Debug, thiserror::Error)]
#[error("the connection broke")]
pub(super) struct ConnectionLost;
