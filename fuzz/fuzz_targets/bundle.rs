//! Entry bundles: an accepted bundle encodes to the same bytes and has as many entries as its
//! width.

#![no_main]

use acclaim_ballot_log::bundle::{decode_bundle, encode_bundle};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &[u8])| {
    let (width, bytes) = input;
    if let Ok(entries) = decode_bundle(bytes, width) {
        assert_eq!(entries.len(), usize::from(width));
        if width <= 256 {
            assert_eq!(encode_bundle(entries).as_deref(), Ok(bytes));
        }
    }
});
