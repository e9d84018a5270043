//! Verifier keys: each key has one spelling, and another implementation accepts it too.

#![no_main]

use acclaim_ballot_log::VerifierKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
        assert!(signed_note::StandardVerifier::new(text).is_ok());
    }
});
