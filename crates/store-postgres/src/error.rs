//! sqlx's errors as the classes that callers tell apart, and integers as Postgres has them.

use acclaim_store::error::{Result, StoreError};
use sqlx_core::error::Error;

/// An error before the commit was sent: the transaction ends without it, so nothing was changed.
#[expect(clippy::needless_pass_by_value, reason = "fits `map_err`")]
pub(crate) fn unavailable(error: Error) -> StoreError {
    let text = error.to_string();
    let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default();
    match (code.as_ref(), &error) {
        // Two wrote the same row, or a row's contest is gone.
        ("23505" | "23503", _) => StoreError::Conflict(text),
        ("53100", _) => StoreError::Unavailable("the database's disk is full".to_owned()),
        // Damaged files, values that no column can hold, a row that breaks a rule of the schema.
        (code, _)
            if ["XX001", "XX002"].contains(&code) || code.starts_with("22") || code.starts_with("23") =>
        {
            StoreError::Corrupt(text)
        }
        (_, Error::ColumnDecode { .. } | Error::Decode(_) | Error::Encode(_)) => StoreError::Corrupt(text),
        _ => StoreError::Unavailable(text),
    }
}

/// Whether the statement named a table that is not there: the partition of a contest deleted meanwhile.
pub(crate) fn is_missing_table(error: &Error) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("42P01"))
}

/// A value that this program cannot have written.
pub(crate) fn corrupt(what: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(what.to_string())
}

/// Postgres's integers are signed.
pub(crate) fn signed(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| corrupt(format!("{value} is out of range")))
}

/// Postgres's integers are signed.
pub(crate) fn unsigned(value: i64) -> Result<u64> {
    u64::try_from(value).map_err(|_| corrupt(format!("{value} is out of range")))
}

/// A statement that changes a number of rows that is known beforehand.
pub(crate) fn exactly(changed: u64, wanted: usize, otherwise: impl FnOnce() -> StoreError) -> Result<()> {
    if changed == wanted as u64 { Ok(()) } else { Err(otherwise()) }
}
