//! The definition of a contest and the check of ballots, as other crates use them.

mod bad_definitions;
mod ballots;
mod defaults;
mod entries_file;
mod every_mistake;
mod robustness;
mod round_trip;
mod shipped_contests;
mod support;
