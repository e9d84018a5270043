//! Recorded ballots, as far as the log has been shown. What the ledger has beyond that was committed without anybody hearing of it, and may not yet be
//! wherever it must be: on a standby of the database, for one.

use acclaim_ballot_log::{Hash, leaf_hash};
use acclaim_contest::{BallotId, ContestId};
use acclaim_store::{StoreError, Stores, ledger::RecordedBallot, shown::size_of};

/// How many of the log's entries have been shown.
pub(crate) async fn shown(stores: &Stores, contest: &ContestId) -> Result<u64, StoreError> {
    stores.shown.highest(contest).await?.map_or(Ok(0), |note| size_of(&note))
}

/// A recorded ballot.
async fn find(
    stores: &Stores,
    contest: &ContestId,
    ballot: BallotId,
) -> Result<Option<RecordedBallot>, StoreError> {
    let Some(recorded) = stores.database.ballot(contest, ballot).await? else { return Ok(None) };
    // What is published has been shown.
    let is_published = stores.hub.latest(contest).is_some_and(|latest| latest.size > recorded.index);
    let is_shown = is_published || shown(stores, contest).await? > recorded.index;
    Ok(Some(recorded).filter(|_| is_shown))
}

/// Whether a ballot is recorded.
pub(crate) async fn is_recorded(
    stores: &Stores,
    contest: &ContestId,
    ballot: BallotId,
) -> Result<bool, StoreError> {
    Ok(find(stores, contest, ballot).await?.is_some())
}

/// A recorded ballot with the hash of its leaf.
pub(crate) async fn find_recorded(
    stores: &Stores,
    contest: &ContestId,
    ballot: BallotId,
) -> Result<Option<(RecordedBallot, Hash)>, StoreError> {
    let Some(recorded) = find(stores, contest, ballot).await? else { return Ok(None) };
    let entries = stores.database.entries(contest, recorded.index, 1).await?;
    let entry =
        entries.first().ok_or_else(|| StoreError::Corrupt(format!("entry {} is missing", recorded.index)))?;
    Ok(Some((recorded, leaf_hash(entry))))
}
