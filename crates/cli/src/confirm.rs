//! Asking before what cannot be undone, on a terminal alone: a program that runs a command is not asked.

use std::io::{self, BufRead, IsTerminal as _, Write};

use anyhow::{Context as _, Result};

use crate::outcome::Refusal;

/// Asks whether to go on, unless the command line says yes or standard input is no terminal.
///
/// # Errors
/// [`Refusal`] if the answer is not yes.
pub fn confirm(question: &str, yes: bool) -> Result<()> {
    if yes || !io::stdin().is_terminal() {
        return Ok(());
    }
    ask(question, &mut io::stdin().lock(), &mut io::stderr())
}

fn ask(question: &str, input: &mut impl BufRead, output: &mut impl Write) -> Result<()> {
    write!(output, "{question} Type yes to go on: ")
        .and_then(|()| output.flush())
        .context("the question was not asked")?;
    let mut answer = String::new();
    input.read_line(&mut answer).context("the answer was not read")?;
    if answer.trim().eq_ignore_ascii_case("yes") {
        return Ok(());
    }
    Err(Refusal("nothing was done: the answer was not yes. --yes answers beforehand".to_owned()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_goes_on() {
        for (answer, goes_on) in
            [("yes\n", true), (" YES \r\n", true), ("y\n", false), ("no\n", false), ("", false)]
        {
            let mut asked = Vec::new();
            let answered = ask("Certify?", &mut answer.as_bytes(), &mut asked);
            assert_eq!(answered.is_ok(), goes_on, "{answer:?}");
            assert_eq!(asked, b"Certify? Type yes to go on: ");
            assert!(answered.is_ok() || answered.unwrap_err().downcast_ref::<Refusal>().is_some());
        }
    }
}
