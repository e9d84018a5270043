//! Texts from outside: the characters that they may hold, and how messages repeat them.

pub mod characters;
mod quoting;

pub use quoting::{MAX_QUOTED, escaped, first_chars, quoted, shortened};
