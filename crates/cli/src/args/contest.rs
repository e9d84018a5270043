//! The command line of `acclaim contest` and `acclaim turnout`.

use std::path::PathBuf;

use acclaim_contest::ContestId;
use clap::{Args, Subcommand};

use super::{log::FormArgs, target::Target};

/// `acclaim contest ...`
#[derive(Debug, Subcommand)]
pub enum ContestCommand {
    /// Create a draft from a definition file, or edit a draft
    #[command(after_help = "Examples:\n  acclaim contest create wsis-prizes.toml\n  \
                            acclaim contest create wsis-prizes.toml --as rehearsal --test --opens now\n  \
                            acclaim contest create wsis-prizes.toml --edit")]
    Create(CreateArgs),
    /// List the contests
    List(ListArgs),
    /// Show one contest: its phase, its voting period and its verifier key
    Show(ShowArgs),
    /// Print the result; it is provisional until the contest is certified
    #[command(after_help = "Example:\n  acclaim contest result wsis-2021 --format html > result.html")]
    Result(ResultArgs),
    /// Open a draft now: voting begins, and its rules, categories and entries are fixed
    Open(OneContest),
    /// Accept no ballots until voting is resumed; the closing time does not change
    #[command(
        after_help = "Example:\n  acclaim contest suspend wsis-2021 --reason 'passes were sent to the wrong people'"
    )]
    Suspend(ReasonArgs),
    /// Accept ballots again after a suspension
    #[command(after_help = "Example:\n  acclaim contest resume wsis-2021 --reason 'new passes are out'")]
    Resume(ReasonArgs),
    /// Close voting now, and wait until all ballots that arrived in time are recorded
    Close(OneContest),
    /// End rulings and scores, before the draw or the certification
    Freeze(OneContest),
    /// Undo freezing; not possible if the rules have a draw
    #[command(
        after_help = "Example:\n  acclaim contest unfreeze wsis-2021 --reason 'frozen before the last sheet came'"
    )]
    Unfreeze(ReasonArgs),
    /// Log the seed of the draw, from the source that the definition names; only after freezing,
    /// and only once
    #[command(after_help = "Example:\n  acclaim contest draw wsis-2021 --seed 7d4c1e...\n\n\
                            docs/jury.md explains how to take the seed from a public source, and how to recompute the lots.")]
    Draw(DrawArgs),
    /// Make the result final; prints the result, and asks for confirmation on a terminal
    Certify(CertifyArgs),
    /// Allow rulings again after certifying
    Reopen(ReasonArgs),
    /// Destroy the key that links voters and ballots; only after closing, and cannot be undone
    #[command(
        after_help = "Example:\n  acclaim contest destroy-key wsis-2021 --reason 'as announced on opening'\n\n\
                            The log records the destruction. Backups and lists of minted passes still link voters and ballots: delete \
                            them too. Destroy the key only when no objection can need it any more."
    )]
    DestroyKey(DestroyKeyArgs),
    /// Delete a draft or a test contest
    Delete(OneContest),
}

/// `acclaim contest create`
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The definition: TOML if the name ends in .toml, otherwise JSON
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Id of the contest, in place of the file's
    #[arg(long = "as", value_name = "ID")]
    pub id: Option<ContestId>,
    /// Make the contest a test: it can be deleted, but never certified
    #[arg(long)]
    pub test: bool,
    /// Opening time, in place of the file's: `now` or a time
    #[arg(long, value_name = "TIME")]
    pub opens: Option<String>,
    /// Closing time, in place of the file's
    #[arg(long, value_name = "TIME")]
    pub closes: Option<String>,
    /// Columns of the entries file that voters see as details, in place of the definition's;
    /// separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub details: Vec<String>,
    /// Replace the draft that has this id
    #[arg(long)]
    pub edit: bool,
    /// Print the contest as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// `acclaim contest list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// `acclaim contest show`
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The contest's id
    pub contest: ContestId,
    /// Print everything as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// `acclaim turnout`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  acclaim turnout photo-2021\n  acclaim turnout photo-2021 --csv > turnout.csv"
)]
pub struct TurnoutArgs {
    /// The contest's id
    pub contest: ContestId,
    /// Print everything as JSON
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print a table for spreadsheets, with the columns by, label and ballots
    #[arg(long)]
    pub csv: bool,
    /// With --csv: write a byte order mark first, so that Excel reads the file as UTF-8
    #[arg(long, requires = "csv")]
    pub excel: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// `acclaim contest result`
#[derive(Debug, Args)]
pub struct ResultArgs {
    /// The contest's id
    pub contest: ContestId,
    /// Print the result that was certified before the contest was reopened
    #[arg(long)]
    pub certified: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub form: FormArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// A command whose only argument is the contest.
#[derive(Debug, Args)]
pub struct OneContest {
    /// The contest's id
    pub contest: ContestId,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// `acclaim contest certify`
#[derive(Debug, Args)]
pub struct CertifyArgs {
    /// The contest's id
    pub contest: ContestId,
    /// Certify although some categories have no decided winners (a choice, scores or lots are
    /// missing)
    #[arg(long)]
    pub undecided: bool,
    /// Do not ask for confirmation on a terminal
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// `acclaim contest draw`
#[derive(Debug, Args)]
pub struct DrawArgs {
    /// The contest's id
    pub contest: ContestId,
    /// The seed: 32 bytes in lowercase hex
    #[arg(long, value_name = "HEX")]
    pub seed: String,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// A command that the log records with its reason.
#[derive(Debug, Args)]
pub struct ReasonArgs {
    /// The contest's id
    pub contest: ContestId,
    /// The reason, which the log records
    #[arg(long)]
    pub reason: String,
    /// A remark, which the log records
    #[arg(long)]
    pub note: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// `acclaim contest destroy-key`
#[derive(Debug, Args)]
pub struct DestroyKeyArgs {
    /// The contest's id
    pub contest: ContestId,
    /// The reason, which the log records
    #[arg(long)]
    pub reason: String,
    /// Do not ask for confirmation on a terminal
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}
