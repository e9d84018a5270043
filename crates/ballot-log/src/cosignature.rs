//! Cosignatures of witnesses, after C2SP tlog-cosignature.
//!
//! A cosignature is a line in a checkpoint's note. With it a witness states that it saw this
//! checkpoint at a time, and no checkpoint that is inconsistent with it.
//!
//! The signature has type 4: Ed25519 over `cosignature/v1\ntime <seconds>\n` and the checkpoint's
//! text. The line contains key id, time (eight bytes, big-endian) and signature.

use std::{fmt, str::FromStr};

use ed25519_dalek::Signer as _;

use crate::{
    key::{COSIGNATURE, InvalidOrigin, InvalidVerifierKey, PublicKey},
    note::{Note, NoteError, signature_line},
};

/// The latest time that a cosignature may have, in seconds since 1970, UTC.
const MAX_TIME: u64 = i64::MAX.unsigned_abs();

/// The key with which one witness cosigns.
#[derive(Clone)]
pub struct CosigningKey {
    secret: ed25519_dalek::SigningKey,
    verifier: WitnessKey,
}

impl CosigningKey {
    /// The key of the witness `name`, made from 32 secret random bytes.
    ///
    /// No other witness and no log may have the same bytes.
    ///
    /// # Errors
    /// [`InvalidOrigin`]
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, InvalidOrigin> {
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        let verifier = WitnessKey(PublicKey::new(name, COSIGNATURE, secret.verifying_key())?);
        Ok(Self { secret, verifier })
    }

    /// The public key that verifies this key's cosignatures.
    #[must_use]
    pub fn verifier(&self) -> &WitnessKey {
        &self.verifier
    }

    /// Cosigns a checkpoint's note and returns the signature line, with a newline at its end.
    ///
    /// `time` is in seconds since 1970, UTC. The note with the line appended is the cosigned note.
    ///
    /// # Errors
    /// [`NoteError::Malformed`], [`NoteError::TooLong`]
    pub fn cosign(&self, note: impl AsRef<[u8]>, time: u64) -> Result<String, NoteError> {
        let note = Note::parse(note.as_ref())?;
        let signature = self.secret.sign(message(note.text, time).as_bytes()).to_bytes();
        let bytes = [&time.to_be_bytes()[..], &signature].concat();
        let mut line = signature_line(self.verifier.name(), self.verifier.0.id(), &bytes);
        line.push('\n');
        Ok(line)
    }
}

impl fmt::Debug for CosigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CosigningKey {{ verifier: {}, .. }}", self.verifier)
    }
}

/// The public key of one witness. Its text form is `name+hex(key id)+base64(0x04 || public key)`.
#[derive(Clone, PartialEq, Eq)]
pub struct WitnessKey(PublicKey);

/// A witness's verified cosignature of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cosignature<'a> {
    /// When it was made, in seconds since 1970, UTC, by the witness's clock.
    pub time: u64,
    /// The signature line in the note, without the newline.
    pub line: &'a str,
}

impl WitnessKey {
    /// The witness's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Verifies this witness's cosignatures in a note, and returns the newest.
    ///
    /// The log's own signature is not verified here.
    ///
    /// # Errors
    /// [`NoteError`]: [`NoteError::NotSigned`] if there is none, [`NoteError::WrongSignature`] if a
    /// line that names this key is not signed by it.
    pub fn find<'a>(&self, note: &'a str) -> Result<Cosignature<'a>, NoteError> {
        let note = Note::parse(note.as_bytes())?;
        let mut newest: Option<Cosignature<'a>> = None;
        for (line, bytes) in note.signatures_of(self.name(), self.0.id()) {
            let time = self.verify(note.text, bytes).ok_or(NoteError::WrongSignature)?;
            if newest.is_none_or(|newest| newest.time < time) {
                newest = Some(Cosignature { time, line });
            }
        }
        newest.ok_or(NoteError::NotSigned)
    }

    fn verify(&self, text: &str, bytes: &[u8]) -> Option<u64> {
        let (time, signature) = bytes.split_first_chunk::<8>()?;
        let time = u64::from_be_bytes(*time);
        // Without a time a cosignature is a weaker statement than the one required here.
        let is_time = (1..=MAX_TIME).contains(&time);
        (is_time && self.0.has_signed(message(text, time).as_bytes(), signature.try_into().ok()?))
            .then_some(time)
    }
}

impl FromStr for WitnessKey {
    type Err = InvalidVerifierKey;

