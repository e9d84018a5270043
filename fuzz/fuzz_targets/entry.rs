//! A line of the log: an accepted line is the canonical form of its content.

#![no_main]

use acclaim_ballot_log::LogEntry;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    match LogEntry::decode(line) {
        Ok(entry) => assert_eq!(entry.encode().as_deref(), Ok(line)),
        // Auditors see this message, so it is short for any line.
        Err(error) => assert!(error.to_string().len() < 1_000),
    }
});
