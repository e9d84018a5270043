//! A block: lines of the log, decoded and hashed on all cores.
//!
//! This is all of the work on a line that does not depend on the lines before it.

use std::{num::NonZeroUsize, thread};

use acclaim_ballot_log::{
    BallotEntry, LogEntry,
    hash::{HASH_LENGTH, Hash, leaf_hash},
    tile::{TILE_HEIGHT, TILE_WIDTH, perfect_root},
};
use acclaim_contest::ContestId;

use crate::PreparedLine;

const WIDTH: u64 = TILE_WIDTH as u64;

/// Looks up a level-0 tile by its number. `None` if the tile is not available.
pub type Tiles<'a> = dyn Fn(u64) -> Option<Vec<u8>> + Sync + 'a;

/// A line that is not a valid entry.
pub(super) struct InvalidLine {
    pub(super) leaf: Hash,
    pub(super) reason: String,
}

/// A decoded line of the log.
pub(super) type Line<'a> = Result<PreparedLine<'a>, InvalidLine>;

/// The leaf hash of a line. An invalid line has one too.
pub(super) fn leaf<'l>(line: &'l Line<'_>) -> &'l Hash {
    match line {
        Ok(prepared) => prepared.leaf(),
        Err(invalid) => &invalid.leaf,
    }
}

/// Lines that belong to one tile.
pub(super) struct Group<'a> {
    /// Log index of the first line.
    pub(super) first: u64,
    pub(super) lines: Vec<Line<'a>>,
    /// The root of the tile's subtree, if the group has all lines of the tile.
    pub(super) root: Option<Hash>,
    /// Log index of the first entry whose hash is not the one in the tile.
    pub(super) differs: Option<u64>,
}

/// See the [module](self).
pub(super) struct Block<'a> {
    pub(super) groups: Vec<Group<'a>>,
}

impl<'a> Block<'a> {
    /// Prepares lines. The first line has the log index `first`.
    pub(super) fn prepare(
        lines: &[&'a [u8]],
        first: u64,
        contest: Option<&'a ContestId>,
        tile: &Tiles<'_>,
        threads: NonZeroUsize,
    ) -> Self {
        let mut parts = Vec::new();
        let (mut rest, mut index) = (lines, first);
        while !rest.is_empty() {
            let space_in_tile = usize::try_from(WIDTH - index % WIDTH).unwrap_or(usize::MAX);
            let (part, lines_after) = rest.split_at(space_in_tile.min(rest.len()));
            parts.push((index, part));
            (rest, index) = (lines_after, index + part.len() as u64);
        }
        let thread_parts: Vec<_> = parts.chunks(parts.len().div_ceil(threads.get()).max(1)).collect();
        let prepare = |thread_part: &[(u64, &[&'a [u8]])]| {
            thread_part
                .iter()
                .map(|(first, lines)| Group::prepare(*first, lines, contest, tile))
                .collect::<Vec<_>>()
        };
        Self { groups: in_parallel(thread_parts, prepare).into_iter().flatten().collect() }
    }

    /// The lines with their log indexes.
    pub(super) fn lines(&self) -> impl Iterator<Item = (u64, &Line<'a>)> {
        self.groups.iter().flat_map(|group| (group.first..).zip(&group.lines))
    }

    /// The ballots with their log indexes.
    pub(super) fn ballots(&self) -> impl Iterator<Item = (u64, &BallotEntry<'a>)> {
        self.lines().filter_map(|(index, line)| match line.as_ref().ok()?.entry() {
            LogEntry::Ballot(ballot) => Some((index, ballot)),
            LogEntry::Event(..) => None,
        })
    }

    /// The log indexes of invalid lines, and what is wrong with each line.
    pub(super) fn refusals(&self) -> Vec<(u64, String)> {
        let refusals =
            self.lines().filter_map(|(index, line)| Some((index, line.as_ref().err()?.reason.clone())));
        refusals.collect()
    }
}

impl<'a> Group<'a> {
    fn prepare(first: u64, lines: &[&'a [u8]], contest: Option<&'a ContestId>, tile: &Tiles<'_>) -> Self {
        let prepare = |line: &&'a [u8]| {
            PreparedLine::new(line, contest)
                .map_err(|error| InvalidLine { leaf: leaf_hash(line), reason: error.to_string() })
        };
        let lines: Vec<Line<'a>> = lines.iter().map(prepare).collect();
        let root = (lines.len() == usize::from(TILE_WIDTH)).then(|| {
            let leaves: Vec<[u8; HASH_LENGTH]> = lines.iter().map(|line| leaf(line).0).collect();
            perfect_root(&leaves)
        });
        let differs = tile(first / WIDTH).and_then(|hashes| {
            let skip = usize::try_from(first % WIDTH).unwrap_or_default() * HASH_LENGTH;
            let (hashes, _) = hashes.get(skip..)?.as_chunks::<HASH_LENGTH>();
            let differs = |(line, hash): (&Line<'_>, &[u8; HASH_LENGTH])| leaf(line).0 != *hash;
            let position = lines.iter().zip(hashes).position(differs)?;
            Some(first + position as u64)
        });
        Self { first, lines, root: root.flatten(), differs }
    }
}

/// The height of the subtree of a complete group.
pub(super) const HEIGHT: u32 = TILE_HEIGHT as u32;

/// Calls `work` for each item on a thread of its own. The last item runs on this thread.
pub(super) fn in_parallel<T: Send, R: Send>(mut items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let Some(last) = items.pop() else { return Vec::new() };
    let work = &work;
    thread::scope(|scope| {
        let others: Vec<_> = items.into_iter().map(|item| scope.spawn(move || work(item))).collect();
        let last = work(last);
        let mut results: Vec<R> = others
            .into_iter()
            .map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect();
        results.push(last);
        results
    })
}
