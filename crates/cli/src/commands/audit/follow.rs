//! Following a server: every new checkpoint is checked against all before it, and every entry as soon as it may be read.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use acclaim_ballot_log::{Checkpoint, Hash, TileId, Tree, VerifierKey, leaf_hash, proof};
use acclaim_contest::ContestId;
use acclaim_tally::{Phase, Replay};
use anyhow::{Context as _, Result, bail};

use super::{
    Beside,
    copy::{LogCopy, newest},
};
use crate::{
    client::{Client, problem::Problem},
    commands::log::{MOST_LINE, published_result},
    outcome::Outcome,
    output,
};

/// How long an older checkpoint may still be shown, by a cache or a replica that lags, before it counts as rolled back.
const OLDER_FOR: Duration = Duration::from_secs(30);
/// How long a server may be away.
const AWAY_FOR: Duration = Duration::from_secs(600);

/// What a look at the server came to.
enum Look {
    /// Nothing is wrong.
    Well,
    /// The server shows another history, or what no log may have.
    Wrong(String),
    /// The result is certified and was compared.
    Ended,
}

struct Follower<'a> {
    client: &'a Client,
    contest: &'a ContestId,
    key: &'a VerifierKey,
    copy: LogCopy,
    replay: Replay,
    /// All checkpoints seen, by size.
    seen: BTreeMap<u64, Hash>,
    /// Since when the server has shown nothing newer than something older.
    older_since: Option<Instant>,
    /// The newest checkpoint.
    newest: Option<Checkpoint>,
}

/// Follows until the result is certified, or something is wrong.
pub(super) fn run(
    client: &Client,
    contest: &ContestId,
    key: &VerifierKey,
    folder: &Path,
    beside: &Beside,
    every: Duration,
) -> Result<Outcome> {
    let copy = LogCopy::open(folder)?;
    let before = copy.checkpoint(key)?;
    let seen: BTreeMap<u64, Hash> =
        beside.earlier.iter().chain(&before).map(|checkpoint| (checkpoint.size, checkpoint.root)).collect();
    let replay = Replay::without_tiles(key.name());
    let mut follower =
        Follower { client, contest, key, copy, replay, seen, older_since: None, newest: before };
    let mut away_since = None;
    loop {
        match follower.look() {
            Ok(Look::Well) => away_since = None,
            Ok(Look::Ended) => return Ok(Outcome::Done),
            Ok(Look::Wrong(reason)) => {
                output::line(format_args!("discrepancy: {reason}"))?;
                return Ok(Outcome::No);
            }
            Err(error) => {
                let since = *away_since.get_or_insert_with(Instant::now);
                if since.elapsed() > AWAY_FOR {
                    return Err(error);
                }
                eprintln!("the server does not answer: {error:#}");
            }
        }
        thread::sleep(every);
    }
}

