//! The following of a server: every new checkpoint is checked against all earlier ones, and every
//! entry as soon as it is public.

mod comparison;
mod lines;
mod proofs;
mod witnesses;

use std::{
    collections::BTreeMap,
    fmt::Display,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use acclaim_ballot_log::{
    Checkpoint, CheckpointError, Hash, Tree, VerifierKey, hash::HASH_LENGTH, leaf_hash, tile::TILE_WIDTH,
};
use acclaim_contest::Phase;
use acclaim_tally::{Replay, audit::compare::differences};
use anyhow::{Context as _, Result, bail};

use self::{
    comparison::{Comparison, Discrepancies, two_roots},
    lines::{Line, Lines},
    proofs::{prove_consistency, prove_root},
    witnesses::{CosignedNote, Witnesses},
};
use super::{
    audit_inputs::AuditInputs,
    copy::{CopyWriteError, LogCopy},
    folder::leaf_tiles,
    print_finding, print_verdict,
    source::Source,
};
use crate::{client::problem::Problem, outcome::Outcome, output};

/// The largest number of polls in a row that may be inconclusive.
///
/// A cache or a lagging replica can cause such a poll: it gives an older checkpoint, a checkpoint
/// without its tiles, an older result, or entries beyond the checkpoint.
const MAX_INCONCLUSIVE_POLLS: u32 = 10;
/// The longest time that a server may be unreachable.
const OUTAGE_TIMEOUT: Duration = Duration::from_secs(600);

/// The reason why following ended.
enum FollowOutcome {
    /// The server shows another history, or a log that breaks the rules.
    Discrepancies(Discrepancies),
    /// The result is certified, and it is the result of the log.
    Certified,
}

struct Follower<'a> {
    source: &'a Source,
    key: &'a VerifierKey,
    copy: LogCopy,
    replay: Replay,
    /// The number of bytes of the copy that are replayed.
    replayed: u64,
    /// The roots of all checkpoints seen, by size.
    known_roots: BTreeMap<u64, Hash>,
    /// The newest checkpoint seen.
    newest: Option<Checkpoint>,
    /// The size of the newest checkpoint that was printed.
    reported_size: Option<u64>,
    /// Whether the server gave more entries than its checkpoint covers.
    has_entries_beyond: bool,
    /// The number of inconclusive polls in a row.
    inconclusive_polls: u32,
    tile: Option<Tile>,
    /// The required witnesses. `None` if there are none.
    witnesses: Option<Witnesses>,
}

/// A tile of leaf hashes, for a log of this size. `hashes` is empty if the tile is not available.
struct Tile {
    number: u64,
    size: u64,
    hashes: Vec<u8>,
}

/// Follows a server until the result is certified or there is a discrepancy.
///
/// Prints discrepancies and the verdict. If the log is certified and clean, prints no verdict: the
/// caller then audits the logs before it.
///
/// # Errors
/// If the copy cannot be used, if the server refuses, or if it is unreachable for too long.
pub(super) fn run(
    source: &Source,
    key: &VerifierKey,
    folder: &Path,
    inputs: &AuditInputs,
    every: Duration,
) -> Result<Outcome> {
    let copy = LogCopy::open(folder)?;
    let known: Vec<Checkpoint> = inputs.earlier.iter().cloned().chain(copy.checkpoint(key)?).collect();
    let mut follower = Follower {
        source,
        key,
        copy,
        replay: Replay::without_tiles(key.name()),
        replayed: 0,
        known_roots: known.iter().map(|checkpoint| (checkpoint.size, checkpoint.root)).collect(),
        newest: known.into_iter().max_by_key(|checkpoint| checkpoint.size),
        reported_size: None,
        has_entries_beyond: false,
        inconclusive_polls: 0,
        tile: None,
        witnesses: Witnesses::new(inputs),
    };
    // If the first checkpoint is not signed by this key, there is nothing to follow.
    if let Some(note) = source.note()? {
        Checkpoint::open(&note, key)
            .context("cannot verify the server's checkpoint with this verifier key")?;
    }
    let mut away_since = None;
    loop {
        match follower.poll() {
            Ok(None) => away_since = None,
            Ok(Some(FollowOutcome::Certified)) => {
                follower.witness_lines()?.iter().try_for_each(output::line)?;
                return Ok(Outcome::Done);
            }
            Ok(Some(FollowOutcome::Discrepancies(discrepancies))) => {
                for (index, reason) in &discrepancies {
                    print_finding(*index, reason, "")?;
                }
                follower.witness_lines()?.iter().try_for_each(output::line)?;
                print_verdict(discrepancies.len())?;
                return Ok(Outcome::No);
            }
            Err(error)
                if is_permanent(&error)
                    || away_since.get_or_insert_with(Instant::now).elapsed() > OUTAGE_TIMEOUT =>
            {
                return Err(error);
            }
            Err(error) => {
                eprintln!("no answer, trying again: {error:#}");
                if let Some(witnesses) = &mut follower.witnesses {
                    witnesses.pause();
                }
            }
        }
        thread::sleep(every);
    }
}

