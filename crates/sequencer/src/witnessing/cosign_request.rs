//! Submits one checkpoint to one witness.

use std::{collections::HashMap, sync::Arc, time::Duration};

use acclaim_ballot_log::{
    AddCheckpoint, Hash, TileId,
    note::NoteError,
    proof::{self, ProofError},
};
use acclaim_contest::ContestId;
use acclaim_store::{StoreError, Stores, Witness, WitnessAnswer};

/// Maximum number of times that a witness may correct the assumed size in one submission.
///
/// A correction reports that the witness has cosigned another size than assumed. An honest witness
/// needs one correction; two allow one more.
const MAX_CORRECTIONS: usize = 2;

/// A checkpoint to submit, and the state that the submission needs.
pub(super) struct CosignRequest {
    pub(super) witness: Arc<dyn Witness>,
    pub(super) stores: Stores,
    pub(super) contest: ContestId,
    pub(super) note: Arc<str>,
    pub(super) size: u64,
    /// The size that the witness cosigned last, as far as this process knows.
    pub(super) known: u64,
}

/// The outcome of a [`CosignRequest`].
pub(super) struct CosignOutcome {
    /// The index of the witness in the settings.
    pub(super) number: usize,
    /// The size that was submitted.
    pub(super) size: u64,
    /// The size that the witness cosigned last, as this process knows after the submission.
    pub(super) known: u64,
    /// The verified cosignature line of the witness, with a newline at its end.
    pub(super) outcome: Result<String, WitnessError>,
}

/// The reason why there is no cosignature.
#[derive(Debug, thiserror::Error)]
pub(super) enum WitnessError {
    #[error("the witness did not answer in time")]
    Timeout,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Proof(#[from] ProofError),
    #[error("the witness refuses the checkpoint: {0}")]
    Refused(String),
    #[error("the answer contains no valid cosignature by the witness's key: {0}")]
    Cosignature(#[from] NoteError),
    #[error(
        "the witness has cosigned {cosigned_size} entries, but this log has {size}: the database was set back"
    )]
    Ahead { cosigned_size: u64, size: u64 },
    #[error("the witness has cosigned another root over the same {0} entries")]
    AnotherRoot(u64),
    #[error("this log does not continue the log that the witness cosigned: {0}")]
    Inconsistent(String),
    #[error("the witness changed the size of its last cosigned checkpoint too often: the last one was {0}")]
    Confused(u64),
}

impl WitnessError {
    /// Whether the error shows that the witness has seen another log than this one.
    pub(super) fn is_alarm(&self) -> bool {
        matches!(self, Self::Ahead { .. } | Self::AnotherRoot(_) | Self::Inconsistent(_))
    }
}

impl CosignRequest {
    /// Submits the checkpoint, and gives up after `limit`.
    pub(super) async fn send(mut self, number: usize, limit: Duration) -> CosignOutcome {
        let outcome = tokio::time::timeout(limit, self.submit()).await.unwrap_or(Err(WitnessError::Timeout));
        let known = if outcome.is_ok() { self.size } else { self.known };
        CosignOutcome { number, size: self.size, known, outcome }
    }

    async fn submit(&mut self) -> Result<String, WitnessError> {
        for _ in 0..=MAX_CORRECTIONS {
            if self.known > self.size {
                let cosigned_size = std::mem::take(&mut self.known);
                return Err(WitnessError::Ahead { cosigned_size, size: self.size });
            }
            let request = AddCheckpoint {
                old: self.known,
                proof: self.proof().await?,
                checkpoint: self.note.to_string(),
            };
            match self.witness.add_checkpoint(&request).await? {
                WitnessAnswer::Cosigned(lines) => {
                    let cosigned = format!("{}{lines}", self.note);
                    return Ok(format!("{}\n", self.witness.key().find(&cosigned)?.line));
                }
                WitnessAnswer::Stale(size) if size == self.size && size == self.known => {
                    return Err(WitnessError::AnotherRoot(size));
                }
                WitnessAnswer::Stale(size) => self.known = size,
                WitnessAnswer::Inconsistent(words) => return Err(WitnessError::Inconsistent(words)),
                WitnessAnswer::Refused(words) => return Err(WitnessError::Refused(words)),
            }
        }
        Err(WitnessError::Confused(self.known))
    }

    /// Returns the proof that this log extends the log that the witness cosigned last. It reads the
    /// ledger's tiles.
    async fn proof(&self) -> Result<Vec<Hash>, WitnessError> {
        let mut tiles: HashMap<TileId, Vec<u8>> = HashMap::new();
        for tile in proof::tiles_for_consistency(self.known, self.size) {
            if let Some(hashes) = self.stores.database.tile(&self.contest, tile).await? {
                tiles.insert(tile, hashes);
            }
        }
        Ok(proof::consistency(self.known, self.size, &|tile| tiles.get(&tile))?)
    }
}
