//! Checkpoints, after C2SP tlog-checkpoint: a log's size and root in a signed note.
//!
//! ```text
//! <origin>\n
//! <size, decimal>\n
//! <base64(root)>\n
//! \n
//! — <origin> <base64(key id || ed25519 signature)>\n
//! ```

use std::fmt;

use crate::{
    hash::Hash,
    key::{SigningKey, VerifierKey},
    note::{self, NoteError},
};

/// Size and root of a log at one point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's origin.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Root hash of the tree over these entries.
    pub root: Hash,
}

/// Why a checkpoint is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note is refused.
    #[error("the checkpoint is refused: {0}")]
    Note(#[from] NoteError),
    /// The note is signed, but its text is not origin, size and root.
    #[error("the checkpoint does not consist of origin, size and root")]
    Malformed,
    /// The note is signed by the key, but for another log.
    #[error("the checkpoint and the key are of different logs")]
    AnotherLog,
}

impl SigningKey {
    /// Signs the statement that this key's log had `root` at `size` entries, and returns the note.
    ///
    /// Ed25519 is deterministic, so the same arguments give the same note.
    #[must_use]
    pub fn sign(&self, size: u64, root: Hash) -> String {
        self.sign_for_origin(self.verifier().name(), size, root)
    }

    /// Signs for a log whose origin is not the key's name; else as [`SigningKey::sign`].
    #[must_use]
    pub fn sign_for_origin(&self, origin: &str, size: u64, root: Hash) -> String {
        let origin = origin.to_owned();
        note::sign(&Checkpoint { origin, size, root }.to_string(), self)
    }
}

impl Checkpoint {
    /// Reads a note that `key` must have signed. The log's origin is the key's name.
    ///
    /// Signatures of other keys, for example of witnesses, are ignored. Lines after the root are
    /// ignored too: the specification reserves them for extensions.
    ///
    /// # Errors
    /// [`CheckpointError`]
    pub fn open(note: impl AsRef<[u8]>, key: &VerifierKey) -> Result<Self, CheckpointError> {
        Self::open_for_origin(note, key.name(), key)
    }

    /// Reads a note of a log whose origin is not the key's name; else as [`Checkpoint::open`].
    ///
    /// The specification recommends that origin and name are equal, but does not require it.
    ///
    /// # Errors
    /// [`CheckpointError`]
    pub fn open_for_origin(
        note: impl AsRef<[u8]>,
        origin: &str,
        key: &VerifierKey,
    ) -> Result<Self, CheckpointError> {
        let text = note::open(note.as_ref(), key)?;
        let checkpoint = Self::parse(text).ok_or(CheckpointError::Malformed)?;
        if checkpoint.origin == origin { Ok(checkpoint) } else { Err(CheckpointError::AnotherLog) }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let origin = lines.next()?.to_owned();
        let digits = lines.next()?;
        let size: u64 = digits.parse().ok()?;
        let root = lines.next()?.parse().ok()?;
        // The size has one spelling. An extension line is never empty.
        let canonical = size.to_string() == digits && lines.all(|line| !line.is_empty());
        canonical.then_some(Self { origin, size, root })
    }
}

impl fmt::Display for Checkpoint {
    /// Writes the signed text: three lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, self.root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::{empty_root, leaf_hash};
    use crate::note::{MAX_NOTE_LENGTH, MAX_SIGNATURES};

    const ORIGIN: &str = "vote.example.org/photo-2021";

    fn key() -> SigningKey {
        SigningKey::from_seed(ORIGIN, &[1; 32]).unwrap()
    }

    fn open(note: impl AsRef<[u8]>) -> Result<Checkpoint, CheckpointError> {
        Checkpoint::open(note, key().verifier())
    }

