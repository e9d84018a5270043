//! Messages between processes, and publications kept in Redis (MessagePack).
//!
//! A message without a valid MAC is refused. A decoded value, written and read again, is the same.

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
