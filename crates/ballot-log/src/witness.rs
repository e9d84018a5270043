//! What is asked of a witness, and how it judges, after C2SP tlog-witness: it keeps the newest checkpoint that it has cosigned of each log,
//! and cosigns another one only with a proof that the log has only grown.
//!
//! ```text
//! old <size>\n
//! <base64 hash>\n ...      (consistency proof from the old size)
//! \n
//! <checkpoint, verbatim>
//! ```

use std::{fmt, str::FromStr};

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::hash::{Hash, empty_root};
use crate::key::VerifierKey;
use crate::note::MAX_NOTE_LENGTH;
use crate::proof::{VerifyError, verify_consistency};

/// The most hashes of a proof that a witness is sent.
pub const MAX_PROOF_LINES: usize = 63;

/// The longest request, in bytes: `old`, a number of 20 digits, hashes of 45 bytes each, a note.
pub const MAX_REQUEST_LENGTH: usize = 32 + MAX_PROOF_LINES * 45 + MAX_NOTE_LENGTH;

/// A checkpoint on its way to a witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the witness has cosigned last, 0 if none.
    pub old: u64,
    /// The proof that the log has only grown since.
    pub proof: Vec<Hash>,
    /// The checkpoint's note.
    pub checkpoint: String,
}

/// Why a text is not an [`AddCheckpoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not of the form of an add-checkpoint request")]
pub struct InvalidRequest;

/// Why a witness does not cosign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CosignError {
    /// Not signed by the log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The old size is larger than the checkpoint's.
    #[error("the old size is larger than the checkpoint's")]
    OldIsLarger,
    /// What was cosigned last is of another size.
    #[error("what was cosigned last has {0} entries")]
    Stale(u64),
    /// The log has signed two roots over the same number of entries.
    #[error("another history: {0} entries were cosigned with another root")]
    AnotherRoot(u64),
    /// The log has signed what does not continue what was cosigned, or the proof is wrong.
    #[error("no proof that the log has only grown: {0}")]
    Proof(#[from] VerifyError),
}

impl AddCheckpoint {
    /// Judges as a witness that trusts `key` and has cosigned the checkpoint `latest` of this log last. Whoever cosigns what is returned must have
    /// kept it before, and must have done nothing else about this log since `latest` was read.
    ///
    /// # Errors
    /// [`CosignError`], the first in the order in which the specification has them checked.
    pub fn verify(&self, key: &VerifierKey, latest: Option<(u64, Hash)>) -> Result<Checkpoint, CosignError> {
        self.verify_for_origin(key.name(), key, latest)
    }

    /// The same about a log whose origin is not the key's name.
    ///
    /// # Errors
    /// As [`AddCheckpoint::verify`].
    pub fn verify_for_origin(
        &self,
        origin: &str,
        key: &VerifierKey,
        latest: Option<(u64, Hash)>,
    ) -> Result<Checkpoint, CosignError> {
        let checkpoint = Checkpoint::open_for_origin(&self.checkpoint, origin, key)?;
        if self.old > checkpoint.size {
            return Err(CosignError::OldIsLarger);
        }
        let (size, root) = latest.unwrap_or_else(|| (0, empty_root()));
        if self.old != size {
            return Err(CosignError::Stale(size));
        }
        if checkpoint.size == size && checkpoint.root != root {
            return Err(CosignError::AnotherRoot(size));
        }
        verify_consistency(size, root, checkpoint.size, checkpoint.root, &self.proof)?;
        Ok(checkpoint)
    }

    /// The log that it is about: the first line of the checkpoint, not verified.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.checkpoint.split('\n').next().unwrap_or_default()
    }
}

impl FromStr for AddCheckpoint {
    type Err = InvalidRequest;

    fn from_str(text: &str) -> Result<Self, InvalidRequest> {
        parse(text).ok_or(InvalidRequest)
    }
}

fn parse(text: &str) -> Option<AddCheckpoint> {
    let (digits, mut rest) = text.strip_prefix("old ")?.split_once('\n')?;
    let old: u64 = digits.parse().ok()?;
    let mut proof = Vec::new();
    loop {
        let (line, tail) = rest.split_once('\n')?;
        rest = tail;
        if line.is_empty() {
            break;
        }
        if proof.len() == MAX_PROOF_LINES {
            return None;
        }
        proof.push(line.parse().ok()?);
    }
    // One spelling only.
    let fits = old.to_string() == digits && rest.len() <= MAX_NOTE_LENGTH;
    fits.then(|| AddCheckpoint { old, proof, checkpoint: rest.to_owned() })
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
