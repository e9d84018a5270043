//! The lock of a contest's row, and the error for a missing row.

use acclaim_contest::ContestId;
use acclaim_store::error::{Result, StoreError};
use sqlx_core::{query::query, row::Row as _};

use crate::{connection::PooledConnection, error::unavailable};

/// Returns the number of a contest that must exist and have this tag key. It exists until the end
/// of the transaction.
///
/// Many requests for passes share this lock at once. A stronger lock could block the sequencer for
/// ever.
///
/// # Errors
/// `Conflict` if there is no such contest.
pub(crate) async fn lock_contest_with_tag_key(
    tx: &mut PooledConnection,
    id: &ContestId,
    tag_key: &[u8],
) -> Result<i32> {
    let row = query("SELECT number FROM contests WHERE id = $1 AND tag_key = $2 FOR KEY SHARE")
        .bind(id.as_str())
        .bind(tag_key)
        .fetch_optional(tx)
        .await
        .map_err(unavailable)?
        .ok_or_else(|| wrong_tag_key(id))?;
    row.try_get(0).map_err(unavailable)
}

fn wrong_tag_key(id: &ContestId) -> StoreError {
    StoreError::Conflict(format!("there is no contest {id} with this tag key"))
}

/// The error for a contest that does not exist.
pub(crate) fn no_contest(contest: &ContestId) -> StoreError {
    StoreError::Conflict(format!("there is no contest {contest}"))
}
