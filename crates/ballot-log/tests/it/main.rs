//! The ballot log against its published vectors, against plain reference implementations, and against hostile bytes.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail as tests do")]

mod entries;
mod log;
mod proofs;
mod third_party;
mod tiles;
mod trees;
mod vectors;
mod witnesses;
