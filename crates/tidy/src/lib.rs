//! House rules that no other tool checks. `tests/workspace.rs` applies them to the whole workspace.
//!
//! Each rule is a function from the text of a file, or from the files of a crate, to the places
//! that break it.

mod cycles;
mod imports;
mod lengths;
mod sleeps;
mod source;
mod words;

pub use self::{
    cycles::{Crate, file_cycles},
    imports::import_style,
    lengths::{MAX_COMMENT_COLUMNS, MAX_FILE_LINES, comment_columns, file_length},
    sleeps::sleeps_without_reason,
    source::{Line, Source},
    words::{NAME_WORDS, TEXT_WORDS, names_on_the_list, words_of_text, words_on_the_list},
};

/// A place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The line, from 1. 0 is the whole file.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl Finding {
    fn new(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}
