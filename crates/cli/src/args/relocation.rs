//! The command line of `acclaim move`.

use std::path::PathBuf;

use clap::Args;

/// `acclaim move`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  export ACCLAIM_REDIS_URL=redis://... ACCLAIM_POSTGRES_URL=postgres://...\n  \
                  export ACCLAIM_INSTALLATION_SECRET_FILE=/var/lib/acclaim/secret\n  \
                  acclaim migrate && acclaim move --from /var/lib/acclaim\n\n\
                  The destination is the cluster that the environment or --config names, never an option: its addresses hold passwords. \
                  Its database must be new, its secret that of the data directory. Stop the server first.\n\n\
                  Everything goes, open contests too, or nothing does. Cut off at any moment, it can be run again. Afterwards nothing is \
                  served from the data directory any more: one log has one writer."
)]
pub struct MoveArgs {
    /// Data directory that no server is running on
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// Configuration file of the cluster, TOML
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// After an interrupted move: return the installation to the data directory, unless the cluster
    /// holds it
    #[arg(long)]
    pub take_back: bool,
    /// Print the numbers of moved items as JSON
    #[arg(long)]
    pub json: bool,
}
