//! A list and a table that grow chunk by chunk.
//!
//! A list that doubles moves all of its items at once. With millions of ballots that takes tens of
//! milliseconds, and voters wait meanwhile.

use std::iter;

use hashbrown::HashTable;

/// Number of items of a chunk, as a power of two.
const CHUNK_BITS: u32 = 14;
/// Maximum number of items of a chunk.
pub(crate) const CHUNK_LENGTH: usize = 1 << CHUNK_BITS;
/// Number of parts of a table, as a power of two.
///
/// The parts are filled evenly, and each part grows at a different time.
const PART_BITS: u32 = 8;

/// A list whose items keep their positions.
#[derive(Debug, Clone)]
pub(crate) struct ChunkedList<T> {
    /// All chunks but the last hold [`CHUNK_LENGTH`] items. A chunk holds fewer if the next slice
    /// did not fit.
    chunks: Vec<Vec<T>>,
}

impl<T> Default for ChunkedList<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T> ChunkedList<T> {
    /// The position after the last item.
    pub(crate) fn end(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK_LENGTH + last.len())
    }

    /// Adds an item.
    pub(crate) fn push(&mut self, item: T) {
        self.chunk_for(1).push(item);
    }

    /// The item at a position.
    pub(crate) fn get(&self, position: u32) -> Option<&T> {
        let (chunk, offset) = split_position(position);
        self.chunks.get(chunk)?.get(offset)
    }

    /// The item at a position, mutable.
    pub(crate) fn get_mut(&mut self, position: u32) -> Option<&mut T> {
        let (chunk, offset) = split_position(position);
        self.chunks.get_mut(chunk)?.get_mut(offset)
    }

    /// The chunk for the next items: the last one, or a new one if they do not fit there together.
    fn chunk_for(&mut self, items: usize) -> &mut Vec<T> {
        if self.chunks.last().is_none_or(|last| last.len() + items > CHUNK_LENGTH) {
            // The first chunk grows as an ordinary list does, so that a small contest takes little
            // memory.
            let capacity = if self.chunks.is_empty() { items } else { CHUNK_LENGTH };
            self.chunks.push(Vec::with_capacity(capacity));
        }
        let last = self.chunks.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "the list has at least one chunk here")]
        &mut self.chunks[last]
    }
}

impl<T: Copy> ChunkedList<T> {
    /// Adds at most [`CHUNK_LENGTH`] adjacent items. Returns the position of the first one.
    pub(crate) fn push_slice(&mut self, items: &[T]) -> usize {
        debug_assert!(items.len() <= CHUNK_LENGTH, "{} items do not fit into one chunk", items.len());
        self.chunk_for(items.len()).extend_from_slice(items);
        self.end() - items.len()
    }

    /// The items that were added together at `start`. `next` is the position of the next slice.
    pub(crate) fn slice_from(&self, start: u32, next: Option<u32>) -> &[T] {
        let (chunk, offset) = split_position(start);
        let Some(items) = self.chunks.get(chunk) else { return &[] };
        let end = next
            .map(split_position)
            .filter(|(next, _)| *next == chunk)
            .map_or(items.len(), |(_, offset)| offset);
        items.get(offset..end).unwrap_or_default()
    }
}

/// The chunk of a position, and the offset in that chunk.
fn split_position(position: u32) -> (usize, usize) {
    let position = position as usize;
    (position >> CHUNK_BITS, position & (CHUNK_LENGTH - 1))
}

/// A hash table of numbers. The caller hashes the items that the numbers stand for.
#[derive(Debug, Clone)]
pub(crate) struct HashIndex {
    parts: Vec<HashTable<u32>>,
}

impl Default for HashIndex {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl HashIndex {
    /// Creates a table with room for `numbers`.
    pub(crate) fn with_capacity(numbers: usize) -> Self {
        let part = || HashTable::with_capacity(numbers >> PART_BITS);
        Self { parts: iter::repeat_with(part).take(1 << PART_BITS).collect() }
    }

    /// The part of the table for a hash.
    #[expect(clippy::indexing_slicing, reason = "the bits select one of the existing parts")]
    pub(crate) fn part(&self, hash: u64) -> &HashTable<u32> {
        &self.parts[part(hash)]
    }

