//! Messages between processes and publications kept in Redis (MessagePack): without a MAC nothing is taken; what is read is written to
//! something that reads the same.

#![no_main]

use acclaim_store_redis::fuzz::{is_genuine, message, publication};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    assert!(!is_genuine(bytes));
    for read in [message, publication] {
        if let Some(written) = read(bytes) {
            assert_eq!(read(&written).as_ref(), Some(&written));
        }
    }
});