impl Follower<'_> {
    fn look(&mut self) -> Result<Look> {
        let path = format!("/v1/contests/{}/log/checkpoint", self.contest);
        let Some(answer) = self.client.get_if_there(&path)? else { return Ok(Look::Well) };
        let checkpoint = match Checkpoint::open(&answer.bytes, self.key) {
            Ok(checkpoint) => checkpoint,
            Err(error) => return Ok(Look::Wrong(format!("the server's checkpoint: {error}"))),
        };
        let wrong = match self.newest.clone() {
            Some(known) if checkpoint.size < known.size => self.compare_older(&checkpoint, &known)?,
            Some(known) if checkpoint.size == known.size => {
                (checkpoint.root != known.root).then(|| two_roots(&checkpoint))
            }
            _ => self.take(&checkpoint)?,
        };
        if let Some(reason) = wrong {
            return Ok(Look::Wrong(reason));
        }
        if self.newest.as_ref().is_none_or(|known| checkpoint.size > known.size) {
            self.copy.keep_checkpoint(&answer.bytes)?;
            output::line(format_args!("{} entries, root {}: consistent", checkpoint.size, checkpoint.root))?;
            self.seen.insert(checkpoint.size, checkpoint.root);
            self.newest = Some(checkpoint);
            self.older_since = None;
        }
        self.compare_result()
    }

    /// An older checkpoint must be of the same history, and not be shown for long.
    fn compare_older(&mut self, checkpoint: &Checkpoint, known: &Checkpoint) -> Result<Option<String>> {
        let root = match self.seen.get(&checkpoint.size) {
            Some(root) => *root,
            None if checkpoint.size <= self.copy.lines() => self.root_at(checkpoint.size)?,
            None => return self.prove(checkpoint, known),
        };
        if root != checkpoint.root {
            return Ok(Some(two_roots(checkpoint)));
        }
        let since = *self.older_since.get_or_insert_with(Instant::now);
        let reason = format!("rolled back: {} entries are shown, {} were", checkpoint.size, known.size);
        Ok((since.elapsed() > OLDER_FOR).then_some(reason))
    }

    /// Takes in a checkpoint that is newer than all: by its entries if they may be read, or else by a proof from the public tiles.
    fn take(&mut self, checkpoint: &Checkpoint) -> Result<Option<String>> {
        match self.copy.fetch(self.client, self.contest, checkpoint.size) {
            Ok(()) => self.replay_up_to(checkpoint),
            Err(error) if is_not_public(&error) => match self.newest.clone() {
                Some(known) => self.prove(&known, checkpoint),
                None => self.prove_root(checkpoint),
            },
            Err(error) => Err(error),
        }
    }

    /// Replays the copy up to a checkpoint, past every one seen.
    fn replay_up_to(&mut self, checkpoint: &Checkpoint) -> Result<Option<String>> {
        let mut lines = Lines::from(&self.copy.log(), self.replay.size())?;
        while self.replay.size() < checkpoint.size {
            let line = lines.next()?;
            if let Err(error) = self.replay.push(line) {
                return Ok(Some(error.to_string()));
            }
            let size = self.replay.size();
            if self.seen.get(&size).is_some_and(|root| *root != self.replay.root()) {
                return Ok(Some(format!("the checkpoint over {size} entries seen earlier has another root")));
            }
        }
        let root = self.replay.root();
        let reason = || {
            format!(
                "the {} entries have the root {root}, the checkpoint {}",
                checkpoint.size, checkpoint.root
            )
        };
        Ok((root != checkpoint.root).then(reason))
    }

    /// Demands a proof that the log of the older checkpoint begins that of the newer.
    fn prove(&self, older: &Checkpoint, newer: &Checkpoint) -> Result<Option<String>> {
        let tiles = self.tiles(newer.size, &proof::tiles_for_consistency(older.size, newer.size))?;
        let tile = |id: TileId| tiles.get(&id);
        let proved = proof::consistency(older.size, newer.size, &tile)
            .map_err(|error| error.to_string())
            .and_then(|path| {
                proof::verify_consistency(older.size, older.root, newer.size, newer.root, &path)
                    .map_err(|error| error.to_string())
            });
        let reason = |error| {
            format!(
                "no proof that the log of {} entries begins with those {}: {error}",
                newer.size, older.size
            )
        };
        Ok(proved.err().map(reason))
    }

    /// Demands that the tiles lead to the root.
    fn prove_root(&self, checkpoint: &Checkpoint) -> Result<Option<String>> {
        let tiles = self.tiles(checkpoint.size, &proof::tiles_for_root(checkpoint.size))?;
        match proof::root_at(checkpoint.size, &|id| tiles.get(&id)) {
            Ok(root) if root == checkpoint.root => Ok(None),
            Ok(root) => {
                Ok(Some(format!("the tiles lead to {root}, the checkpoint says {}", checkpoint.root)))
            }
            Err(error) => Ok(Some(error.to_string())),
        }
    }

    fn tiles(&self, size: u64, wanted: &[TileId]) -> Result<BTreeMap<TileId, Vec<u8>>> {
        let mut tiles = BTreeMap::new();
        for id in wanted {
            let path = id.path(id.width_at(size));
            let path = format!("/v1/contests/{}/log/{path}", self.contest);
            if let Some(answer) = self.client.get_if_there(&path)? {
                tiles.insert(*id, answer.bytes);
            }
        }
        Ok(tiles)
    }

    /// The root of the copy's first so many entries.
    fn root_at(&self, size: u64) -> Result<Hash> {
        let mut lines = Lines::from(&self.copy.log(), 0)?;
        let mut tree = Tree::without_tiles();
        while tree.size() < size {
            tree.append(leaf_hash(lines.next()?));
        }
        Ok(tree.root())
    }

    /// Once the log is certified, the server's result must be the log's.
    fn compare_result(&self) -> Result<Look> {
        if self.replay.tally().phase() != Phase::Certified {
            return Ok(Look::Well);
        }
        let Some(shown) = published_result(self.client, self.contest)? else { return Ok(Look::Well) };
        let own = self.replay.result().context("a certified log has a result")?;
        let (_, newest) = newest(self.client, self.contest, self.key)?;
        if shown != own.json && newest.size == self.replay.size() {
            return Ok(Look::Wrong("the published result is not that of the log".to_owned()));
        }
        if shown != own.json {
            return Ok(Look::Well);
        }
        output::line("audit: clean, and certified")?;
        Ok(Look::Ended)
    }
}

fn two_roots(checkpoint: &Checkpoint) -> String {
    format!("another history: a second root over {} entries", checkpoint.size)
}

fn is_not_public(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Problem { status: 401 | 403, .. }))
}

/// Lines of the copy, from an index on.
struct Lines {
    reader: BufReader<File>,
    line: Vec<u8>,
}

impl Lines {
    fn from(path: &Path, index: u64) -> Result<Self> {
        let named = || format!("the copy {}", path.display());
        let mut file = File::open(path).with_context(named)?;
        file.seek(SeekFrom::Start(0)).with_context(named)?;
        let mut lines = Self { reader: BufReader::with_capacity(1 << 20, file), line: Vec::new() };
        for _ in 0..index {
            lines.next()?;
        }
        Ok(lines)
    }

    fn next(&mut self) -> Result<&[u8]> {
        self.line.clear();
        (&mut self.reader).take(MOST_LINE).read_until(b'\n', &mut self.line).context("the copy")?;
        match self.line.split_last() {
            Some((b'\n', line)) => Ok(line),
            _ => bail!("the copy ends too early"),
        }
    }
}
