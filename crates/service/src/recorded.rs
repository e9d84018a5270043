//! The recorded part of a log, as far as it is published.
//!
//! The ledger may hold more entries. They were committed, but nothing was notified of them. They
//! may not be durable everywhere yet, for example on a standby of the database.

use acclaim_ballot_log::{Hash, leaf_hash};
use acclaim_contest::{BallotId, ContestId};
use acclaim_store::{StoreError, Stores, ledger::RecordedBallot, published_checkpoints::checkpoint_size};

/// Returns the number of published entries of a log that has begun.
///
/// # Errors
/// - [`StoreError::Unavailable`]: the record of published checkpoints is missing or does not
///   answer.
/// - [`StoreError::Corrupt`]: the published checkpoint has no size.
pub async fn published_log_size(stores: &Stores, contest: &ContestId) -> Result<u64, StoreError> {
    // A publication exists only for a published checkpoint.
    let published = stores.hub.latest(contest).map(|latest| latest.size);
    match (stores.published_checkpoints.highest(contest).await, published) {
        (Ok(Some(note)), published) => Ok(checkpoint_size(&note)?.max(published.unwrap_or(0))),
        // The record of published checkpoints is missing or does not answer.
        (_, Some(published)) => Ok(published),
        (Err(error), None) => Err(error),
        (Ok(None), None) => {
            Err(StoreError::Unavailable("the record of published checkpoints is missing".to_owned()))
        }
    }
}

/// The state of a ballot that the ledger has.
pub(crate) enum LedgerBallot {
    /// The ballot is recorded and published.
    Published(RecordedBallot),
    /// The ballot is not published yet. It will be, unless the ledger loses it.
    NotPublished,
}

/// Looks a ballot up in the ledger; `None` if the ledger does not have it.
pub(crate) async fn look_up(
    stores: &Stores,
    contest: &ContestId,
    ballot: BallotId,
) -> Result<Option<LedgerBallot>, StoreError> {
    let Some(recorded) = stores.database.ballot(contest, ballot).await? else { return Ok(None) };
    let is_published = stores.hub.latest(contest).is_some_and(|latest| latest.size > recorded.index);
    let is_shown = is_published || published_log_size(stores, contest).await? > recorded.index;
    Ok(Some(if is_shown { LedgerBallot::Published(recorded) } else { LedgerBallot::NotPublished }))
}

/// Returns a recorded and published ballot with the hash of its leaf.
///
/// # Errors
/// [`StoreError`] if a store fails, or if the ballot's entry is missing.
pub async fn find_recorded(
    stores: &Stores,
    contest: &ContestId,
    ballot: BallotId,
) -> Result<Option<(RecordedBallot, Hash)>, StoreError> {
    match look_up(stores, contest, ballot).await? {
        Some(LedgerBallot::Published(recorded)) => Ok(Some(with_leaf_hash(stores, contest, recorded).await?)),
        _ => Ok(None),
    }
}

/// Returns a ballot that was looked up, with the hash of its leaf.
pub(crate) async fn with_leaf_hash(
    stores: &Stores,
    contest: &ContestId,
    recorded: RecordedBallot,
) -> Result<(RecordedBallot, Hash), StoreError> {
    let entries = stores.database.entries(contest, recorded.index, 1).await?;
    let entry =
        entries.first().ok_or_else(|| StoreError::Corrupt(format!("entry {} is missing", recorded.index)))?;
    let hash = leaf_hash(entry);
    Ok((recorded, hash))
}
