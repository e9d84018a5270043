//! Why bytes are not an entry.

use acclaim_contest::entry::MAX_ENTRY_LENGTH;

/// Why bytes are not an entry, or an entry cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// So many bytes.
    #[error("{0} bytes long: an entry has at most {MAX_ENTRY_LENGTH}")]
    TooLong(usize),
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// A type that this version does not know.
    #[error("unknown type `{0}`")]
    UnknownType(String),
    /// A key is missing, or its value is not of the form it must have.
    #[error("malformed: {0}")]
    Malformed(String),
    /// Differs from the canonical form of what it says: unknown, repeated or misplaced key, white space, other spelling.
    #[error("not in canonical form")]
    NotCanonical,
    /// Well formed, and yet no entry can say this.
    #[error("{0}")]
    Invalid(&'static str),
}
