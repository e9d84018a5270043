//! What is recorded, as far as the log has been shown. What the ledger has beyond that was committed without anybody hearing of it, and may not yet be
//! wherever it must be: on a standby of the database, for one.

use acclaim_ballot_log::{Hash, leaf_hash};
use acclaim_contest::{BallotId, ContestId};
use acclaim_store::{StoreError, Stores, ledger::RecordedBallot, published_checkpoints::checkpoint_size};

/// How many of the entries have been shown of a log that has begun.
///
/// # Errors
/// If that is not known at the moment.
pub async fn published_log_size(stores: &Stores, contest: &ContestId) -> Result<u64, StoreError> {
    // What is published has been shown.
    let published = stores.hub.latest(contest).map(|latest| latest.size);
    match (stores.published_checkpoints.highest(contest).await, published) {
        (Ok(Some(note)), published) => Ok(checkpoint_size(&note)?.max(published.unwrap_or(0))),
        // Forgotten, or away.
        (_, Some(published)) => Ok(published),
        (Err(error), None) => Err(error),
        (Ok(None), None) => Err(StoreError::Unavailable("what has been shown is forgotten".to_owned())),
    }
}

/// What the ledger says of a ballot.
pub(crate) enum LedgerBallot {
    /// It is recorded.
    Published(RecordedBallot),
    /// It will be recorded, unless the ledger loses it.
    NotPublished,
}

/// What the ledger says of a ballot, if it has it.
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

/// A recorded ballot with the hash of its leaf.
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

/// The same, of one that was looked up.
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
