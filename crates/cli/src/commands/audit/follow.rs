//! Following a server: every new checkpoint is checked against all before it, and every entry as soon as it may be read.

mod witnesses;

use std::{
    collections::BTreeMap,
    fmt::Display,
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use acclaim_ballot_log::{
    Checkpoint, CheckpointError, Hash, TileId, Tree, VerifierKey, hash::HASH_LENGTH, leaf_hash, proof,
    tile::TILE_WIDTH,
};
use acclaim_contest::Phase;
use acclaim_tally::{Replay, audit::compare::differences};
use anyhow::{Context as _, Result, bail};
use witnesses::Witnesses;

use super::{
    audit_inputs::AuditInputs,
    copy::{CopyWriteError, LogCopy},
    folder::leaf_tiles,
    print_finding, print_verdict,
    source::Source,
};
use crate::{client::problem::Problem, folder::MAX_LINE_LENGTH, outcome::Outcome, output};

/// So many looks in a row may show what does not fit together, by a cache or a replica that lags: an older checkpoint, one whose tiles are not there
/// yet, a result of before, entries beyond the checkpoint.
const MAX_INCONCLUSIVE_POLLS: u32 = 10;
/// How long a server may be away.
const OUTAGE_TIMEOUT: Duration = Duration::from_secs(600);

/// What is wrong, and with which entry; nothing if it is empty.
type Discrepancies = Vec<(Option<u64>, String)>;

/// What one look came to.
enum Comparison {
    /// It fits all that was seen before.
    Consistent,
    /// It does not, and may in a moment.
    Inconclusive(Discrepancies),
    /// It never will.
    Discrepancies(Discrepancies),
}

/// Why following ended.
enum FollowOutcome {
    /// The server shows another history, or what no log may have.
    Discrepancies(Discrepancies),
    /// The result is certified, and is the log's.
    Certified,
}

struct Follower<'a> {
    source: &'a Source,
    key: &'a VerifierKey,
    copy: LogCopy,
    replay: Replay,
    /// Bytes of the copy that are replayed.
    replayed: u64,
    /// All checkpoints seen, by size.
    known_roots: BTreeMap<u64, Hash>,
    /// The newest of them.
    newest: Option<Checkpoint>,
    /// Size of the newest that was told of.
    reported_size: Option<u64>,
    /// Whether the server gave more entries than its checkpoint covers.
    beyond: bool,
    /// Looks in a row that showed what does not fit together.
    inconclusive_polls: u32,
    tile: Option<Tile>,
    /// The witnesses that are demanded; `None` without any.
    witnesses: Option<Witnesses>,
}

/// A tile of leaf hashes, as it was for a log of some size; empty if it was not to be had.
struct Tile {
    number: u64,
    size: u64,
    hashes: Vec<u8>,
}