impl Follower<'_> {
    /// Fetches and checks the newest checkpoint, entries and result once. Returns `None` to go on.
    fn poll(&mut self) -> Result<Option<FollowOutcome>> {
        let cosigned = match self.fetch_cosigned() {
            Ok(cosigned) => cosigned,
            Err(error) if error.is::<CheckpointError>() => {
                return Ok(Some(not_a_checkpoint(&format!("{error:#}"))));
            }
            Err(error) => return Err(error),
        };
        let Some(note) = self.source.note()? else { return Ok(None) };
        let checkpoint = match Checkpoint::open(&note, self.key) {
            Ok(checkpoint) => checkpoint,
            Err(error) => return Ok(Some(not_a_checkpoint(&error))),
        };
        match self.compare(&checkpoint, cosigned.as_ref().map(|(_, cosigned)| cosigned))? {
            Comparison::Consistent => {}
            Comparison::Discrepancies(discrepancies) => {
                return Ok(Some(FollowOutcome::Discrepancies(discrepancies)));
            }
            Comparison::Inconclusive(discrepancies) => return Ok(self.count_inconclusive(discrepancies)),
        }
        if self.newest.as_ref().is_none_or(|newest| newest.size < checkpoint.size) {
            self.copy.keep_checkpoint(&note)?;
        }
        let overdue = match &mut self.witnesses {
            Some(witnesses) => witnesses.observe(&note, checkpoint.size, cosigned.as_ref()),
            None => Discrepancies::new(),
        };
        if self.reported_size < Some(checkpoint.size) {
            self.reported_size = Some(checkpoint.size);
            let Checkpoint { size, root, .. } = &checkpoint;
            let cosigned = self.witnesses.as_ref().map(Witnesses::cosigned_in_words).unwrap_or_default();
            output::line(format_args!("{size} entries, root {root}: consistent{cosigned}"))?;
        }
        self.known_roots.insert(checkpoint.size, checkpoint.root);
        self.newest = Some(checkpoint);
        if !overdue.is_empty() {
            return Ok(Some(FollowOutcome::Discrepancies(overdue)));
        }
        // If witnesses are required, following ends only when they have cosigned the last entry
        // too.
        let ended = self.compare_result()?;
        let is_cosigned = || self.witnesses.as_ref().is_none_or(Witnesses::is_settled);
        Ok(ended.filter(|ended| !matches!(ended, FollowOutcome::Certified) || is_cosigned()))
    }

    /// Fetches the newest cosigned checkpoint. `None` if there is none, or if no witnesses are
    /// required.
    ///
    /// It must be fetched before the newest checkpoint, which then covers it.
    fn fetch_cosigned(&self) -> Result<Option<CosignedNote>> {
        match &self.witnesses {
            Some(_) => self.source.cosigned(self.key),
            None => Ok(None),
        }
    }

    /// Compares the newest checkpoint and the newest cosigned one with all earlier ones, and with
    /// each other.
    fn compare(&mut self, checkpoint: &Checkpoint, cosigned: Option<&Checkpoint>) -> Result<Comparison> {
        let newest = self.newest.clone();
        if let Some(cosigned) = cosigned {
            if cosigned.size > checkpoint.size {
                let reason = format!("rolled back: a cosigned checkpoint is over {} entries", cosigned.size);
                return Ok(Comparison::Inconclusive(vec![(Some(checkpoint.size), reason)]));
            }
            let expected = self.expect_cosigned(cosigned);
            if !matches!(expected, Comparison::Consistent) {
                return Ok(expected);
            }
        }
        let seen = match newest {
            Some(newest) if checkpoint.size < newest.size => self.compare_older(checkpoint, &newest)?,
            Some(newest) if newest.size == checkpoint.size && newest.root != checkpoint.root => {
                Comparison::Discrepancies(two_roots(checkpoint))
            }
            _ => self.advance_to(checkpoint)?,
        };
        match (seen, cosigned) {
            (Comparison::Consistent, Some(cosigned)) => self.compare_cosigned(cosigned, checkpoint),
            (seen, _) => Ok(seen),
        }
    }

    /// Records the root of a cosigned checkpoint beyond the replayed entries. The replay compares
    /// it when it reaches that size.
    fn expect_cosigned(&mut self, cosigned: &Checkpoint) -> Comparison {
        if cosigned.size > self.replay.size()
            && *self.known_roots.entry(cosigned.size).or_insert(cosigned.root) != cosigned.root
        {
            return Comparison::Discrepancies(two_roots(cosigned));
        }
        Comparison::Consistent
    }

    /// Checks that a cosigned checkpoint is of the same history as the newest one, which is at
    /// least as large and already consistent.
    fn compare_cosigned(&mut self, cosigned: &Checkpoint, newest: &Checkpoint) -> Result<Comparison> {
        if self.witnesses.as_ref().is_some_and(|witnesses| witnesses.is_consistent(cosigned)) {
            return Ok(Comparison::Consistent);
        }
        if cosigned.size > self.replay.size() {
            let proved = prove_consistency(self.source, cosigned, newest)?;
            if !matches!(proved, Comparison::Consistent) {
                return Ok(proved);
            }
        } else {
            let root = match self.known_roots.get(&cosigned.size) {
                Some(root) => *root,
                None => self.root_at(cosigned.size)?,
            };
            if root != cosigned.root {
                return Ok(Comparison::Discrepancies(two_roots(cosigned)));
            }
        }
        self.known_roots.insert(cosigned.size, cosigned.root);
        if let Some(witnesses) = &mut self.witnesses {
            witnesses.note_consistent(cosigned);
        }
        Ok(Comparison::Consistent)
    }

    /// Counts an inconclusive poll. After too many in a row, its findings are discrepancies.
    fn count_inconclusive(&mut self, discrepancies: Discrepancies) -> Option<FollowOutcome> {
        self.inconclusive_polls += 1;
        (self.inconclusive_polls > MAX_INCONCLUSIVE_POLLS)
            .then_some(FollowOutcome::Discrepancies(discrepancies))
    }

    /// Compares an older checkpoint. It must be of the same history, and the server must not show
    /// it for long.
    fn compare_older(&mut self, checkpoint: &Checkpoint, newest: &Checkpoint) -> Result<Comparison> {
        let known = match self.known_roots.get(&checkpoint.size) {
            Some(root) => Some(*root),
            None if checkpoint.size <= self.copy.lines() => Some(self.root_at(checkpoint.size)?),
            None => None,
        };
        if known.is_some_and(|root| root != checkpoint.root) {
            return Ok(Comparison::Discrepancies(two_roots(checkpoint)));
        }
        let reason = format!("rolled back: a checkpoint over {} entries was seen earlier", newest.size);
        Ok(Comparison::Inconclusive(vec![(Some(checkpoint.size), reason)]))
    }

    /// Checks a checkpoint that is at least as large as all earlier ones: by its entries if they
    /// are public, and otherwise by a proof from the public tiles.
    fn advance_to(&mut self, checkpoint: &Checkpoint) -> Result<Comparison> {
        let was_covered = self.copy.lines() <= checkpoint.size;
        match self.copy.fetch(self.source, checkpoint.size) {
            Ok(()) => {
                let mut lines = Lines::from(&self.copy.log(), self.replayed)?;
                let discrepancies = self.replay_up_to(checkpoint, &mut lines)?;
                let has_more = discrepancies.is_empty() && !matches!(lines.next()?, Line::None);
                self.has_entries_beyond = has_more && (was_covered || self.has_entries_beyond);
                if self.has_entries_beyond {
                    let reason = "added: the checkpoint ends before this entry".to_owned();
                    return Ok(Comparison::Inconclusive(vec![(Some(checkpoint.size), reason)]));
                }
                Ok(if discrepancies.is_empty() {
                    Comparison::Consistent
                } else {
                    Comparison::Discrepancies(discrepancies)
                })
            }
            Err(error) if is_not_public(&error) => match self.newest.clone() {
                Some(newest) => prove_consistency(self.source, &newest, checkpoint),
                None => prove_root(self.source, checkpoint),
            },
            Err(error) => Err(error),
        }
    }

    /// Replays the copy up to a checkpoint. Compares the root at every size with an earlier
    /// checkpoint.
    fn replay_up_to(&mut self, checkpoint: &Checkpoint, lines: &mut Lines) -> Result<Discrepancies> {
        let size = checkpoint.size;
        while self.replay.size() < size {
            let index = self.replay.size();
            let missing = || format!("missing: the checkpoint is over {size} entries, the log has {index}");
            let discrepancies = match lines.next()? {
                Line::Complete(line) => self.replay_line(index, line, size),
                Line::Incomplete => {
                    vec![(Some(index), "the log ends in the middle of this entry".to_owned())]
                }
                Line::None => vec![(Some(index), missing())],
            };
            if !discrepancies.is_empty() {
                return Ok(discrepancies);
            }
        }
        let root = self.replay.root();
        if root != checkpoint.root {
            let reason =
                format!("the root of the {size} entries is {root}, the checkpoint's is {}", checkpoint.root);
            return Ok(vec![(None, reason)]);
        }
        Ok(Discrepancies::new())
    }

    fn replay_line(&mut self, index: u64, line: &[u8], size: u64) -> Discrepancies {
        let mut discrepancies = Discrepancies::new();
        if self.leaf(index, size).is_some_and(|hash| hash != leaf_hash(line).0) {
            discrepancies.push((Some(index), "not the entry whose hash the log's tiles hold".to_owned()));
        }
        if let Err(error) = self.replay.push(line) {
            discrepancies.push((Some(index), error.problem.to_string()));
        }
        self.replayed += line.len() as u64 + 1;
        let size = self.replay.size();
        if self.known_roots.get(&size).is_some_and(|root| *root != self.replay.root()) {
            let reason = format!("the checkpoint over {size} entries seen earlier has another root");
            discrepancies.push((Some(index), reason));
        }
        discrepancies
    }

    /// Returns the hash of an entry in the log's tiles, if they have it. A tile that is not
    /// available is fetched only once for a size.
    fn leaf(&mut self, index: u64, size: u64) -> Option<[u8; HASH_LENGTH]> {
        let number = index / u64::from(TILE_WIDTH);
        let start = usize::try_from(index % u64::from(TILE_WIDTH)).ok()? * HASH_LENGTH;
        let has_hash =
            |tile: &Tile| tile.number == number && (tile.size == size || tile.hashes.len() > start);
        if !self.tile.as_ref().is_some_and(has_hash) {
            let tiles = leaf_tiles(size, |path| self.source.tile(path).ok().flatten());
            self.tile = Some(Tile { number, size, hashes: tiles(number).unwrap_or_default() });
        }
        self.tile.as_ref()?.hashes.get(start..start + HASH_LENGTH)?.try_into().ok()
    }

    /// Returns the root of the copy's first `size` entries.
    fn root_at(&self, size: u64) -> Result<Hash> {
        let mut lines = Lines::from(&self.copy.log(), 0)?;
        let mut tree = Tree::without_tiles();
        while tree.size() < size {
            match lines.next()? {
                Line::Complete(line) => tree.append(leaf_hash(line)),
                _ => bail!("the copy ends too early"),
            };
        }
        Ok(tree.root())
    }

    /// Compares the published result with the log's result. It can be a moment behind its
    /// checkpoint, or ahead of it.
    fn compare_result(&mut self) -> Result<Option<FollowOutcome>> {
        let tally = self.replay.tally();
        let is_certified = tally.phase() == Phase::Certified;
        let own = self.replay.result().filter(|_| tally.closed().is_some()).map(|own| own.json);
        let published = match &own {
            Some(_) => self.source.result()?,
            None => None,
        };
        let (Some(own), Some(published)) = (own, published) else {
            self.inconclusive_polls = 0;
            return Ok(None);
        };
        if published == own {
            self.inconclusive_polls = 0;
            return Ok(is_certified.then_some(FollowOutcome::Certified));
        }
        let discrepancies =
            differences(&published, &own).into_iter().map(|difference| (None, difference)).collect();
        Ok(if status_and_size(&published).is_some() && status_and_size(&published) != status_and_size(&own) {
            self.count_inconclusive(discrepancies)
        } else {
            Some(FollowOutcome::Discrepancies(discrepancies))
        })
    }

    /// Returns the size and age of the newest checkpoint and of each cosigned one, one on each
    /// line.
    fn witness_lines(&self) -> Result<Vec<String>> {
        let Some(witnesses) = &self.witnesses else { return Ok(Vec::new()) };
        let newest = self.newest.as_ref().map(|newest| newest.size);
        // The copy's last line belongs to the newest checkpoint only if its entries are public.
        let log = (newest == Some(self.replay.size())).then(|| self.copy.log());
        witnesses.lines(log.as_deref())
    }
}

/// Returns the log's status and size that a result document names.
fn status_and_size(result: &[u8]) -> Option<(String, u64)> {
    let document: serde_json::Value = serde_json::from_slice(result).ok()?;
    let status = document.get("status")?.as_str()?.to_owned();
    Some((status, document.get("log")?.get("size")?.as_u64()?))
}

fn not_a_checkpoint(error: &impl Display) -> FollowOutcome {
    FollowOutcome::Discrepancies(vec![(None, format!("the checkpoint: {error}"))])
}

fn is_not_public(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Problem { status: 403, .. }))
}

/// Whether waiting cannot help: the key is refused, the contest does not exist, or the copy cannot
/// be written.
fn is_permanent(error: &anyhow::Error) -> bool {
    let refused =
        |problem: &Problem| (400..500).contains(&problem.status) && !matches!(problem.status, 408 | 429);
    error.is::<CopyWriteError>() || error.downcast_ref().is_some_and(refused)
}
