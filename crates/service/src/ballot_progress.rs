//! The outcome of a ballot, in the form that its voter sees.

use acclaim_ballot_log::Hash;
use acclaim_contest::BallotId;
use acclaim_store::{StoreError, Stores, hub::Rejection, ledger::RecordedBallot};

use crate::{
    casting::SUSPENDED,
    directory::Contest,
    recorded::{LedgerBallot, look_up, with_leaf_hash},
};

/// The outcome of a ballot.
#[derive(Debug)]
pub enum BallotProgress {
    /// The ballot is in the log, in this state, with this leaf hash.
    InLog(RecordedBallot, Hash),
    /// The ballot was promised and will be recorded or rejected.
    ///
    /// The intake holds it, or the ledger has it but it is not published yet.
    Accepted,
    /// The ballot was promised, and is not in the log for this reason.
    Rejected(Rejection),
}

/// Reads the outcomes of ballots.
pub struct BallotProgressReader {
    stores: Stores,
    /// Whether ballots may be answered `accepted`. If not, a ballot is unknown until it is
    /// published.
    may_accept: bool,
}

impl BallotProgressReader {
    /// Returns a reader of these stores.
    #[must_use]
    pub fn new(stores: Stores, may_accept: bool) -> Self {
        Self { stores, may_accept }
    }

    /// Returns the outcome of a ballot; `None` if no ballot of this id is known.
    ///
    /// # Errors
    /// [`StoreError`] if a store cannot be read.
    pub async fn find(
        &self,
        contest: &Contest,
        ballot: BallotId,
    ) -> Result<Option<BallotProgress>, StoreError> {
        if let Some(progress) = self.find_in_ledger(contest, ballot).await? {
            return Ok(Some(progress));
        }
        if let Some(rejection) = self.stores.database.rejection(contest.id(), ballot).await? {
            // A ballot that was rejected during a suspension can be in the intake again.
            let is_submitted_again = is_suspension(&rejection) && self.is_in_intake(contest, ballot).await?;
            return Ok(Some(if is_submitted_again {
                BallotProgress::Accepted
            } else {
                BallotProgress::Rejected(rejection)
            }));
        }
        if self.is_in_intake(contest, ballot).await? {
            return Ok(Some(BallotProgress::Accepted));
        }
        // The ballot may have moved from the intake to the ledger since the first lookup.
        self.find_in_ledger(contest, ballot).await
    }

    async fn find_in_ledger(
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

    /// Whether the intake holds a promised ballot. Always false if ballots are never promised.
    async fn is_in_intake(&self, contest: &Contest, ballot: BallotId) -> Result<bool, StoreError> {
        Ok(self.may_accept
            && self.stores.intake.has_promised_ballot(&contest.record.session(), ballot).await?)
    }
}

fn is_suspension(rejection: &Rejection) -> bool {
    matches!(rejection, Rejection::Refused(code, _) if code == SUSPENDED)
}
