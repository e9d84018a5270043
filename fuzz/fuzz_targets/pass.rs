//! Passes from strangers, and bodies with a valid MAC of the pass key.
//!
//! A pass that is read is minted to the same text.

#![no_main]

use acclaim_contest::{
    ContestId,
    pass::{Pass, PassKey},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

fn check(text: &str, key: &PassKey, contest: &ContestId) {
    let now = Timestamp::from_second(1_600_000_000).unwrap();
    if let Ok(pass) = Pass::verify(text, std::slice::from_ref(key), contest, now) {
        assert!(pass.expires > now);
        assert_eq!(pass.mint(key, contest).as_deref(), Some(text));
    }
}

fuzz_target!(|bytes: &[u8]| {
    let key = PassKey { id: 1, secret: [1; 32] };
    let contest: ContestId = "photos".parse().unwrap();
    if let Ok(text) = std::str::from_utf8(bytes) {
        check(text, &key, &contest);
    }
    let mac = blake3::keyed_hash(&key.secret, bytes);
    let genuine = [bytes, &mac.as_bytes()[..16]].concat();
    check(&URL_SAFE_NO_PAD.encode(genuine), &key, &contest);
});
