//! How databases keep entries: some together in a row, one a line. A row for each would cost more than the entry, in time and in bytes.
//!
//! A row's key is the index of its first entry. Rows of one entry are what earlier versions wrote.

use bytes::Bytes;

use crate::error::{Result, StoreError};

/// Entries in a row of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Index of the first.
    pub first: u64,
    /// They all, with a newline between one and the next.
    pub lines: Bytes,
}

impl Block {
    /// Puts entries together, of which the first has the index `from`. A block ends before it grows beyond `bytes`, so that a database keeps it in the
    /// row itself; an entry that is larger is a block of its own.
    ///
    /// # Errors
    /// `Corrupt` for an entry with a newline: no entry of a log has one.
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

    /// Its entries, each with its index.
    pub fn entries(&self) -> impl Iterator<Item = (u64, Bytes)> {
        let lines = self.lines.split(|byte| *byte == b'\n');
        (self.first..).zip(lines.map(|line| self.lines.slice_ref(line)))
    }

    /// The entry of an index.
    ///
    /// # Errors
    /// `Corrupt` if it is not here.
    pub fn entry(&self, index: u64) -> Result<Bytes> {
        self.entries().find_map(|(at, entry)| (at == index).then_some(entry)).ok_or_else(|| missing(index))
    }
}

/// The entries of blocks that lie one behind the other, from index `from` on, which is in the first of them; at most so many.
///
/// # Errors
/// `Corrupt` if one is missing in between.
pub fn entries_from(from: u64, most: usize, blocks: &[Block]) -> Result<Vec<Bytes>> {
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
    entries.truncate(most);
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
            let given = entries(lengths);
            let blocks = Block::pack(7, &given, BYTES).unwrap();
            assert_eq!(entries_from(7, usize::MAX, &blocks).unwrap(), given);
            for block in &blocks {
                assert!(block.lines.len() <= BYTES || block.entries().count() == 1);
            }
            for (index, entry) in (7..).zip(&given) {
                let block = blocks.iter().rfind(|block| block.first <= index).unwrap();
                assert_eq!(&block.entry(index).unwrap(), entry);
            }
        }
        assert_eq!(Block::pack(0, &entries(&[180; 50]), BYTES).unwrap().len(), 5);
    }

    #[test]
    fn reads_entries_from_middle_of_block() {
        let given: Vec<Bytes> = (0..100).map(|number| Bytes::from(format!("{number:0>180}"))).collect();
        let blocks = Block::pack(0, &given, BYTES).unwrap();
        assert_eq!(entries_from(4, 20, &blocks[..3]).unwrap(), given[4..24]);
    }

    #[test]
    fn reports_missing_entry() {
        let blocks = Block::pack(0, &entries(&[180; 50]), BYTES).unwrap();
        for (kept, name) in
            [(&blocks[1..], "entry 3 "), (&[blocks[0].clone(), blocks[2].clone()], "entry 10 ")]
        {
            let error = entries_from(3, usize::MAX, kept).unwrap_err();
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
