//! Tests of the definition of a contest and of the ballot check, through the public API.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test helpers may panic, as tests do"
)]

mod any_definition;
mod bad_definitions;
mod ballots;
mod characters;
mod days;
mod defaults;
mod entries_file;
mod every_mistake;
mod jurors;
mod robustness;
mod round_trip;
mod rounds;
mod rules;
mod shipped_contests;
mod spreadsheets;
mod support;
mod warnings;
