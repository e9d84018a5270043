//! The command line of `acclaim jury`.

use acclaim_contest::{ContestId, EntryId, PanelId};
use clap::{Args, Subcommand};

use super::{contest::ShowArgs, target::Target};

/// `acclaim jury ...`
#[derive(Debug, Subcommand)]
pub enum JuryCommand {
    /// Show which jurors have entered all their scores, and which scores are missing; a juror sees
    /// only their own
    #[command(after_help = "Example:\n  acclaim jury status wsis-2021\n\n\
                            If the definition names a panel's jurors, all of them are listed. Otherwise, the jurors with a key or with scores are listed.")]
    Status(ShowArgs),
    /// Recuse a juror for an entry: the juror does not judge it, and earlier scores of the juror
    /// for it are dropped
    #[command(
        after_help = "Examples:\n  acclaim jury recuse wsis-2021 p0042 --panel experts --juror 'Ama Mensah' --reason 'her own project'\n  \
                            ACCLAIM_KEY=... acclaim jury recuse wsis-2021 p0042 --url https://vote.example.org --reason 'my own project'\n\n\
                            With a juror's key, --panel and --juror can be left out."
    )]
    Recuse(RecusalArgs),
    /// Undo a recusal: the juror judges the entry again
    Rejoin(RecusalArgs),
}

/// `acclaim jury recuse` and `acclaim jury rejoin`
#[derive(Debug, Args)]
pub struct RecusalArgs {
    /// The contest's id
    pub contest: ContestId,
    /// The entry's id
    pub entry: EntryId,
    /// The juror's panel; not needed with a juror's key
    #[arg(long)]
    pub panel: Option<PanelId>,
    /// The juror's name; not needed with a juror's key
    #[arg(long)]
    pub juror: Option<String>,
    /// The reason, which the log records
    #[arg(long)]
    pub reason: String,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}
