//! Blocks of the intake's buffer.
//!
//! An item without a valid MAC is refused. A genuine item is written to the same bytes.

#![no_main]

use acclaim_contest::ContestId;
use acclaim_store_redis::fuzz::{genuine_item, item, items};
use libfuzzer_sys::fuzz_target;

const KEY: [u8; 32] = [7; 32];

fuzz_target!(|bytes: &[u8]| {
    let contest: ContestId = "photos".parse().unwrap();
    assert!(items(&KEY, &contest, bytes.to_vec()).0.is_empty(), "a forged item");
    let genuine = genuine_item(&KEY, &contest, bytes);
    let (read, forged) = items(&KEY, &contest, genuine.clone());
    assert_eq!(read.len() as u64 + forged, 1);
    for decoded in read {
        assert_eq!(item(&KEY, &contest, &decoded), genuine);
    }
});
