//! Witnesses: services of others that cosign checkpoints of a log as long as it only grows, so that whoever runs the log cannot show two
//! histories.

use std::fmt;

use acclaim_ballot_log::{AddCheckpoint, WitnessKey};
use async_trait::async_trait;

use crate::error::Result;

/// What a witness answers to a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WitnessAnswer {
    /// Signature lines, each with a newline at its end. Nobody has verified them yet.
    Cosigned(String),
    /// It has cosigned a checkpoint of this size last, and wants a proof from there.
    Stale(u64),
    /// The proof does not lead from what it has cosigned last to this: it has seen another history, it says, in these words.
    Inconsistent(String),
    /// It does not cosign this for another reason, and says so in these words.
    Refused(String),
}

/// One witness.
#[async_trait]
pub trait Witness: fmt::Debug + Send + Sync {
    /// What checks its cosignatures.
    fn key(&self) -> &WitnessKey;

    /// Submits a checkpoint. Harmless when repeated; gives up within seconds.
    ///
    /// # Errors
    /// `Unavailable`: it did not answer, or not as a witness does. It may have cosigned all the same.
    async fn add_checkpoint(&self, request: &AddCheckpoint) -> Result<WitnessAnswer>;
}
