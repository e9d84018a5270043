//! Files, pipes and devices, read within a bound.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// The longest file, in bytes.
pub const MAX_LENGTH: u64 = 64 << 20;

/// Reads a file of at most [`MAX_LENGTH`] bytes. The length that the file system names is not trusted: a pipe has none, and a device has no end.
///
/// # Errors
/// That of the file system, or that the file is too long.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(MAX_LENGTH + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_LENGTH {
        let problem = format!(
            "the file has more than {} MiB, which is the most; split it into several",
            MAX_LENGTH >> 20
        );
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
    }
    Ok(content)
}
