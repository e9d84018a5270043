//! Receipts: a receipt that is read is written to the same text, and no receipt proves a false
//! leaf.

#![no_main]

use acclaim_ballot_log::{Receipt, SigningKey, leaf_hash};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(receipt) = text.parse::<Receipt>() else { return };
    assert_eq!(receipt.to_string(), text);
    let key = SigningKey::from_seed("vote.example.org/photo-2021", &[1; 32]).unwrap();
    if let Ok(checkpoint) = receipt.verify(leaf_hash(b"not in the log"), key.verifier()) {
        panic!("a proof for a leaf that is not in the log: {} in {checkpoint}", receipt.index);
    }
});
