//! Tests of the tally: published logs, golden cases, a plain model, refusals, and tampered logs.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper that panics fails its test"
)]

mod audits;
mod golden;
mod model;
mod partitions;
mod properties;
mod published;
mod random_contests;
mod refusals;
mod support;
mod vector;