    fn from_str(text: &str) -> Result<Self, InvalidVerifierKey> {
        PublicKey::parse(text, COSIGNATURE).map(Self)
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The signed bytes.
fn message(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checkpoint, SigningKey, hash::empty_root};

    const ORIGIN: &str = "vote.example.org/photo-2021";

    fn log() -> SigningKey {
        SigningKey::from_seed(ORIGIN, &[1; 32]).unwrap()
    }

    fn witness() -> CosigningKey {
        CosigningKey::from_seed("witness.example.org/w1", &[2; 32]).unwrap()
    }

    /// A public log's checkpoint with a public witness's cosignature. The line of another type is
    /// left out.
    #[test]
    fn a_cosignature_of_a_public_witness_is_verified() {
        let key: WitnessKey =
            "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G"
                .parse()
                .unwrap();
        let note = "coachandhorses2026h1.staging.certificate.transparency.goog\n185550722\n\
            YXAM0VmnrfvLaBCOOYSJhCaE5F10oGBOo+hkbDa1kng=\n\n\
            \u{2014} coachandhorses2026h1.staging.certificate.transparency.goog MpXgsHy8ZwxXnO+WjtVrPxAzL49Rs1gWTkNVNeEa//5peAzaocRCB3qt3EaibjzY5GILLtGgBP7dBhgcSHy+JQh0OAc=\n\
            \u{2014} witness.navigli.sunlight.geomys.org o+AP4gAAAABqb7DzNrGFRJnQ9vrJ8xpnwZytnr/ZYczDIsvwvouiSjwOjn7a72ccxBk+lKnZ7dKqkYKER1s/KxLTaVwQD7lJZTC/CQ==\n";
        assert_eq!(key.find(note).unwrap().time, 0x6a6f_b0f3);
        assert_eq!(key.find(&note.replace("185550722", "185550723")), Err(NoteError::WrongSignature));
    }

    #[test]
    fn cosigned_note_is_valid_for_log_and_witness() {
        let note = log().sign(13, empty_root());
        let (one, two) =
            (witness().cosign(&note, 1_679_315_147).unwrap(), witness().cosign(&note, 7).unwrap());
        let cosigned = format!("{note}{two}{one}");
        assert_eq!(Checkpoint::open(&cosigned, log().verifier()).unwrap().size, 13);
        let cosignature = witness().verifier().find(&cosigned).unwrap();
        assert_eq!((cosignature.time, format!("{}\n", cosignature.line)), (1_679_315_147, one.clone()));

        let refused = |note: &str| witness().verifier().find(note).unwrap_err();
        assert_eq!(refused(&note), NoteError::NotSigned);
        let other = CosigningKey::from_seed("witness.example.org/w2", &[2; 32]).unwrap();
        assert_eq!(refused(&format!("{note}{}", other.cosign(&note, 1).unwrap())), NoteError::NotSigned);
        // A cosignature of another checkpoint, alone and after a correct one.
        let wrong = witness().cosign(log().sign(14, empty_root()), 1).unwrap();
        assert_eq!(refused(&format!("{note}{wrong}")), NoteError::WrongSignature);
        assert_eq!(refused(&format!("{note}{one}{wrong}")), NoteError::WrongSignature);
        for time in [0, MAX_TIME + 1] {
            let line = witness().cosign(&note, time).unwrap();
            assert_eq!(refused(&format!("{note}{line}")), NoteError::WrongSignature, "{time}");
        }
        // A signature of a log's type with the witness's key id.
        let plain = signature_line(witness().verifier().name(), witness().verifier().0.id(), &[0; 64]);
        assert_eq!(refused(&format!("{note}{plain}\n")), NoteError::WrongSignature);
    }

    #[test]
    fn any_flipped_bit_is_refused() {
        let note = log().sign(13, empty_root());
        let cosigned = format!("{note}{}", witness().cosign(&note, 1_679_315_147).unwrap());
        let signatures = cosigned.find("\n\n").unwrap();
        let line = note.len();
        for bit in (0..signatures * 8).chain(line * 8..cosigned.len() * 8) {
            let mut flipped = cosigned.clone().into_bytes();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let is_valid = String::from_utf8(flipped).map(|note| witness().verifier().find(&note).is_ok());
            assert_ne!(is_valid, Ok(true), "bit {bit}");
        }
    }

    #[test]
    fn rejects_log_key_as_witness_key() {
        let text = witness().verifier().to_string();
        assert_eq!(text.parse(), Ok(witness().verifier().clone()));
        assert!(text.starts_with("witness.example.org/w1+") && text.contains("+B"), "{text}");
        assert!(
            text.parse::<crate::VerifierKey>().unwrap_err().to_string().contains("type 4 a witness's key")
        );
        let log = log().verifier().to_string();
        assert_eq!(log.parse::<WitnessKey>(), Err(InvalidVerifierKey::Type { found: 1, wanted: 4 }));
        assert!(!format!("{:?}", witness()).contains("secret"));
    }
}
