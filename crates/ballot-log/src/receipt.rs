//! Receipts, after C2SP tlog-proof: where in the log a ballot is, the audit path from there to the root, and the checkpoint.
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
//! A receipt does not contain the entry, so that it names no choice. One with the leaf hash proves by itself that an entry with this hash is in the log; that
//! it is a certain ballot only the entry shows.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::hash::Hash;
use crate::key::VerifierKey;
use crate::note::MAX_NOTE_LENGTH;
use crate::proof::{MAX_PROOF_LENGTH, VerifyError, verify_inclusion};

const HEADER: &str = "c2sp.org/tlog-proof@v1\n";

/// The longest extra data that is read, in bytes.
const MAX_EXTRA_LENGTH: usize = 1024;

/// A proof that an entry is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Data that whoever made the receipt put into it; no signature covers it.
    pub extra: Option<Vec<u8>>,
    /// The entry's place in the log, from 0.
    pub index: u64,
    /// The audit path, the leaf's sibling first.
    pub path: Vec<Hash>,
    /// The checkpoint that the path leads to, as it was signed.
    pub checkpoint: String,
}

/// Why a receipt is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not of the form of a tlog-proof.
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
    /// The leaf hash that the receipt itself names, if it does. What [`Receipt::verify`] finds true of it is true.
    #[must_use]
    pub fn leaf(&self) -> Option<Hash> {
        Some(Hash(self.extra.as_deref()?.try_into().ok()?))
    }

    /// Checks that the entry with this leaf hash is in the log, at [`Receipt::index`], and returns the checkpoint that says so.
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

    /// Reads the form; whether it is true only [`Receipt::verify`] can tell.
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
    let fits = index.to_string() == digits && rest.len() <= MAX_NOTE_LENGTH;
    fits.then(|| Receipt { extra, index, path, checkpoint: rest.to_owned() })
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
