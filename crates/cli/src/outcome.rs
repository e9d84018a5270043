//! How a command ends: the exit status and the words on standard error.

use std::{fmt, io};

use anyhow::Error;
use clap::builder::styling::{AnsiColor, Style};

use crate::{client::problem::Problem, output};

/// What a command that did its work says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Exit status 0.
    Done,
    /// The answer is no, and has been printed: exit status 1.
    No,
}

/// The answer is no, and this is why: exit status 1.
#[derive(Debug)]
pub struct Refusal(pub String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

/// Something to try, printed below an error.
#[derive(Debug)]
pub struct Hint(pub String);

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Hint {}

/// The exit status: 0 done, 1 the answer is no, 2 unusable input, or no answer to be had.
#[must_use]
pub fn status(result: &Result<Outcome, Error>) -> u8 {
    match result {
        Ok(Outcome::Done) => 0,
        Ok(Outcome::No) => 1,
        Err(error) if is_broken_pipe(error) => 0,
        Err(error) if error.downcast_ref::<Refusal>().is_some() => 1,
        Err(error) if error.downcast_ref::<Problem>().is_some_and(Problem::is_refusal) => 1,
        Err(_) => 2,
    }
}

/// Prints an error, its causes one a line.
pub fn report(error: &Error) {
    // Whoever reads standard output has enough: no failure of ours.
    if is_broken_pipe(error) {
        return;
    }
    let style = if output::colours(&io::stderr()) {
        Style::new().bold().fg_color(Some(AnsiColor::Red.into()))
    } else {
        Style::new()
    };
    let mut text = format!("{style}error:{style:#} ");
    let mut said = String::new();
    for (depth, cause) in error.chain().enumerate() {
        if let Some(hint) = cause.downcast_ref::<Hint>() {
            text.push_str(&format!("\n  hint: {}", output::printable(&hint.0)));
            continue;
        }
        let words = cause.to_string();
        // An error that repeats its cause in its own words needs it once.
        if said.contains(&words) {
            continue;
        }
        if depth > 0 {
            text.push_str("\n  because: ");
        }
        text.push_str(&output::printable(&words));
        said = words;
    }
    output::note(&text);
}

fn is_broken_pipe(error: &Error) -> bool {
    error
        .downcast_ref::<output::StdoutError>()
        .is_some_and(|unwritable| unwritable.0.kind() == io::ErrorKind::BrokenPipe)
}
