//! What became of a ballot, as its voter is told.

use acclaim_ballot_log::Hash;
use acclaim_contest::BallotId;
use acclaim_store::{StoreError, Stores, hub::Rejection, ledger::RecordedBallot};

use crate::{
    casting::SUSPENDED,
    directory::Contest,
    recorded::{LedgerBallot, look_up, with_leaf_hash},
};

/// What became of a ballot.
#[derive(Debug)]
pub enum BallotProgress {
    /// It is in the log, in this state, with this leaf hash.
    InLog(RecordedBallot, Hash),
    /// It was promised: the intake holds it, or the ledger has it and it is not shown yet. It will be recorded or rejected.
    Accepted,
    /// It was promised, and is not in the log for this reason.
    Rejected(Rejection),
}

/// Finds out what became of ballots.
pub struct BallotProgressReader {
    stores: Stores,
    /// Whether voters are told `accepted`. Where they are not, nothing is known of a ballot before it is shown.
    may_accept: bool,
}

impl BallotProgressReader {
    /// On these stores.
    #[must_use]
    pub fn new(stores: Stores, may_accept: bool) -> Self {
        Self { stores, may_accept }
    }

    /// What became of a ballot; `None` if nothing is known of one of this id.
    ///
    /// # Errors
    /// If a store cannot be read.
    pub async fn find(
        &self,
        contest: &Contest,
        ballot: BallotId,
    ) -> Result<Option<BallotProgress>, StoreError> {
        if let Some(fate) = self.in_ledger(contest, ballot).await? {
            return Ok(Some(fate));
        }
        if let Some(rejection) = self.stores.database.rejection(contest.id(), ballot).await? {
            // What was rejected while voting was suspended can be on its way again.
            let is_kept = is_suspension(&rejection) && self.is_kept(contest, ballot).await?;
            return Ok(Some(if is_kept {
                BallotProgress::Accepted
            } else {
                BallotProgress::Rejected(rejection)
            }));
        }
        if self.is_kept(contest, ballot).await? {
            return Ok(Some(BallotProgress::Accepted));
        }
        // It may have gone from the one to the other meanwhile.
        self.in_ledger(contest, ballot).await
    }

    async fn in_ledger(
        &self,
        contest: &Contest,
        ballot: BallotId,
    ) -> Result<Option<BallotProgress>, StoreError> {
        Ok(match look_up(&self.stores, contest.id(), ballot).await? {
            Some(LedgerBallot::Published(recorded)) => {
                let (recorded, leaf_hash) = with_leaf_hash(&self.stores, contest.id(), recorded).await?;
                Some(BallotProgress::InLog(recorded, leaf_hash))
            }
            Some(LedgerBallot::NotPublished) if self.may_accept => Some(BallotProgress::Accepted),
            Some(LedgerBallot::NotPublished) | None => None,
        })
    }

    /// Whether the intake holds a ballot that was promised; never where none is.
    async fn is_kept(&self, contest: &Contest, ballot: BallotId) -> Result<bool, StoreError> {
        Ok(self.may_accept
            && self.stores.intake.has_promised_ballot(&contest.record.session(), ballot).await?)
    }
}

fn is_suspension(rejection: &Rejection) -> bool {
    matches!(rejection, Rejection::Refused(code, _) if code == SUSPENDED)
}
