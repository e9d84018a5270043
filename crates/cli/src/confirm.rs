//! The question before a step that cannot be undone. Only a terminal is asked, never a program that
//! runs a command.

use std::io::{self, BufRead, IsTerminal as _, Write};

use anyhow::{Context as _, Result};

use crate::outcome::Refusal;

/// Asks whether to go on. Does not ask if `yes`, the command line's `--yes`, is set or if standard
/// input is not a terminal.
///
/// # Errors
/// [`Refusal`] if the answer is not `yes`.
pub fn confirm(question: &str, yes: bool) -> Result<()> {
    if yes || !io::stdin().is_terminal() {
        return Ok(());
    }
    ask(question, &mut io::stdin().lock(), &mut io::stderr())
}

fn ask(question: &str, input: &mut impl BufRead, output: &mut impl Write) -> Result<()> {
    write!(output, "{question} Type yes to go on: ")
        .and_then(|()| output.flush())
        .context("cannot ask for confirmation")?;
    let mut answer = String::new();
    input.read_line(&mut answer).context("cannot read the answer")?;
    if answer.trim().eq_ignore_ascii_case("yes") {
        return Ok(());
    }
    Err(Refusal(
        "nothing was done, because the answer was not yes. With --yes, the command does not ask".to_owned(),
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_goes_on() {
        for (answer, goes_on) in
            [("yes\n", true), (" YES \r\n", true), ("y\n", false), ("no\n", false), ("", false)]
        {
            let mut question = Vec::new();
            let result = ask("Certify?", &mut answer.as_bytes(), &mut question);
            assert_eq!(result.is_ok(), goes_on, "{answer:?}");
            assert_eq!(question, b"Certify? Type yes to go on: ");
            assert!(result.is_ok() || result.unwrap_err().downcast_ref::<Refusal>().is_some());
        }
    }
}
