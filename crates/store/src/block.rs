//! Blocks: how databases store log entries, several in a row, one on each line.
//!
//! One row for each entry would cost more than the entry itself, in time and in bytes.
//!
//! A row's key is the index of its first entry. Earlier versions wrote rows of one entry.

use bytes::Bytes;

use crate::error::{Result, StoreError};

/// Consecutive log entries that a database stores in one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Log index of the first entry.
    pub first: u64,
    /// All entries, separated by newlines.
    pub lines: Bytes,
}

impl Block {
    /// Packs consecutive entries into blocks. The first entry has the index `from`.
    ///
    /// A block has at most `bytes` bytes, so that a database keeps it in the row itself. A larger
    /// entry is a block of its own.
    ///
    /// # Errors
    /// `Corrupt` if an entry has a newline. No entry of a log has one.
    pub fn pack(from: u64, entries: &[Bytes], bytes: usize) -> Result<Vec<Self>> {
        let (mut blocks, mut first, mut lines) = (Vec::new(), from, Vec::with_capacity(bytes));
        for (index, entry) in (from..).zip(entries) {
            if entry.contains(&b'\n') {
                return Err(StoreError::Corrupt(format!("entry {index} has more than one line")));
            }
            if index > first && lines.len() + 1 + entry.len() > bytes {
                blocks.push(Self {
                    first,
                    lines: std::mem::replace(&mut lines, Vec::with_capacity(bytes)).into(),
                });
                first = index;
            }
            if index > first {
                lines.push(b'\n');
            }
            lines.extend_from_slice(entry);
        }
        if !entries.is_empty() {
            blocks.push(Self { first, lines: lines.into() });
        }
        Ok(blocks)
    }

    /// The block's entries, each with its index.
    pub fn entries(&self) -> impl Iterator<Item = (u64, Bytes)> {
        let lines = self.lines.split(|byte| *byte == b'\n');
        (self.first..).zip(lines.map(|line| self.lines.slice_ref(line)))
    }

    /// The entry with this index.
    ///
    /// # Errors
    /// `Corrupt` if the block does not have this entry.
    pub fn entry(&self, index: u64) -> Result<Bytes> {
        self.entries().find_map(|(at, entry)| (at == index).then_some(entry)).ok_or_else(|| missing(index))
    }
}

/// The entries of consecutive blocks from index `from` on, at most `limit` of them.
///
/// The entry with the index `from` must be in the first block.
///
/// # Errors
/// `Corrupt` if an entry between `from` and the end of the last block is missing.
pub fn entries_from(from: u64, limit: usize, blocks: &[Block]) -> Result<Vec<Bytes>> {
    let (mut entries, mut next) = (Vec::new(), from);
    for block in blocks {
        if block.first > next {
            return Err(missing(next));
        }
        for (index, entry) in block.entries().skip_while(|(index, _)| *index < from) {
            if index != next {
                return Err(missing(next));
            }
            entries.push(entry);
            next += 1;
        }
    }
    entries.truncate(limit);
    Ok(entries)
}

fn missing(index: u64) -> StoreError {
    StoreError::Corrupt(format!("entry {index} is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: usize = 1_900;

    fn entries(lengths: &[usize]) -> Vec<Bytes> {
        lengths.iter().map(|length| Bytes::from(vec![b'x'; *length])).collect()
    }

    #[test]
    fn blocks_return_packed_entries() {
        for lengths in [
            &[][..],
            &[0],
            &[0, 0, 1],
            &[180; 50],
            &[BYTES],
            &[BYTES + 1],
            &[1, BYTES + 1, 1],
            &[BYTES - 2, 1, 1],
            &[BYTES - 1, 1],
        ] {
            let packed = entries(lengths);
            let blocks = Block::pack(7, &packed, BYTES).unwrap();
            assert_eq!(entries_from(7, usize::MAX, &blocks).unwrap(), packed);
            for block in &blocks {
                assert!(block.lines.len() <= BYTES || block.entries().count() == 1);
            }
            for (index, entry) in (7..).zip(&packed) {
                let block = blocks.iter().rfind(|block| block.first <= index).unwrap();
                assert_eq!(&block.entry(index).unwrap(), entry);
            }
        }
        assert_eq!(Block::pack(0, &entries(&[180; 50]), BYTES).unwrap().len(), 5);
    }

    #[test]
    fn reads_entries_from_middle_of_block() {
        let packed: Vec<Bytes> = (0..100).map(|number| Bytes::from(format!("{number:0>180}"))).collect();
        let blocks = Block::pack(0, &packed, BYTES).unwrap();
        assert_eq!(entries_from(4, 20, &blocks[..3]).unwrap(), packed[4..24]);
    }

    #[test]
    fn reports_missing_entry() {
        let blocks = Block::pack(0, &entries(&[180; 50]), BYTES).unwrap();
        for (remaining, name) in
            [(&blocks[1..], "entry 3 "), (&[blocks[0].clone(), blocks[2].clone()], "entry 10 ")]
        {
            let error = entries_from(3, usize::MAX, remaining).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
        assert!(blocks[0].entry(10).is_err());
        let overlapping = [blocks[0].clone(), Block { first: 5, ..blocks[1].clone() }];
        assert!(entries_from(0, usize::MAX, &overlapping).is_err());
    }

    #[test]
    fn rejects_entry_with_newline() {
        assert!(matches!(Block::pack(0, &[Bytes::from_static(b"a\nb")], BYTES), Err(StoreError::Corrupt(_))));
    }
}
