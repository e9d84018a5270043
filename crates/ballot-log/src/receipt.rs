//! Receipts, after C2SP tlog-proof: a ballot's index in the log, the audit path and the checkpoint.
//!
//! ```text
//! c2sp.org/tlog-proof@v1\n
//! extra <base64>\n       (may be absent; ours is the entry's leaf hash)
//! index <index>\n
//! <base64 hash>\n ...      (audit path, the leaf's sibling first)
//! \n
//! <checkpoint, verbatim>
//! ```
//!
//! A receipt does not contain the entry, so that it does not reveal the voter's choice. A receipt
//! with the leaf hash proves that an entry with this hash is in the log. Only the entry proves that
//! it is a certain ballot.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    checkpoint::{Checkpoint, CheckpointError},
    hash::Hash,
    key::VerifierKey,
    note::MAX_NOTE_LENGTH,
    proof::{MAX_PROOF_LENGTH, VerifyError, verify_inclusion},
};

const HEADER: &str = "c2sp.org/tlog-proof@v1\n";

/// The maximum length of the extra data, in bytes.
const MAX_EXTRA_LENGTH: usize = 1024;

/// A proof that an entry is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Data that the issuer of the receipt added. No signature covers it.
    pub extra: Option<Vec<u8>>,
    /// The entry's index in the log.
    pub index: u64,
    /// The audit path, the leaf's sibling first.
    pub path: Vec<Hash>,
    /// The checkpoint of the path's root, with the bytes that were signed.
    pub checkpoint: String,
}

/// Why a receipt is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The text is not a tlog-proof.
    #[error("not a receipt")]
    Malformed,
    /// The checkpoint in it is refused.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The path does not lead from the entry to the checkpoint's root.
    #[error("the receipt is not of this entry: {0}")]
    Proof(#[from] VerifyError),
}

impl Receipt {
    /// The leaf hash in the receipt, if there is one. Only [`Receipt::verify`] proves it.
    #[must_use]
    pub fn leaf(&self) -> Option<Hash> {
        Some(Hash(self.extra.as_deref()?.try_into().ok()?))
    }

    /// Verifies that the entry with this leaf hash is in the log at [`Receipt::index`].
    ///
    /// Returns the checkpoint that covers the entry.
    ///
    /// # Errors
    /// [`ReceiptError::Checkpoint`], [`ReceiptError::Proof`]
    pub fn verify(&self, leaf: Hash, key: &VerifierKey) -> Result<Checkpoint, ReceiptError> {
        let checkpoint = Checkpoint::open(&self.checkpoint, key)?;
        verify_inclusion(leaf, self.index, checkpoint.size, &self.path, checkpoint.root)?;
        Ok(checkpoint)
    }
}

impl FromStr for Receipt {
    type Err = ReceiptError;

    /// Parses the form. Only [`Receipt::verify`] verifies the content.
    fn from_str(text: &str) -> Result<Self, ReceiptError> {
        parse(text).ok_or(ReceiptError::Malformed)
    }
}

fn parse(text: &str) -> Option<Receipt> {
    let mut text = text.strip_prefix(HEADER)?;
    let mut extra = None;
    if let Some((data, rest)) = text.strip_prefix("extra ").and_then(|rest| rest.split_once('\n')) {
        extra = Some(STANDARD.decode(data).ok().filter(|data| data.len() <= MAX_EXTRA_LENGTH)?);
        text = rest;
    }
    let (digits, mut rest) = text.strip_prefix("index ")?.split_once('\n')?;
    let index: u64 = digits.parse().ok()?;
    let mut path = Vec::new();
    loop {
        let (line, tail) = rest.split_once('\n')?;
        rest = tail;
        if line.is_empty() {
            break;
        }
        if path.len() == MAX_PROOF_LENGTH {
            return None;
        }
        path.push(line.parse().ok()?);
    }
    let is_valid = index.to_string() == digits && rest.len() <= MAX_NOTE_LENGTH;
    is_valid.then(|| Receipt { extra, index, path, checkpoint: rest.to_owned() })
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEADER)?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
