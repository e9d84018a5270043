//! Transcripts of the command line, as whoever types the commands sees them.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod contest;
mod help;
mod log_1;
mod midnight;
mod panic;
mod receipts;
mod results;
mod session;
mod tampering;
