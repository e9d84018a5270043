//! Reads files, pipes and devices within a size limit.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// The maximum length of a file in bytes: 64 MiB.
pub const MAX_LENGTH: u64 = 64 << 20;

/// Reads a file of at most [`MAX_LENGTH`] bytes.
///
/// The length that the file system reports is not used: a pipe has no length, and a device has no
/// end.
///
/// # Errors
/// The error of the file system, or [`io::ErrorKind::FileTooLarge`] if the file is longer.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(MAX_LENGTH + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_LENGTH {
        let problem = format!(
            "the file has more than {} MiB, which is the maximum; split it into several files",
            MAX_LENGTH >> 20
        );
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
    }
    Ok(content)
}
