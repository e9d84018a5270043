//! The errors of reading and writing an entry.

use acclaim_contest::entry::MAX_ENTRY_LENGTH;

/// Why bytes are not an entry, or an entry cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The line has this number of bytes, which is too many.
    #[error("{0} bytes long: an entry has at most {MAX_ENTRY_LENGTH}")]
    TooLong(usize),
    /// The bytes are not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// The text is not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// This version does not know the type.
    #[error("unknown type `{0}`")]
    UnknownType(String),
    /// A key is missing, or its value has the wrong form.
    #[error("malformed: {0}")]
    Malformed(String),
    /// The line differs from the canonical form of its content.
    ///
    /// It has an unknown, repeated or misplaced key, white space, or another spelling.
    #[error("not in canonical form")]
    NotCanonical,
    /// The line is well formed, but no entry can have this content.
    #[error("{0}")]
    Invalid(&'static str),
}
