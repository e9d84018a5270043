//! The commands, one file for each subject.

mod audit;
mod contest;
mod cosigned;
mod demo;
mod entries;
mod jury;
mod key;
mod log;
mod pass;
mod receipt;
mod relocation;
mod rounds;
mod rule;
pub mod serve;
mod table_file;
mod turnout;
mod witness;

use std::io;

use anyhow::Result;
use axum::Router;
use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::{
    args::{
        Cli, Command,
        log::{LogCommand, ReceiptCommand},
        staff::PassCommand,
    },
    outcome::Outcome,
    output,
};

/// Runs one command.
///
/// # Errors
/// If the command fails. [`crate::outcome::report`] prints the error, and
/// [`crate::outcome::status`] gives its exit status.
pub fn run(command: Command) -> Result<Outcome> {
    match command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args, Router::new()),
        Command::Migrate(args) => serve::migrate(&args),
        Command::Move(args) => relocation::run(&args),
        Command::Contest(command) => contest::run(command),
        Command::Entries(command) => entries::run(command),
        Command::Rule(command) => rule::run(command),
        Command::Jury(command) => jury::run(command),
        Command::Pass(PassCommand::Mint(args)) => pass::mint(&args),
        Command::Pass(PassCommand::Revoke(args)) => pass::revoke(&args),
        Command::Pass(PassCommand::Count(args)) => pass::count(&args),
        Command::Key(command) => key::run(command),
        Command::Log(LogCommand::Export(args)) => log::export(&args),
        Command::Tally(args) => log::tally(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Receipt(ReceiptCommand::Verify(args)) => receipt::verify(&args),
        Command::Receipt(ReceiptCommand::Upgrade(args)) => receipt::upgrade(&args),
        Command::Witness(args) => witness::run(&args),
        Command::Turnout(args) => turnout::run(&args),
        Command::Completions { shell } => completions(shell),
    }
}

fn completions(shell: Shell) -> Result<Outcome> {
    let mut script = io::Cursor::new(Vec::new());
    clap_complete::generate(shell, &mut Cli::command(), "acclaim", &mut script);
    output::write(script.get_ref())?;
    Ok(Outcome::Done)
}
