//! The row of a contest, which others hold or look for.

use acclaim_contest::ContestId;
use acclaim_store::error::{Result, StoreError};
use sqlx_core::{query::query, row::Row as _};

use crate::{connection::PooledConnection, error::unavailable};

/// A contest's number; it must have this tag key, and exists until the end of the transaction. A stronger lock, which many minters share, could keep the
/// sequencer from the row for ever.
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
        .ok_or_else(|| other_contest(id))?;
    row.try_get(0).map_err(unavailable)
}

fn other_contest(id: &ContestId) -> StoreError {
    StoreError::Conflict(format!("there is no contest {id} of this tag key"))
}

/// There is none of this id.
pub(crate) fn no_contest(contest: &ContestId) -> StoreError {
    StoreError::Conflict(format!("there is no contest {contest}"))
}
