//! The command line of `acclaim move`.

use std::path::PathBuf;

use clap::Args;

/// `acclaim move`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  export ACCLAIM_REDIS_URL=redis://... ACCLAIM_POSTGRES_URL=postgres://...\n  \
                  export ACCLAIM_INSTALLATION_SECRET_FILE=/var/lib/acclaim/secret\n  \
                  acclaim migrate && acclaim move --from /var/lib/acclaim\n\n\
                  The environment or --config names the cluster. There is no option for it, because its addresses hold passwords. \
                  The cluster's database must be new, and its secret must be the data directory's. Stop the server first.\n\n\
                  Either everything moves, open contests too, or nothing. If the command is interrupted, run it again. After the move, no \
                  server can run on the data directory: one log has one writer."
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
