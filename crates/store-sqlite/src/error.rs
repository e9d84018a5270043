//! Conversion of SQLite's errors and integers to those of the stores.

use acclaim_store::error::{Result, StoreError};
use rusqlite::ErrorCode;

/// Converts an error before the commit: the transaction is rolled back, so nothing was changed.
#[expect(clippy::needless_pass_by_value, reason = "fits `map_err`")]
pub(crate) fn unavailable(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(error.to_string()),
        Some(ErrorCode::ConstraintViolation) => StoreError::Conflict(error.to_string()),
        Some(ErrorCode::DiskFull) => StoreError::Unavailable("the disk is full".to_owned()),
        _ => StoreError::Unavailable(error.to_string()),
    }
}

/// An error for a stored value that this program cannot have written.
pub(crate) fn corrupt(what: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(what.to_string())
}

/// Converts to SQLite's integers, which are signed.
pub(crate) fn signed(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| corrupt(format!("{value} is out of range")))
}

/// Converts from SQLite's integers, which are signed.
pub(crate) fn unsigned(value: i64) -> Result<u64> {
    u64::try_from(value).map_err(|_| corrupt(format!("{value} is out of range")))
}
