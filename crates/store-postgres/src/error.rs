//! sqlx's errors as the classes that callers tell apart, and integers as Postgres has them.

use acclaim_store::error::{Result, StoreError};
use sqlx_core::error::Error;
use sqlx_postgres::{PgDatabaseError, PgSeverity};

/// An error of what is not committed: the transaction ends without it, so nothing was changed.
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

/// As [`unavailable`], of a statement on a contest's own tables.
pub(crate) fn gone_or_unavailable(error: Error) -> StoreError {
    if is_missing_table(&error) {
        return StoreError::Conflict("the contest is gone".to_owned());
    }
    unavailable(error)
}

/// An error of a statement on a contest's own tables that is a transaction of its own. What the server refused is not done; of all else nobody knows: a
/// server that ends a connection may have committed, such as one that is stopped while it waits for its standby.
pub(crate) fn refused_or_unknown(error: Error) -> StoreError {
    let answer = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    // 40003: its own word for not knowing.
    if answer.is_some_and(|answer| answer.severity() == PgSeverity::Error && answer.code() != "40003") {
        return gone_or_unavailable(error);
    }
    StoreError::Unknown(error.to_string())
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
pub(crate) fn expect_row_count(
    changed: u64,
    wanted: usize,
    otherwise: impl FnOnce() -> StoreError,
) -> Result<()> {
    if changed == wanted as u64 { Ok(()) } else { Err(otherwise()) }
}
