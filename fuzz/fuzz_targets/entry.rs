//! A line of the log: whatever is accepted is the canonical form of what it says.

#![no_main]

use acclaim_ballot_log::LogEntry;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    match LogEntry::decode(line) {
        Ok(entry) => assert_eq!(entry.encode().as_deref(), Ok(line)),
        // Told to auditors, however long the line.
        Err(error) => assert!(error.to_string().len() < 1_000),
    }
});
