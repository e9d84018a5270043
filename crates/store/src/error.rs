//! Why a store did not do what it was asked: the classes that callers tell apart.

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Nothing was changed: the store is away, full or busy. Trying again later can help.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The write may or may not have happened. Whoever holds state derived from the store drops it and reloads.
    #[error("it is not known whether the write happened: {0}")]
    Unknown(String),
    /// Nothing was changed: what the caller expected to find is not what is there.
    #[error("the store has moved on: {0}")]
    Conflict(String),
    /// What is stored contradicts itself. Trying again does not help.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
}

/// What store operations return.
pub type Result<T> = std::result::Result<T, StoreError>;
