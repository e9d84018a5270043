//! The request to a witness, and the witness's checks, after C2SP tlog-witness.
//!
//! A witness stores the newest checkpoint of each log that it has cosigned. It cosigns another one
//! only with a proof that the log was only extended.
//!
//! ```text
//! old <size>\n
//! <base64 hash>\n ...      (consistency proof from the old size)
//! \n
//! <checkpoint, verbatim>
//! ```

use std::{fmt, str::FromStr};

use crate::{
    checkpoint::{Checkpoint, CheckpointError},
    hash::{Hash, empty_root},
    key::VerifierKey,
    note::MAX_NOTE_LENGTH,
    proof::{VerifyError, verify_consistency},
};

/// The maximum number of hashes in a proof for a witness.
pub const MAX_PROOF_LINES: usize = 63;

/// The maximum length of a request, in bytes: `old`, a number of 20 digits, hashes of 45 bytes
/// each, and a note.
pub const MAX_REQUEST_LENGTH: usize = 32 + MAX_PROOF_LINES * 45 + MAX_NOTE_LENGTH;

/// A request to a witness to cosign a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size of the checkpoint that the witness cosigned last; 0 if there is none.
    pub old: u64,
    /// The proof that the log was only extended since then.
    pub proof: Vec<Hash>,
    /// The checkpoint's note.
    pub checkpoint: String,
}

/// Why a text is not an [`AddCheckpoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an add-checkpoint request")]
pub struct InvalidRequest;

/// Why a witness does not cosign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CosignError {
    /// The log has not signed the checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The old size is larger than the checkpoint's.
    #[error("the old size is larger than the checkpoint's")]
    OldIsLarger,
    /// The last cosigned checkpoint has another size, which is the field.
    #[error("the last cosigned checkpoint has another size: {0} entries")]
    Stale(u64),
    /// The log has signed two roots for the same number of entries.
    #[error("another history: {0} entries were cosigned with another root")]
    AnotherRoot(u64),
    /// The checkpoint does not continue the last cosigned one, or the proof is wrong.
    #[error("no proof that the log has only grown: {0}")]
    Proof(#[from] VerifyError),
}

impl AddCheckpoint {
    /// Checks the request for a witness that trusts `key`.
    ///
    /// `latest` is size and root of the checkpoint of this log that the witness cosigned last.
    /// Before the witness cosigns the returned checkpoint, it must store it. Between the read of
    /// `latest` and this store, it must not handle another request for this log.
    ///
    /// # Errors
    /// The first [`CosignError`] in the specification's order of checks.
    pub fn verify(&self, key: &VerifierKey, latest: Option<(u64, Hash)>) -> Result<Checkpoint, CosignError> {
        self.verify_for_origin(key.name(), key, latest)
    }

    /// Checks a request for a log whose origin is not the key's name; else as
    /// [`AddCheckpoint::verify`].
    ///
    /// # Errors
    /// The errors of [`AddCheckpoint::verify`].
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

    /// The origin of the log: the first line of the checkpoint, not verified.
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
    // The size has one spelling.
    let is_valid = old.to_string() == digits && rest.len() <= MAX_NOTE_LENGTH;
    is_valid.then(|| AddCheckpoint { old, proof, checkpoint: rest.to_owned() })
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
