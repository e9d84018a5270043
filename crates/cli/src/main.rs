//! The program `acclaim`: parses the command line, runs one command and sets the exit status.

use std::process::ExitCode;

use acclaim_cli::{args::Cli, commands, outcome};
use clap::Parser as _;

fn main() -> ExitCode {
    let result = commands::run(Cli::parse().command);
    if let Err(error) = &result {
        outcome::report(error);
    }
    ExitCode::from(outcome::status(&result))
}
