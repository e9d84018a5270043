//! Some lines of the log, decoded and hashed on all cores: everything about them that does not depend on the lines before.

use std::num::NonZeroUsize;
use std::thread;

use acclaim_ballot_log::hash::{HASH_LENGTH, Hash, leaf_hash};
use acclaim_ballot_log::tile::{TILE_HEIGHT, TILE_WIDTH, perfect_root};
use acclaim_ballot_log::{BallotEntry, LogEntry};
use acclaim_contest::ContestId;

use super::Tiles;
use crate::PreparedLine;

const WIDTH: u64 = TILE_WIDTH as u64;

/// A line that is no entry.
pub(super) struct InvalidLine {
    pub(super) leaf: Hash,
    pub(super) reason: String,
}

/// A line.
pub(super) type Line<'a> = Result<PreparedLine<'a>, InvalidLine>;

pub(super) fn leaf<'l>(line: &'l Line<'_>) -> &'l Hash {
    match line {
        Ok(prepared) => prepared.leaf(),
        Err(no_entry) => &no_entry.leaf,
    }
}

/// Lines that belong to one tile.
pub(super) struct Group<'a> {
    /// Index of the first.
    pub(super) first: u64,
    pub(super) lines: Vec<Line<'a>>,
    /// The root of the tile's subtree, if these are all its lines.
    pub(super) root: Option<Hash>,
    /// The first entry whose hash is not the one in the tile.
    pub(super) differs: Option<u64>,
}

/// See the [module](self).
pub(super) struct Block<'a> {
    pub(super) groups: Vec<Group<'a>>,
}

impl<'a> Block<'a> {
    /// Prepares lines, the first of which has the index `first`.
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
            let room = usize::try_from(WIDTH - index % WIDTH).unwrap_or(usize::MAX);
            let (part, later) = rest.split_at(room.min(rest.len()));
            parts.push((index, part));
            (rest, index) = (later, index + part.len() as u64);
        }
        let shares: Vec<_> = parts.chunks(parts.len().div_ceil(threads.get()).max(1)).collect();
        let prepare = |share: &[(u64, &[&'a [u8]])]| {
            share
                .iter()
                .map(|(first, lines)| Group::prepare(*first, lines, contest, tile))
                .collect::<Vec<_>>()
        };
        Self { groups: in_parallel(shares, prepare).into_iter().flatten().collect() }
    }

    /// Its lines with their indexes.
    pub(super) fn lines(&self) -> impl Iterator<Item = (u64, &Line<'a>)> {
        self.groups.iter().flat_map(|group| (group.first..).zip(&group.lines))
    }

    /// Its ballots with their indexes.
    pub(super) fn ballots(&self) -> impl Iterator<Item = (u64, &BallotEntry<'a>)> {
        self.lines().filter_map(|(index, line)| match line.as_ref().ok()?.entry() {
            LogEntry::Ballot(ballot) => Some((index, ballot)),
            LogEntry::Event(..) => None,
        })
    }

    /// What is wrong with lines by themselves.
    pub(super) fn refusals(&self) -> Vec<(u64, String)> {
        let no_entries =
            self.lines().filter_map(|(index, line)| Some((index, line.as_ref().err()?.reason.clone())));
        no_entries.collect()
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

/// The height of a whole group's subtree.
pub(super) const HEIGHT: u32 = TILE_HEIGHT as u32;

/// Does work for each item, on a thread each; the last one on this thread.
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
