//! Signed notes, after C2SP signed-note: a text, a blank line, and lines `— <name> <base64(key id || signature)>`.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::key::{SigningKey, VerifierKey, is_origin};

/// The longest note that is read, in bytes.
pub const MAX_NOTE_LENGTH: usize = 65_536;

/// The most signatures of a note that is read.
pub const MAX_SIGNATURES: usize = 64;

const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// Why a note is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// More than [`MAX_NOTE_LENGTH`] bytes or [`MAX_SIGNATURES`] signatures.
    #[error("longer than {MAX_NOTE_LENGTH} bytes or with more than {MAX_SIGNATURES} signatures")]
    TooLong,
    /// Not a text, a blank line and signature lines.
    #[error("not a signed note")]
    Malformed,
    /// No signature is of the known key.
    #[error("not signed by the known key")]
    NotSigned,
    /// A signature that names the known key is not its.
    #[error("the signature is wrong")]
    WrongSignature,
}

/// Signs a text, which ends with a newline, and returns the note.
pub(crate) fn sign(text: &str, key: &SigningKey) -> String {
    let verifier = key.verifier();
    let mut signature = verifier.id().to_vec();
    signature.extend(key.sign_bytes(text.as_bytes()));
    format!("{text}\n{SIGNATURE_PREFIX}{} {}\n", verifier.name(), STANDARD.encode(signature))
}

/// Returns the text of a note, with the newline at its end, if `key` has signed it. Signatures of other keys are ignored.
pub(crate) fn open<'a>(note: &'a [u8], key: &VerifierKey) -> Result<&'a str, NoteError> {
    if note.len() > MAX_NOTE_LENGTH {
        return Err(NoteError::TooLong);
    }
    let note = std::str::from_utf8(note).map_err(|_| NoteError::Malformed)?;
    if note.bytes().any(|b| b < b' ' && b != b'\n') {
        return Err(NoteError::Malformed);
    }
    // The text may have blank lines, the signatures have none: the last one divides.
    let blank = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
    let (text, signatures) = note.split_at_checked(blank + 1).ok_or(NoteError::Malformed)?;
    let lines = signatures
        .strip_prefix('\n')
        .and_then(|lines| lines.strip_suffix('\n'))
        .ok_or(NoteError::Malformed)?;
    let mut signed = false;
    for (position, line) in lines.split('\n').enumerate() {
        if position >= MAX_SIGNATURES {
            return Err(NoteError::TooLong);
        }
        let (name, bytes) = parse_signature(line).ok_or(NoteError::Malformed)?;
        let (id, signature) = bytes.split_first_chunk::<4>().ok_or(NoteError::Malformed)?;
        if signature.is_empty() {
            return Err(NoteError::Malformed);
        }
        if name == key.name() && *id == key.id() {
            let signature = signature.try_into().map_err(|_| NoteError::WrongSignature)?;
            if !key.verifies(text.as_bytes(), signature) {
                return Err(NoteError::WrongSignature);
            }
            signed = true;
        }
    }
    if signed { Ok(text) } else { Err(NoteError::NotSigned) }
}

fn parse_signature(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, signature) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
    if !is_origin(name) {
        return None;
    }
    Some((name, STANDARD.decode(signature).ok()?))
}
