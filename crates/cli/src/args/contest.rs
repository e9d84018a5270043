//! `acclaim contest`

use std::path::PathBuf;

use acclaim_contest::ContestId;
use clap::{Args, Subcommand};

use super::{log::FormArgs, target::Target};

/// `acclaim contest ...`
#[derive(Debug, Subcommand)]
pub enum ContestCommand {
    /// Create a draft from a definition, or edit it
    #[command(after_help = "Examples:\n  acclaim contest create wsis-prizes.toml\n  \
                            acclaim contest create wsis-prizes.toml --as rehearsal --test --opens now\n  \
                            acclaim contest create wsis-prizes.toml --edit")]
    Create(CreateArgs),
    /// List the contests
    List(ListArgs),
    /// Show one contest: phase, window, verifier key
    Show(ShowArgs),
    /// Print the result: provisional after closing, certified at the end
    #[command(after_help = "Example:\n  acclaim contest result wsis-2021 --format html > result.html")]
    Result(ResultArgs),
    /// Open a draft now
    Open(OneContest),
    /// Take no ballots until voting is resumed; the closing stays where it is
    #[command(
        after_help = "Example:\n  acclaim contest suspend wsis-2021 --reason 'passes were sent to the wrong people'"
    )]
    Suspend(ReasonArgs),
    /// Take ballots again after a suspension
    #[command(after_help = "Example:\n  acclaim contest resume wsis-2021 --reason 'new passes are out'")]
    Resume(ReasonArgs),
    /// Close voting now, and wait until all ballots that arrived before are recorded
    Close(OneContest),
    /// End rulings and scores, before a draw
    Freeze(OneContest),
    /// Undo freezing, where the rules have no draw
    #[command(
        after_help = "Example:\n  acclaim contest unfreeze wsis-2021 --reason 'frozen before the last sheet came'"
    )]
    Unfreeze(ReasonArgs),
    /// Log the seed of the draw, from the source that the definition names; after freezing, once
    #[command(after_help = "Example:\n  acclaim contest draw wsis-2021 --seed 7d4c1e...\n\n\
                            docs/jury.md tells how to take the seed from a public source, and how anyone recomputes the lots.")]
    Draw(DrawArgs),
    /// Make the result final; prints what is certified, and asks first on a terminal
    Certify(CertifyArgs),
    /// Allow rulings again after certifying
    Reopen(ReasonArgs),
    /// Destroy the key that links subjects and ballots, after closing, for ever
    #[command(
        after_help = "Example:\n  acclaim contest destroy-key wsis-2021 --reason 'as announced on opening'\n\n\
                            The log says so. Backups, and lists of minted passes, link still: delete them as well. Do it when no \
                            objection can need it any more."
    )]
    DestroyKey(DestroyKeyArgs),
    /// Delete a draft or a test contest
    Delete(OneContest),
}

/// `acclaim contest create`
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The definition: .toml, otherwise JSON
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Another id than the file's
    #[arg(long = "as", value_name = "ID")]
    pub id: Option<ContestId>,
    /// Make it a test: never certifiable, may be deleted
    #[arg(long)]
    pub test: bool,
    /// Another opening than the file's: `now` or a time
    #[arg(long, value_name = "TIME")]
    pub opens: Option<String>,
    /// Another closing than the file's
    #[arg(long, value_name = "TIME")]
    pub closes: Option<String>,
    /// Columns of the file of entries that voters see as details, in place of the definition's
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub details: Vec<String>,
    /// Take the place of the draft of this id
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
    /// Print all of it as JSON
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
    /// Print all of it as JSON
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print a table for spreadsheets: by, label, ballots
    #[arg(long)]
    pub csv: bool,
    /// With --csv: begin with a byte order mark, by which Excel reads the file as UTF-8
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
    /// The result that was certified before the contest was reopened
    #[arg(long)]
    pub certified: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub form: FormArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// A command that needs to know no more than the contest.
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
    /// Certify though winners are not decided in every category: no choice, no scores, no lots
    #[arg(long)]
    pub undecided: bool,
    /// Do not ask, on a terminal
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

/// A command that the log has with its reason.
#[derive(Debug, Args)]
pub struct ReasonArgs {
    /// The contest's id
    pub contest: ContestId,
    /// Why, for the log
    #[arg(long)]
    pub reason: String,
    /// A remark, for the log
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
    /// Why, for the log
    #[arg(long)]
    pub reason: String,
    /// Do not ask, on a terminal
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}
