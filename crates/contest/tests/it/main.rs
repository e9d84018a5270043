//! The definition of a contest and the check of ballots, as other crates use them.

mod bad_definitions;
mod entries_file;
mod round_trip;
mod shipped_contests;
mod support;
