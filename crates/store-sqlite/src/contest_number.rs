//! Contest numbers, by which other tables refer to contests.

use acclaim_contest::ContestId;
use acclaim_store::error::{Result, StoreError};
use rusqlite::{OptionalExtension as _, Transaction};

use crate::error::unavailable;

/// Returns a contest's number, or `None` if the contest does not exist.
pub(crate) fn contest_number(tx: &Transaction<'_>, contest: &ContestId) -> Result<Option<i64>> {
    tx.prepare_cached("SELECT number FROM contests WHERE id = ?1")
        .and_then(|mut statement| statement.query_row([contest.as_str()], |row| row.get(0)).optional())
        .map_err(unavailable)
}

/// Returns the number of a contest that must exist.
///
/// # Errors
/// `Conflict` if the contest does not exist.
pub(crate) fn require_contest_number(tx: &Transaction<'_>, contest: &ContestId) -> Result<i64> {
    contest_number(tx, contest)?.ok_or_else(|| StoreError::Conflict(format!("there is no contest {contest}")))
}
