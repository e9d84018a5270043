//! Tests of the router in process, over SQLite and a clock that the tests set.
//!
//! They need no second process, no network and no other stores.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod answer;
mod bad_input;
mod booth;
mod by_category;
mod conditional;
mod contests;
mod described;
mod drafts;
mod jurors;
mod jury;
mod log_paths;
mod pass_revocations;
mod recusals;
mod results;
mod rounds;
mod samples;
mod sheets;
mod site;
mod spans;
mod staff_keys;
mod subjects;
mod suspension;
mod texts;
