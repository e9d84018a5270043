//! A list and a table that grow piece by piece. One that doubles moves all that it holds at once, which with millions of ballots takes tens of
//! milliseconds, and whoever votes meanwhile waits for it.

use std::iter;

use hashbrown::HashTable;

/// Items of a piece of a list, as a power of two.
const CHUNK_BITS: u32 = 14;
/// Items of a piece of a list.
pub(crate) const CHUNK_LENGTH: usize = 1 << CHUNK_BITS;
/// Parts of a table, as a power of two. They are filled evenly, and each grows at a moment of its own.
const PART_BITS: u32 = 8;

/// Items by their positions, which they keep.
#[derive(Debug, Clone)]
pub(crate) struct ChunkedList<T> {
    /// All but the last hold [`CHUNK_LENGTH`] items, or fewer where the next ones were to stand together.
    chunks: Vec<Vec<T>>,
}

impl<T> Default for ChunkedList<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T> ChunkedList<T> {
    /// The position behind the last item.
    pub(crate) fn end(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK_LENGTH + last.len())
    }

    /// Adds one.
    pub(crate) fn push(&mut self, item: T) {
        self.room_for(1).push(item);
    }

    /// The item at a position.
    pub(crate) fn get(&self, position: u32) -> Option<&T> {
        let (piece, offset) = place(position);
        self.chunks.get(piece)?.get(offset)
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, position: u32) -> Option<&mut T> {
        let (piece, offset) = place(position);
        self.chunks.get_mut(piece)?.get_mut(offset)
    }

    /// The piece for the next items: the last one, or a new one if they do not fit there together.
    fn room_for(&mut self, items: usize) -> &mut Vec<T> {
        if self.chunks.last().is_none_or(|last| last.len() + items > CHUNK_LENGTH) {
            // The first grows as any list does, so that a small contest takes little.
            let capacity = if self.chunks.is_empty() { items } else { CHUNK_LENGTH };
            self.chunks.push(Vec::with_capacity(capacity));
        }
        let last = self.chunks.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "there is one now")]
        &mut self.chunks[last]
    }
}

impl<T: Copy> ChunkedList<T> {
    /// Adds some, at most [`CHUNK_LENGTH`], that stay together; returns where they begin.
    pub(crate) fn push_slice(&mut self, items: &[T]) -> usize {
        debug_assert!(items.len() <= CHUNK_LENGTH, "{} items do not stay together", items.len());
        self.room_for(items.len()).extend_from_slice(items);
        self.end() - items.len()
    }

    /// Items that were added together: from `start` on, up to those at `next`.
    pub(crate) fn slice_from(&self, start: u32, next: Option<u32>) -> &[T] {
        let (piece, offset) = place(start);
        let Some(items) = self.chunks.get(piece) else { return &[] };
        let end =
            next.map(place).filter(|(next, _)| *next == piece).map_or(items.len(), |(_, offset)| offset);
        items.get(offset..end).unwrap_or_default()
    }
}

/// The piece of a position, and where in it.
fn place(position: u32) -> (usize, usize) {
    let position = position as usize;
    (position >> CHUNK_BITS, position & (CHUNK_LENGTH - 1))
}

/// Numbers by the hashes of what they stand for.
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
    /// Room for so many.
    pub(crate) fn with_capacity(numbers: usize) -> Self {
        let part = || HashTable::with_capacity(numbers >> PART_BITS);
        Self { parts: iter::repeat_with(part).take(1 << PART_BITS).collect() }
    }

    /// The part where a hash belongs.
    #[expect(clippy::indexing_slicing, reason = "there are as many parts as these bits count")]
    pub(crate) fn part(&self, hash: u64) -> &HashTable<u32> {
        &self.parts[part(hash)]
    }

    /// The same, to be changed.
    #[expect(clippy::indexing_slicing, reason = "there are as many parts as these bits count")]
    pub(crate) fn part_mut(&mut self, hash: u64) -> &mut HashTable<u32> {
        &mut self.parts[part(hash)]
    }
}

/// By bits that the parts themselves do not look at: those use the lowest and the highest seven.
fn part(hash: u64) -> usize {
    (hash >> 40) as usize & ((1 << PART_BITS) - 1)
}

/// The hash of a key whose bits are not spread evenly, such as of numbers that count up: the last step of SplitMix64 (Steele, Lea and Flood 2014). One
/// multiplication would not do: of such keys it fills all parts alike, so that they grow at once, and the low bits within a part are few.
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

    /// Nothing that grows holds more than a small part of everything.
    #[test]
    fn grows_in_small_steps() {
        let count = 200_000_u32;
        let mut list = ChunkedList::default();
        (0..count).for_each(|n| list.push(n));
        let most = list.chunks.iter().map(Vec::capacity).max().unwrap();
        assert!(most <= count as usize / 10, "{most}");
        // Voters as they count up, on the first sheet; voters of the first two sheets in turn; tags, which are hashes.
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
        let mut grown = Vec::new();
        for n in 0..count {
            let part = table.part_mut(hash(&n));
            let before = part.capacity();
            part.insert_unique(hash(&n), n, hash);
            grown.extend((part.capacity() > before).then_some(n));
        }
        let most = table.parts.iter().map(HashTable::len).max().unwrap();
        assert!(most <= count as usize / 100, "{most} in one part");
        // The small first steps come together, and move next to nothing.
        let late: Vec<u32> = grown.into_iter().filter(|n| *n > count / 8).collect();
        assert!(late.len() >= table.parts.len(), "{late:?}");
        let most =
            late.iter().map(|n| late.iter().filter(|other| (*n..n + 64).contains(other)).count()).max();
        assert!(most <= Some(8), "{most:?} parts within 64 insertions");
        for part in &table.parts {
            let homes = part.capacity().next_power_of_two() as u64;
            let taken: HashSet<u64> = part.iter().map(|n| hash(n) % homes).collect();
            assert!(taken.len() > part.len() / 2, "{} of {homes} places for {}", taken.len(), part.len());
        }
        assert!((0..count).all(|n| table.part(hash(&n)).find(hash(&n), |found| *found == n).is_some()));
    }

    /// An empty run before a piece's end, a piece that is filled to the last item, and what comes after.
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
