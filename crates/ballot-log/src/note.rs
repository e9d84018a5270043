//! Signed notes, after C2SP signed-note: a text, a blank line, and signature lines.
//!
//! A signature line is `— <name> <base64(key id || signature)>`.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::key::{SigningKey, VerifierKey, is_origin};

/// The maximum length of a note, in bytes.
pub const MAX_NOTE_LENGTH: usize = 65_536;

/// The maximum number of signatures of a note.
pub const MAX_SIGNATURES: usize = 64;

const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// Why a note is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// More than [`MAX_NOTE_LENGTH`] bytes or [`MAX_SIGNATURES`] signatures.
    #[error("longer than {MAX_NOTE_LENGTH} bytes or with more than {MAX_SIGNATURES} signatures")]
    TooLong,
    /// The bytes are not a text, a blank line and signature lines.
    #[error("not a signed note")]
    Malformed,
    /// No signature names the known key.
    #[error("not signed by the known key")]
    NotSigned,
    /// A signature names the known key, but the key did not make it.
    #[error("the signature is wrong")]
    WrongSignature,
}

/// Signs a text, which must end with a newline, and returns the note.
pub(crate) fn sign(text: &str, key: &SigningKey) -> String {
    let verifier = key.verifier();
    let line = signature_line(verifier.name(), verifier.id(), &key.sign_bytes(text.as_bytes()));
    format!("{text}\n{line}\n")
}

/// A note in parsed form. Its signatures are not verified yet.
pub(crate) struct Note<'a> {
    /// The text with the newline at its end.
    pub(crate) text: &'a str,
    signatures: Vec<Signature<'a>>,
}

/// One signature line.
struct Signature<'a> {
    /// The line without the newline at its end.
    line: &'a str,
    name: &'a str,
    id: [u8; 4],
    bytes: Vec<u8>,
}

impl<'a> Note<'a> {
    /// Parses the form of a note.
    pub(crate) fn parse(note: &'a [u8]) -> Result<Self, NoteError> {
        if note.len() > MAX_NOTE_LENGTH {
            return Err(NoteError::TooLong);
        }
        let note = std::str::from_utf8(note).map_err(|_| NoteError::Malformed)?;
        if note.bytes().any(|b| b < b' ' && b != b'\n') {
            return Err(NoteError::Malformed);
        }
        // The text may have blank lines, but the signatures have none. So the last blank line
        // separates them.
        let blank = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
        let (text, signatures) = note.split_at_checked(blank + 1).ok_or(NoteError::Malformed)?;
        let lines = signatures
            .strip_prefix('\n')
            .and_then(|lines| lines.strip_suffix('\n'))
            .ok_or(NoteError::Malformed)?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() >= MAX_SIGNATURES {
                return Err(NoteError::TooLong);
            }
            signatures.push(Signature::parse(line).ok_or(NoteError::Malformed)?);
        }
        Ok(Self { text, signatures })
    }

    /// The signatures that name this key, each with its line.
    ///
    /// The caller must refuse the note if one of them is not valid.
    pub(crate) fn signatures_of(&self, name: &str, id: [u8; 4]) -> impl Iterator<Item = (&'a str, &[u8])> {
        let is_of_key = move |signature: &&Signature<'_>| signature.name == name && signature.id == id;
        self.signatures.iter().filter(is_of_key).map(|signature| (signature.line, &*signature.bytes))
    }
}

impl<'a> Signature<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (name, signature) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
        let mut bytes = STANDARD.decode(signature).ok()?;
        let id = *bytes.first_chunk::<4>()?;
        bytes.drain(..id.len());
        (is_origin(name) && !bytes.is_empty()).then_some(Self { line, name, id, bytes })
    }
}

/// A signature's line, without the newline at its end.
pub(crate) fn signature_line(name: &str, id: [u8; 4], bytes: &[u8]) -> String {
    format!("{SIGNATURE_PREFIX}{name} {}", STANDARD.encode([&id, bytes].concat()))
}

/// Returns the text of a note if `key` has signed it, with the newline at its end.
///
/// Signatures of other keys are ignored.
pub(crate) fn open<'a>(note: &'a [u8], key: &VerifierKey) -> Result<&'a str, NoteError> {
    let note = Note::parse(note)?;
    let mut signed = false;
    for (_, signature) in note.signatures_of(key.name(), key.id()) {
        let signature = signature.try_into().map_err(|_| NoteError::WrongSignature)?;
        if !key.has_signed(note.text.as_bytes(), signature) {
            return Err(NoteError::WrongSignature);
        }
        signed = true;
    }
    if signed { Ok(note.text) } else { Err(NoteError::NotSigned) }
}
