//! Requests to a witness, and cosignatures in notes.
//!
//! A request that is read is written to the same text. The witness cosigns only checkpoints that
//! the log has signed. A line counts as a witness's only if the witness's key made it.

#![no_main]

use acclaim_ballot_log::{AddCheckpoint, CosigningKey, SigningKey, leaf_hash};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let witness = CosigningKey::from_seed("witness.example.org", &[2; 32]).unwrap();
    if let Ok(found) = witness.verifier().find(text) {
        // The only line that the seed's key can have made.
        assert_eq!(witness.cosign(text, found.time).unwrap().trim_end(), found.line);
    }
    let Ok(request) = text.parse::<AddCheckpoint>() else { return };
    assert_eq!(request.to_string(), text);
    let key = SigningKey::from_seed("vote.example.org/photo-2021", &[1; 32]).unwrap();
    for latest in [None, Some((1, leaf_hash(b"another"))), Some((request.old, leaf_hash(b"another")))] {
        if let Ok(checkpoint) = request.verify(key.verifier(), latest) {
            assert!(latest.is_none() && request.old == 0, "{checkpoint} does not continue what was cosigned");
            assert_eq!(checkpoint.origin, key.verifier().name());
        }
    }
});