    /// The part of the table for a hash, mutable.
    #[expect(clippy::indexing_slicing, reason = "the bits select one of the existing parts")]
    pub(crate) fn part_mut(&mut self, hash: u64) -> &mut HashTable<u32> {
        &mut self.parts[part(hash)]
    }
}

/// Chooses the part by bits that the tables in the parts do not use.
///
/// These tables use the lowest bits and the highest seven bits.
fn part(hash: u64) -> usize {
    (hash >> 40) as usize & ((1 << PART_BITS) - 1)
}

/// Hashes a key whose bits are not spread evenly, for example a number that counts up.
///
/// This is the last step of SplitMix64 (Steele, Lea and Flood 2014). One multiplication is not
/// enough. It fills all parts evenly from such keys, so that they grow at the same time. It also
/// leaves few different low bits within a part.
pub(crate) fn spread(key: u64) -> u64 {
    let once = (key ^ (key >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let twice = (once ^ (once >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    twice ^ (twice >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keeps_slices_contiguous() {
        let mut list = ChunkedList::default();
        let runs: Vec<Vec<u32>> = (0..9_u32).map(|n| vec![n; (CHUNK_LENGTH / 3) + n as usize]).collect();
        let starts: Vec<u32> = runs.iter().map(|run| u32::try_from(list.push_slice(run)).unwrap()).collect();
        for (n, run) in runs.iter().enumerate() {
            assert_eq!(list.slice_from(starts[n], starts.get(n + 1).copied()), run);
        }
        let start = u32::try_from(list.push_slice(&[])).unwrap();
        assert!(list.slice_from(start, None).is_empty());
        assert_eq!(list.push_slice(&vec![7; CHUNK_LENGTH]) % CHUNK_LENGTH, 0);
        assert!(ChunkedList::<u32>::default().slice_from(0, None).is_empty());
    }

    #[test]
    fn positions_stay() {
        let mut list = ChunkedList::default();
        let count = u32::try_from(2 * CHUNK_LENGTH + 3).unwrap();
        for n in 0..count {
            assert_eq!(list.end(), n as usize);
            list.push(n);
        }
        *list.get_mut(5).unwrap() = 99;
        for n in 0..count {
            assert_eq!(list.get(n), Some(&if n == 5 { 99 } else { n }));
        }
        assert_eq!((list.get(count), list.get(u32::MAX)), (None, None));
    }

    /// No allocation holds more than a small part of all items.
    #[test]
    fn grows_in_small_steps() {
        let count = 200_000_u32;
        let mut list = ChunkedList::default();
        (0..count).for_each(|n| list.push(n));
        let max_capacity = list.chunks.iter().map(Vec::capacity).max().unwrap();
        assert!(max_capacity <= count as usize / 10, "{max_capacity} items in one chunk");
        // Keys: voters in order on the first sheet, voters in order on two sheets in turn, and
        // tags, which are hashes.
        table_grows_piece_by_piece(count, |n| u64::from(n) << 32);
        table_grows_piece_by_piece(count, |n| u64::from(n >> 1) << 32 | u64::from(n & 1));
        table_grows_piece_by_piece(count, |n| {
            let tag = blake3::hash(&n.to_le_bytes());
            u64::from(u32::from_le_bytes(*tag.as_bytes().first_chunk().unwrap()))
        });
    }

    fn table_grows_piece_by_piece(count: u32, key: impl Fn(u32) -> u64) {
        let hash = |n: &u32| spread(key(*n));
        let mut table = HashIndex::default();
        let mut growth_steps = Vec::new();
        for n in 0..count {
            let part = table.part_mut(hash(&n));
            let before = part.capacity();
            part.insert_unique(hash(&n), n, hash);
            growth_steps.extend((part.capacity() > before).then_some(n));
        }
        let max_length = table.parts.iter().map(HashTable::len).max().unwrap();
        assert!(max_length <= count as usize / 100, "{max_length} in one part");
        // The first growth steps are small. They come together and move almost nothing.
        let late_steps: Vec<u32> = growth_steps.into_iter().filter(|n| *n > count / 8).collect();
        assert!(late_steps.len() >= table.parts.len(), "{late_steps:?}");
        let max_steps = late_steps
            .iter()
            .map(|n| late_steps.iter().filter(|other| (*n..n + 64).contains(other)).count())
            .max();
        assert!(max_steps <= Some(8), "{max_steps:?} parts grow within 64 insertions");
        for part in &table.parts {
            let buckets = part.capacity().next_power_of_two() as u64;
            let used_buckets: HashSet<u64> = part.iter().map(|n| hash(n) % buckets).collect();
            assert!(
                used_buckets.len() > part.len() / 2,
                "{} of {buckets} places for {}",
                used_buckets.len(),
                part.len()
            );
        }
        assert!((0..count).all(|n| table.part(hash(&n)).find(hash(&n), |number| *number == n).is_some()));
    }

    /// Covers an empty slice at the end of a chunk, a chunk filled to the last item, and what
    /// follows.
    #[test]
    fn reads_slices_at_chunk_ends() {
        let mut list = ChunkedList::default();
        let runs = [CHUNK_LENGTH - 3, 0, 5, 0, CHUNK_LENGTH - 5, 0, CHUNK_LENGTH, 1, 0];
        let starts: Vec<u32> = (0..)
            .zip(runs)
            .map(|(n, length)| u32::try_from(list.push_slice(&vec![n; length])).unwrap())
            .collect();
        for (n, length) in runs.into_iter().enumerate() {
            assert_eq!(list.slice_from(starts[n], starts.get(n + 1).copied()), vec![n; length], "run {n}");
        }
    }
}
