//! Witnesses: external services that cosign checkpoints of a log.
//!
//! A witness cosigns only if the log was extended and nothing else was changed. So the operator
//! cannot show two histories of a log.

use std::fmt;

use acclaim_ballot_log::{AddCheckpoint, WitnessKey};
use async_trait::async_trait;

use crate::error::Result;

/// The answer of a witness to a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WitnessAnswer {
    /// Signature lines, each with a newline at its end. They are not verified yet.
    Cosigned(String),
    /// The witness last cosigned a checkpoint of this size, and requests a proof from this size on.
    Stale(u64),
    /// The proof does not connect the last cosigned checkpoint with this one.
    ///
    /// The witness reports that it has seen another history. The text is the witness's message.
    Inconsistent(String),
    /// The witness refuses the checkpoint for another reason. The text is the witness's message.
    Refused(String),
}

/// One witness.
#[async_trait]
pub trait Witness: fmt::Debug + Send + Sync {
    /// The public key that verifies the witness's cosignatures.
    fn key(&self) -> &WitnessKey;

    /// Submits a checkpoint and gives up within seconds. It can be repeated safely.
    ///
    /// # Errors
    /// `Unavailable` if the witness did not answer, or not in the witness protocol. It may still
    /// have cosigned.
    async fn add_checkpoint(&self, request: &AddCheckpoint) -> Result<WitnessAnswer>;
}