    #[test]
    fn reads_signed_checkpoint() {
        for size in [0, 1, u64::MAX] {
            let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size, root: leaf_hash(b"") };
            assert_eq!(open(key().sign(size, checkpoint.root)), Ok(checkpoint));
        }
    }

    #[test]
    fn any_flipped_bit_of_text_or_signature_is_refused() {
        let note = key().sign(13, empty_root());
        for bit in 0..note.len() * 8 {
            let mut flipped = note.clone().into_bytes();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn signatures_of_others_are_ignored_and_wrong_ones_refused() {
        let note = key().sign(13, empty_root());
        let (text, own) = note.split_once("\n\n").unwrap();
        let line = |key: &SigningKey| {
            let note = note::sign(&format!("{text}\n"), key);
            note.split_once("\n\n").unwrap().1.to_owned()
        };
        let other_key = line(&SigningKey::from_seed(ORIGIN, &[2; 32]).unwrap());
        let witness = line(&SigningKey::from_seed("witness.example.org", &[3; 32]).unwrap());
        let unknown_kind = "\u{2014} witness.example.org/w AAAAAAA=\n";
        let with = |signatures: &[&str]| open(format!("{text}\n\n{}", signatures.concat()));
        assert!(with(&[own]).is_ok());
        assert!(with(&[&witness, unknown_kind, own, &other_key]).is_ok());
        assert!(with(&[own, own]).is_ok());
        assert_eq!(with(&[&witness, &other_key]), Err(NoteError::NotSigned.into()));
        assert_eq!(with(&[]), Err(NoteError::Malformed.into()));

        let of_other_text = key().sign(14, empty_root());
        let (_, wrong) = of_other_text.split_once("\n\n").unwrap();
        assert_eq!(with(&[wrong]), Err(NoteError::WrongSignature.into()));
        assert_eq!(with(&[own, wrong]), Err(NoteError::WrongSignature.into()));

        assert!(with(&[&witness.repeat(MAX_SIGNATURES - 1), own]).is_ok());
        assert_eq!(with(&[&witness.repeat(MAX_SIGNATURES), own]), Err(NoteError::TooLong.into()));
        assert_eq!(open(vec![b'\n'; MAX_NOTE_LENGTH + 1]), Err(NoteError::TooLong.into()));
    }

    #[test]
    fn other_forms_of_a_note_are_refused() {
        let note = key().sign(13, empty_root());
        for (from, to) in [
            ("\u{2014} ", "- "),
            ("\u{2014} ", "\u{2014}  "),
            ("\n\n", "\n"),
            ("\n13\n", "\n13\r\n"),
            ("\n13\n", "\n13\t\n"),
        ] {
            assert_eq!(open(note.replace(from, to)), Err(NoteError::Malformed.into()), "{from:?} {to:?}");
        }
        for bad in [format!("{note}\n"), format!("{note}x"), note.trim_end().to_owned(), format!("\n{note}")]
        {
            assert!(open(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_signed_text_that_is_no_checkpoint_is_refused() {
        let signed = |text: String| open(note::sign(&text, &key()));
        let root = empty_root();
        assert!(signed(format!("{ORIGIN}\n13\n{root}\n")).is_ok());
        assert!(signed(format!("{ORIGIN}\n13\n{root}\nextension\n")).is_ok());
        for text in [
            format!("{ORIGIN}\n"),
            format!("{ORIGIN}\n13\n"),
            format!("{ORIGIN}\n13\n{root}\n\n"),
            format!("{ORIGIN}\n013\n{root}\n"),
            format!("{ORIGIN}\n+13\n{root}\n"),
            format!("{ORIGIN}\n-1\n{root}\n"),
            format!("{ORIGIN}\n18446744073709551616\n{root}\n"),
            format!("{ORIGIN}\n\n{root}\n"),
            format!("{ORIGIN}\n13\n{root}=\n"),
            format!("{ORIGIN}\n13\n{}\n", &root.to_string()[..43]),
        ] {
            assert_eq!(signed(text.clone()), Err(CheckpointError::Malformed), "{text}");
        }
        assert_eq!(signed(format!("{ORIGIN}x\n13\n{root}\n")), Err(CheckpointError::AnotherLog));
    }
}
