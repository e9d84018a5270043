//! The binary `acclaim` with the additional routes of the comparison.

use std::process::ExitCode;

use acclaim_cli::{
    args::{Cli, Command},
    commands::{self, serve},
    outcome,
};
use clap::Parser as _;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(args) => serve::run(&args, load_tests::comparison::routes()),
        other => commands::run(other),
    };
    if let Err(error) = &result {
        outcome::report(error);
    }
    ExitCode::from(outcome::status(&result))
}
