//! Signed notes and their checkpoints, from strangers and with a signature of the log's own key.

#![no_main]

use acclaim_ballot_log::{Checkpoint, SigningKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::Signer as _;
use libfuzzer_sys::fuzz_target;
use signed_note::{Note, StandardVerifier, VerifierList};

const ORIGIN: &str = "vote.example.org/photo-2021";
const SEED: [u8; 32] = [1; 32];

fuzz_target!(|bytes: &[u8]| {
    let key = SigningKey::from_seed(ORIGIN, &SEED).unwrap();
    if let Ok(checkpoint) = Checkpoint::open(bytes, key.verifier()) {
        assert!(bytes.starts_with(checkpoint.to_string().as_bytes()));
        let verifier = StandardVerifier::new(&key.verifier().to_string()).unwrap();
        let note = Note::from_bytes(bytes).unwrap();
        assert_eq!(note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap().0.len(), 1);
    }
    // Any text, with a valid signature.
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut signature = key.verifier().id().to_vec();
    signature.extend(ed25519_dalek::SigningKey::from_bytes(&SEED).sign(text.as_bytes()).to_bytes());
    let note = format!("{text}\n\u{2014} {ORIGIN} {}\n", STANDARD.encode(signature));
    if let Ok(checkpoint) = Checkpoint::open(&note, key.verifier()) {
        assert!(text.starts_with(&checkpoint.to_string()));
        let theirs = tlog_tiles::Checkpoint::from_bytes(text.as_bytes()).unwrap();
        assert_eq!((theirs.origin(), theirs.size()), (&*checkpoint.origin, checkpoint.size));
        assert_eq!(theirs.hash().0, checkpoint.root.0);
    }
});
