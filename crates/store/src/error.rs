//! The errors of a store, in the classes that callers handle differently.

/// Why a store operation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Nothing was changed: the store is unreachable, full or busy. A later retry can succeed.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The write may or may not have happened. The caller drops the state that it derived from the
    /// store, and reloads.
    #[error("it is not known whether the write happened: {0}")]
    Unknown(String),
    /// Nothing was changed: the stored state is not the one that the caller expects.
    #[error("the stored data is not as expected: {0}")]
    Conflict(String),
    /// The stored data contradicts itself. A retry does not help.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
}

/// The result of a store operation.
pub type Result<T> = std::result::Result<T, StoreError>;