/// Follows until the result is certified, or something is wrong, which is printed with the verdict. A certified log that is clean is left to the caller,
/// who audits the logs before it.
pub(super) fn run(
    source: &Source,
    key: &VerifierKey,
    folder: &Path,
    beside: &AuditInputs,
    every: Duration,
) -> Result<Outcome> {
    let copy = LogCopy::open(folder)?;
    let known: Vec<Checkpoint> = beside.earlier.iter().cloned().chain(copy.checkpoint(key)?).collect();
    let mut follower = Follower {
        source,
        key,
        copy,
        replay: Replay::without_tiles(key.name()),
        replayed: 0,
        known_roots: known.iter().map(|checkpoint| (checkpoint.size, checkpoint.root)).collect(),
        newest: known.into_iter().max_by_key(|checkpoint| checkpoint.size),
        reported_size: None,
        beyond: false,
        inconclusive_polls: 0,
        tile: None,
        witnesses: Witnesses::new(beside),
    };
    // What is no checkpoint of this key from the beginning is nothing to be followed.
    if let Some(note) = source.note()? {
        Checkpoint::open(&note, key).context("the server's checkpoint is not one of this verifier key")?;
    }
    let mut away_since = None;
    loop {
        match follower.poll() {
            Ok(None) => away_since = None,
            Ok(Some(FollowOutcome::Certified)) => {
                follower.witness_lines()?.iter().try_for_each(output::line)?;
                return Ok(Outcome::Done);
            }
            Ok(Some(FollowOutcome::Discrepancies(wrong))) => {
                for (index, reason) in &wrong {
                    print_finding(*index, reason, "")?;
                }
                follower.witness_lines()?.iter().try_for_each(output::line)?;
                print_verdict(wrong.len())?;
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
            Comparison::Discrepancies(wrong) => return Ok(Some(FollowOutcome::Discrepancies(wrong))),
            Comparison::Inconclusive(wrong) => return Ok(self.count_inconclusive(wrong)),
        }
        if self.newest.as_ref().is_none_or(|newest| newest.size < checkpoint.size) {
            self.copy.keep_checkpoint(&note)?;
        }
        let overdue = self.watch_witnesses(&note, checkpoint.size, cosigned.as_ref());
        if self.reported_size < Some(checkpoint.size) {
            self.reported_size = Some(checkpoint.size);
            let Checkpoint { size, root, .. } = &checkpoint;
            output::line(format_args!(
                "{size} entries, root {root}: consistent{}",
                self.cosigned_in_words()
            ))?;
        }
        self.known_roots.insert(checkpoint.size, checkpoint.root);
        self.newest = Some(checkpoint);
        if !overdue.is_empty() {
            return Ok(Some(FollowOutcome::Discrepancies(overdue)));
        }
        // What is certified last is to be cosigned as well.
        let ended = self.compare_result()?;
        Ok(ended.filter(|ended| !matches!(ended, FollowOutcome::Certified) || self.is_cosigned()))
    }

    /// Compares the newest checkpoint, and the newest cosigned one, with all that was seen and with each other.
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

    /// What does not fit together is wrong if it stays so.
    fn count_inconclusive(&mut self, wrong: Discrepancies) -> Option<FollowOutcome> {
        self.inconclusive_polls += 1;
        (self.inconclusive_polls > MAX_INCONCLUSIVE_POLLS).then_some(FollowOutcome::Discrepancies(wrong))
    }

    /// An older checkpoint must be of the same history, and not be shown for long.
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

    /// Takes in a checkpoint that is not older than any: by its entries if they may be read, or else by a proof from the public tiles.
    fn advance_to(&mut self, checkpoint: &Checkpoint) -> Result<Comparison> {
        let asked = self.copy.lines() <= checkpoint.size;
        match self.copy.fetch(self.source, checkpoint.size) {
            Ok(()) => {
                let mut lines = Lines::from(&self.copy.log(), self.replayed)?;
                let wrong = self.replay_up_to(checkpoint, &mut lines)?;
                let goes_on = wrong.is_empty() && !matches!(lines.next()?, Line::None);
                self.beyond = goes_on && (asked || self.beyond);
                if self.beyond {
                    let reason = "added: the checkpoint ends before this entry".to_owned();
                    return Ok(Comparison::Inconclusive(vec![(Some(checkpoint.size), reason)]));
                }
                Ok(if wrong.is_empty() { Comparison::Consistent } else { Comparison::Discrepancies(wrong) })
            }
            Err(error) if is_not_public(&error) => match self.newest.clone() {
                Some(newest) => self.prove(&newest, checkpoint),
                None => self.prove_root(checkpoint),
            },
            Err(error) => Err(error),
        }
    }

    /// Replays the copy up to a checkpoint, past every one seen.
    fn replay_up_to(&mut self, checkpoint: &Checkpoint, lines: &mut Lines) -> Result<Discrepancies> {
        let size = checkpoint.size;
        while self.replay.size() < size {
            let index = self.replay.size();
            let missing = || format!("missing: the checkpoint is over {size} entries, the log has {index}");
            let wrong = match lines.next()? {
                Line::Whole(line) => self.replay_line(index, line, size),
                Line::Torn => vec![(Some(index), "the log ends in the middle of this entry".to_owned())],
                Line::None => vec![(Some(index), missing())],
            };
            if !wrong.is_empty() {
                return Ok(wrong);
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
        let mut wrong = Discrepancies::new();
        if self.leaf(index, size).is_some_and(|hash| hash != leaf_hash(line).0) {
            wrong.push((Some(index), "not the entry whose hash the log's tiles hold".to_owned()));
        }
        if let Err(error) = self.replay.push(line) {
            wrong.push((Some(index), error.problem.to_string()));
        }
        self.replayed += line.len() as u64 + 1;
        let size = self.replay.size();
        if self.known_roots.get(&size).is_some_and(|root| *root != self.replay.root()) {
            let reason = format!("the checkpoint over {size} entries seen earlier has another root");
            wrong.push((Some(index), reason));
        }
        wrong
    }

    /// The hash of an entry as the log's tiles have it, if they do. What is not to be had is not asked for again.
    fn leaf(&mut self, index: u64, size: u64) -> Option<[u8; HASH_LENGTH]> {
        let number = index / u64::from(TILE_WIDTH);
        let start = usize::try_from(index % u64::from(TILE_WIDTH)).ok()? * HASH_LENGTH;
        let held = |tile: &Tile| tile.number == number && (tile.size == size || tile.hashes.len() > start);
        if !self.tile.as_ref().is_some_and(held) {
            let tiles = leaf_tiles(size, |path| self.source.tile(path).ok().flatten());
            self.tile = Some(Tile { number, size, hashes: tiles(number).unwrap_or_default() });
        }
        self.tile.as_ref()?.hashes.get(start..start + HASH_LENGTH)?.try_into().ok()
    }

    /// Demands a proof that the log of the older checkpoint begins that of the newer.
    fn prove(&self, older: &Checkpoint, newer: &Checkpoint) -> Result<Comparison> {
        let unproved = |error: &dyn Display| {
            let sizes = format!("the {} entries begin with those {}", newer.size, older.size);
            vec![(None, format!("no proof that {sizes}: {error}"))]
        };
        let tiles = self.tiles(newer.size, &proof::tiles_for_consistency(older.size, newer.size))?;
        let path = match proof::consistency(older.size, newer.size, &|id: TileId| tiles.get(&id)) {
            Ok(path) => path,
            // Not there, or not yet.
            Err(error) => return Ok(Comparison::Inconclusive(unproved(&error))),
        };
        Ok(match proof::verify_consistency(older.size, older.root, newer.size, newer.root, &path) {
            Ok(()) => Comparison::Consistent,
            Err(error) => Comparison::Discrepancies(unproved(&error)),
        })
    }

    /// Demands that the tiles lead to the root.
    fn prove_root(&self, checkpoint: &Checkpoint) -> Result<Comparison> {
        let tiles = self.tiles(checkpoint.size, &proof::tiles_for_root(checkpoint.size))?;
        Ok(match proof::root_at(checkpoint.size, &|id| tiles.get(&id)) {
            Ok(root) if root == checkpoint.root => Comparison::Consistent,
            Ok(root) => {
                let reason = format!("the tiles lead to {root}, the checkpoint says {}", checkpoint.root);
                Comparison::Discrepancies(vec![(None, reason)])
            }
            Err(error) => Comparison::Inconclusive(vec![(None, error.to_string())]),
        })
    }

    fn tiles(&self, size: u64, wanted: &[TileId]) -> Result<BTreeMap<TileId, Vec<u8>>> {
        let mut tiles = BTreeMap::new();
        for id in wanted {
            if let Some(hashes) = self.source.tile(id.path(id.width_at(size)))? {
                tiles.insert(*id, hashes);
            }
        }
        Ok(tiles)
    }

    /// The root of the copy's first so many entries.
    fn root_at(&self, size: u64) -> Result<Hash> {
        let mut lines = Lines::from(&self.copy.log(), 0)?;
        let mut tree = Tree::without_tiles();
        while tree.size() < size {
            match lines.next()? {
                Line::Whole(line) => tree.append(leaf_hash(line)),
                _ => bail!("the copy ends too early"),
            };
        }
        Ok(tree.root())
    }

    /// A result that is shown must be the log's. It may follow its checkpoint by a moment, or be ahead of it.
    fn compare_result(&mut self) -> Result<Option<FollowOutcome>> {
        let tally = self.replay.tally();
        let is_certified = tally.phase() == Phase::Certified;
        let own = self.replay.result().filter(|_| tally.closed().is_some()).map(|own| own.json);
        let shown = match &own {
            Some(_) => self.source.result()?,
            None => None,
        };
        let (Some(own), Some(shown)) = (own, shown) else {
            self.inconclusive_polls = 0;
            return Ok(None);
        };
        if shown == own {
            self.inconclusive_polls = 0;
            return Ok(is_certified.then_some(FollowOutcome::Certified));
        }
        let wrong = differences(&shown, &own).into_iter().map(|difference| (None, difference)).collect();
        Ok(if status_and_size(&shown).is_some() && status_and_size(&shown) != status_and_size(&own) {
            self.count_inconclusive(wrong)
        } else {
            Some(FollowOutcome::Discrepancies(wrong))
        })
    }
}

/// Which log a result document says that it is of: status and size.
fn status_and_size(result: &[u8]) -> Option<(String, u64)> {
    let document: serde_json::Value = serde_json::from_slice(result).ok()?;
    let status = document.get("status")?.as_str()?.to_owned();
    Some((status, document.get("log")?.get("size")?.as_u64()?))
}

fn not_a_checkpoint(error: &impl Display) -> FollowOutcome {
    FollowOutcome::Discrepancies(vec![(None, format!("the checkpoint: {error}"))])
}

fn two_roots(checkpoint: &Checkpoint) -> Discrepancies {
    vec![(None, format!("another history: a second root over {} entries", checkpoint.size))]
}

fn is_not_public(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Problem { status: 403, .. }))
}

/// Whether waiting is of no use: a key that is refused, a contest that does not exist, a disk that is full.
fn is_permanent(error: &anyhow::Error) -> bool {
    let refused =
        |problem: &Problem| (400..500).contains(&problem.status) && !matches!(problem.status, 408 | 429);
    error.is::<CopyWriteError>() || error.downcast_ref().is_some_and(refused)
}

/// Lines of the copy, from a byte on.
struct Lines {
    reader: BufReader<File>,
    line: Vec<u8>,
}

impl Lines {
    fn from(path: &Path, byte: u64) -> Result<Self> {
        let named = || format!("the copy {}", path.display());
        let mut file = File::open(path).with_context(named)?;
        file.seek(SeekFrom::Start(byte)).with_context(named)?;
        Ok(Self { reader: BufReader::with_capacity(1 << 20, file), line: Vec::new() })
    }

    fn next(&mut self) -> Result<Line<'_>> {
        self.line.clear();
        let read =
            (&mut self.reader).take(MAX_LINE_LENGTH).read_until(b'\n', &mut self.line).context("the copy")?;
        Ok(match self.line.split_last() {
            None => Line::None,
            Some((b'\n', line)) => Line::Whole(line),
            // Longer than any entry.
            Some(_) if read as u64 == MAX_LINE_LENGTH => Line::Whole(&self.line),
            Some(_) => Line::Torn,
        })
    }
}

/// What comes next in the copy.
enum Line<'a> {
    Whole(&'a [u8]),
    /// It has no end.
    Torn,
    None,
}
