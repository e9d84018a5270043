//! The end of a command: its exit status and its error message on standard error.

use std::{fmt, io};

use anyhow::Error;
use clap::builder::styling::{AnsiColor, Style};

use crate::{client::problem::Problem, output};

/// The outcome of a command that ran to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The command succeeded: exit status 0.
    Done,
    /// A check failed, and the command has printed the reason: exit status 1.
    No,
}

/// A refusal with its reason: exit status 1.
#[derive(Debug)]
pub struct Refusal(pub String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

/// Advice that is printed below an error.
#[derive(Debug)]
pub struct Hint(pub String);

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Hint {}

/// Returns the exit status of a command: 0 if it succeeded, 1 if it was refused or a check failed,
/// 2 if the input was unusable or no answer came.
///
/// A closed pipe on standard output gives 0.
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

/// Prints an error on standard error, with one line for each cause and each [`Hint`].
pub fn report(error: &Error) {
    // The reader of standard output closed the pipe. This is not a failure of the command.
    if is_broken_pipe(error) {
        return;
    }
    let style = if output::colours(&io::stderr()) {
        Style::new().bold().fg_color(Some(AnsiColor::Red.into()))
    } else {
        Style::new()
    };
    let mut text = format!("{style}error:{style:#} ");
    let mut printed = String::new();
    for (depth, cause) in error.chain().enumerate() {
        if let Some(hint) = cause.downcast_ref::<Hint>() {
            text.push_str(&format!("\n  hint: {}", output::printable(&hint.0)));
            continue;
        }
        let message = cause.to_string();
        // Many errors already contain the text of their cause, which is then not printed again.
        if printed.contains(&message) {
            continue;
        }
        if depth > 0 {
            text.push_str("\n  because: ");
        }
        text.push_str(&output::printable(&message));
        printed = message;
    }
    output::note(&text);
}

fn is_broken_pipe(error: &Error) -> bool {
    error
        .downcast_ref::<output::StdoutError>()
        .is_some_and(|error| error.0.kind() == io::ErrorKind::BrokenPipe)
}
