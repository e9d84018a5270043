//! Rules for texts from outside: the characters that they may contain, and how messages quote them.

pub mod characters;
mod quoting;

pub use quoting::{MAX_QUOTED, escaped, first_chars, quoted, shortened};
