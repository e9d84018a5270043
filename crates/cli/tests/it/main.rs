//! Transcripts of the command line: the commands and their output, as a user sees them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test helpers panic to fail the test"
)]

mod contest;
#[path = "../../../api/tests/router/described.rs"]
mod described;
mod disclosure;
mod examples;
mod help;
mod inputs;
mod log_1;
mod midnight;
mod panic;
mod receipts;
mod results;
mod session;
mod subjects;
mod tampering;
