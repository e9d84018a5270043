//! The lines of the copy of a log, from a byte on.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use anyhow::{Context as _, Result};

use crate::folder::MAX_LINE_LENGTH;

/// See the [module](self).
pub(super) struct Lines {
    reader: BufReader<File>,
    line: Vec<u8>,
}

impl Lines {
    pub(super) fn from(path: &Path, byte: u64) -> Result<Self> {
        let unreadable = || format!("cannot read the copy {}", path.display());
        let mut file = File::open(path).with_context(unreadable)?;
        file.seek(SeekFrom::Start(byte)).with_context(unreadable)?;
        Ok(Self { reader: BufReader::with_capacity(1 << 20, file), line: Vec::new() })
    }

    pub(super) fn next(&mut self) -> Result<Line<'_>> {
        self.line.clear();
        let read = (&mut self.reader)
            .take(MAX_LINE_LENGTH)
            .read_until(b'\n', &mut self.line)
            .context("cannot read the copy")?;
        Ok(match self.line.split_last() {
            None => Line::None,
            Some((b'\n', line)) => Line::Complete(line),
            // This line is longer than any entry.
            Some(_) if read as u64 == MAX_LINE_LENGTH => Line::Complete(&self.line),
            Some(_) => Line::Incomplete,
        })
    }
}

/// The next line of the copy.
pub(super) enum Line<'a> {
    Complete(&'a [u8]),
    /// An incomplete line at the end.
    Incomplete,
    None,
}
