//! Tests of the ballot log with published vectors, plain reference implementations and hostile
//! bytes.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail as tests do")]

mod entries;
mod log;
mod proofs;
mod third_party;
mod tiles;
mod trees;
mod vectors;
mod witnesses;
