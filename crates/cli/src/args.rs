//! The command line: every command with its options. The module `commands` runs them.

pub mod contest;
pub mod entries;
pub mod jury;
pub mod log;
pub mod relocation;
pub mod rule;
pub mod staff;
pub mod target;
pub mod witness;

use std::{net::SocketAddr, path::PathBuf};

use acclaim_contest::ContestId;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use self::{
    contest::{ContestCommand, TurnoutArgs},
    entries::EntriesCommand,
    jury::JuryCommand,
    log::{AuditArgs, LogCommand, ReceiptCommand, TallyArgs},
    relocation::MoveArgs,
    rule::RuleCommand,
    staff::{KeyCommand, PassCommand},
    witness::WitnessArgs,
};
use crate::engine::Role;

/// Acclaim: a prize voting engine.
#[derive(Debug, Parser)]
#[command(
    name = "acclaim",
    version,
    about = "Acclaim, a prize voting engine: ballots over HTTP, a tamper-evident log, results that anyone can recount",
    after_help = "Start with:\n   acclaim demo          a whole contest in a temporary directory: voting, count and audit\n  \
                  acclaim serve         the engine, with its data in ./acclaim-data\n\n\
                  Exit status: 0 = done; 1 = refused, or a check failed; 2 = wrong input, or no answer."
)]
pub struct Cli {
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The command to run.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a whole contest with simulated voters, then count and audit it
    #[command(after_help = "Example:\n  acclaim demo --voters 5000")]
    Demo(DemoArgs),
    /// Run the engine on a data directory, or on Redis and Postgres
    #[command(after_help = "Examples:\n  acclaim serve --data /var/lib/acclaim --listen 0.0.0.0:8080\n  \
                      ACCLAIM_REDIS_URL=redis://... ACCLAIM_POSTGRES_URL=postgres://... acclaim serve --role api")]
    Serve(ServeArgs),
    /// Update the database of a cluster to the schema of this program
    #[command(after_help = "Example:\n  ACCLAIM_POSTGRES_URL=postgres://... acclaim migrate")]
    Migrate(MigrateArgs),
    /// Move an embedded installation into a cluster, with all contests, logs and keys
    Move(MoveArgs),
    /// Create, open, close and certify contests, and show their results
    #[command(subcommand)]
    Contest(ContestCommand),
    /// Import entries from tables
    #[command(subcommand)]
    Entries(EntriesCommand),
    /// Make rulings on entries and ballots, and enter scores and choices; the log records each one
    #[command(subcommand)]
    Rule(RuleCommand),
    /// Show how far the jury is, and recuse jurors for entries
    #[command(subcommand)]
    Jury(JuryCommand),
    /// Mint, revoke and count passes; a voter votes with a pass
    #[command(subcommand)]
    Pass(PassCommand),
    /// Manage staff keys, on a server or in a data directory
    #[command(subcommand)]
    Key(KeyCommand),
    /// Export the ballot log
    #[command(subcommand)]
    Log(LogCommand),
    /// Count an exported log and print the result document
    Tally(TallyArgs),
    /// Check a log: replay it, recount it and report discrepancies
    Audit(AuditArgs),
    /// Check voters' receipts
    #[command(subcommand)]
    Receipt(ReceiptCommand),
    /// Run a witness, which cosigns the checkpoints of logs that only grow
    Witness(WitnessArgs),
    /// Show the number of ballots by hour, channel and group
    Turnout(TurnoutArgs),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  acclaim completions bash > ~/.local/share/bash-completion/completions/acclaim"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// `acclaim demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Number of simulated voters
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub voters: u32,
    /// Exit after the audit; without this option, the server keeps running
    #[arg(long)]
    pub exit: bool,
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
}

/// `acclaim serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Configuration file, TOML
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Data directory [default: $ACCLAIM_DATA or ./acclaim-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// What this process does; every role but `all` needs Redis and Postgres
    #[arg(long, value_name = "ROLE", default_value = "all")]
    pub role: Role,
    /// Start although settings of Redis can lose accepted ballots
    #[arg(long)]
    pub allow_weak_intake: bool,
    /// Leave out a contest whose log is damaged, so that the other contests can run; may be
    /// repeated
    #[arg(long, value_name = "CONTEST")]
    pub without: Vec<ContestId>,
}

/// `acclaim migrate`
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Configuration file, TOML
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}
