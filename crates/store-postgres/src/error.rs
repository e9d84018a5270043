//! Conversion of sqlx's errors and Postgres's integers to those of the stores.

use acclaim_store::error::{Result, StoreError};
use sqlx_core::error::Error;
use sqlx_postgres::{PgDatabaseError, PgSeverity};

/// Converts an error before the commit: the transaction is rolled back, so nothing was changed.
#[expect(clippy::needless_pass_by_value, reason = "fits `map_err`")]
pub(crate) fn unavailable(error: Error) -> StoreError {
    let text = error.to_string();
    let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default();
    match (code.as_ref(), &error) {
        // Two transactions wrote the same row, or the contest of a row is gone.
        ("23505" | "23503", _) => StoreError::Conflict(text),
        ("53100", _) => StoreError::Unavailable("the database's disk is full".to_owned()),
        // Damaged files, values that do not fit their columns, or a row that breaks a rule of the
        // schema.
        (code, _)
            if ["XX001", "XX002"].contains(&code) || code.starts_with("22") || code.starts_with("23") =>
        {
            StoreError::Corrupt(text)
        }
        (_, Error::ColumnDecode { .. } | Error::Decode(_) | Error::Encode(_)) => StoreError::Corrupt(text),
        _ => StoreError::Unavailable(text),
    }
}

/// As [`unavailable`], for a statement on a contest's partitions. A missing partition is a
/// `Conflict`.
pub(crate) fn gone_or_unavailable(error: Error) -> StoreError {
    if is_missing_table(&error) {
        return StoreError::Conflict("the contest is gone".to_owned());
    }
    unavailable(error)
}

/// Converts an error of a statement on a contest's partitions that commits by itself.
///
/// If the server refused the statement, nothing was changed. For all other errors the outcome is
/// `Unknown`: a server that ends a connection may have committed. An example is a server that is
/// stopped while it waits for its standby.
pub(crate) fn refused_or_unknown(error: Error) -> StoreError {
    let answer = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    // 40003 is the server's code for an unknown outcome.
    if answer.is_some_and(|answer| answer.severity() == PgSeverity::Error && answer.code() != "40003") {
        return gone_or_unavailable(error);
    }
    StoreError::Unknown(error.to_string())
}

/// Whether a table of the statement is missing: the partition of a contest that was deleted in the
/// meantime.
pub(crate) fn is_missing_table(error: &Error) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("42P01"))
}

/// An error for a stored value that this program cannot have written.
pub(crate) fn corrupt(what: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(what.to_string())
}

/// Converts to Postgres's integers, which are signed.
pub(crate) fn signed(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| corrupt(format!("{value} is out of range")))
}

/// Converts from Postgres's integers, which are signed.
pub(crate) fn unsigned(value: i64) -> Result<u64> {
    u64::try_from(value).map_err(|_| corrupt(format!("{value} is out of range")))
}

/// Checks the number of rows that a statement changed.
pub(crate) fn expect_row_count(
    changed: u64,
    expected: usize,
    otherwise: impl FnOnce() -> StoreError,
) -> Result<()> {
    if changed == expected as u64 { Ok(()) } else { Err(otherwise()) }
}
