//! The command line: every command with its options. What they do is in `commands`.

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
    after_help = "Begin with:\n  acclaim demo          a whole contest, voted, counted and audited in a temporary directory\n  \
                  acclaim serve         the engine, on ./acclaim-data\n\n\
                  Exit status: 0 done, 1 the answer is no, 2 unusable input."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a whole contest with simulated voters, then count and audit it
    #[command(after_help = "Example:\n  acclaim demo --voters 5000")]
    Demo(DemoArgs),
    /// Run the engine, on a data directory, or on Redis and Postgres
    #[command(after_help = "Examples:\n  acclaim serve --data /var/lib/acclaim --listen 0.0.0.0:8080\n  \
                      ACCLAIM_REDIS_URL=redis://... ACCLAIM_POSTGRES_URL=postgres://... acclaim serve --role api")]
    Serve(ServeArgs),
    /// Bring a cluster's database to this program's schema
    #[command(after_help = "Example:\n  ACCLAIM_POSTGRES_URL=postgres://... acclaim migrate")]
    Migrate(MigrateArgs),
    /// Move an embedded installation into a cluster: contests, logs, keys and all
    Move(MoveArgs),
    /// Create contests and move them on
    #[command(subcommand)]
    Contest(ContestCommand),
    /// Bring entries from tables
    #[command(subcommand)]
    Entries(EntriesCommand),
    /// Rule on entries and ballots, enter scores and choices: each is logged with its reason
    #[command(subcommand)]
    Rule(RuleCommand),
    /// See how far the jury is, and have jurors not judge entries
    #[command(subcommand)]
    Jury(JuryCommand),
    /// Mint passes, with which voters vote
    #[command(subcommand)]
    Pass(PassCommand),
    /// Manage staff keys, directly in a data directory
    #[command(subcommand)]
    Key(KeyCommand),
    /// Export the ballot log
    #[command(subcommand)]
    Log(LogCommand),
    /// Count an exported log and print the result document
    Tally(TallyArgs),
    /// Replay a log, recount it and look for discrepancies
    Audit(AuditArgs),
    /// Check voters' receipts
    #[command(subcommand)]
    Receipt(ReceiptCommand),
    /// Watch logs of others: cosign their checkpoints as long as they only grow
    Witness(WitnessArgs),
    /// How many ballots came when, and from which groups
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
    /// How many simulated voters
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub voters: u32,
    /// End when all is done, instead of serving on
    #[arg(long)]
    pub exit: bool,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
}

/// `acclaim serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Configuration file, TOML
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Data directory [default: $ACCLAIM_DATA or ./acclaim-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// What this process does; one that is not `all` needs Redis and Postgres
    #[arg(long, value_name = "ROLE", default_value = "all")]
    pub role: Role,
    /// Tolerate settings of Redis that can lose accepted ballots
    #[arg(long)]
    pub allow_weak_intake: bool,
    /// Leave a contest alone whose log is not what it was, so that the others go on; may be repeated
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
