//! `acclaim rule`

use std::path::PathBuf;

use acclaim_contest::{BallotId, CategoryId, ContestId, EntryId, PanelId};
use clap::{Args, Subcommand};

use super::{contest::ShowArgs, target::Target};

/// `acclaim rule ...`
#[derive(Debug, Subcommand)]
pub enum RuleCommand {
    /// Take an entry out; votes for it no longer count
    #[command(
        after_help = "Example:\n  acclaim rule withdraw wsis-2021 p0042 --reason 'asked for by the project'"
    )]
    Withdraw(WithdrawArgs),
    /// Take ballots out of the count; their voters do not vote again
    #[command(
        after_help = "Examples:\n  acclaim rule void wsis-2021 lG5tUEkm0RjspEyBHMakFQ --reason scripted\n  \
                            acclaim rule void wsis-2021 --file ballots.txt --reason scripted --note 'numbered addresses'"
    )]
    Void(VoidArgs),
    /// Undo a withdrawal or a void
    Reinstate(ReinstateArgs),
    /// Change a text, or close later
    #[command(
        after_help = "Examples:\n  acclaim rule amend wsis-2021 closes closes 2021-04-03T00:00:00 --reason 'mail was down'\n  \
                            acclaim rule amend wsis-2021 entry:p0042 title 'Village libraries' --reason typo\n  \
                            acclaim rule amend wsis-2021 category:c01 titles '{\"fr\":\"Le rôle\"}' --reason translated\n\n\
                            Times are as in a definition: local to the contest's time zone, or with an offset or Z."
    )]
    Amend(AmendArgs),
    /// Enter jurors' scores from a table, all or none of it
    #[command(after_help = "Examples:\n  acclaim rule score wsis-2021 --panel experts --csv scores.csv\n  \
                            ACCLAIM_KEY=... acclaim rule score wsis-2021 --url https://vote.example.org --csv mine.csv\n  \
                            acclaim rule score figures --csv panel.xlsx --entry-column skater --criterion-column element\n\n\
                            The file's columns, in any order and case: juror, entry, value; category, where titles of entries do not tell it; \
                            criterion where the panel has several; panel in place of --panel. In place of juror and value the file can have a \
                            column for each juror, called by the juror's name: a cell that is empty or - is no score. With a juror's key juror \
                            and panel may be left out. What the file says of a juror, category and criterion replaces all that was entered of \
                            them before.")]
    Score(ScoreArgs),
    /// Show the scores that stand; jurors see their own
    #[command(after_help = "Example:\n  acclaim rule scores wsis-2021")]
    Scores(ShowArgs),
    /// Enter the panel's choice of winners, none or more in a category
    #[command(
        after_help = "Examples:\n  acclaim rule choose wsis-2021 c01 p0007\n  acclaim rule choose wsis-2021 c02    (no winner)\n  \
                            acclaim rule choose wsis-2021 --csv winners.xlsx\n\n\
                            The table has the columns category and entry, in each an id or a title, and a row for each winner; a category whose \
                            entry is empty has no winner. All of it is checked before anything is sent."
    )]
    Choose(ChooseArgs),
    /// Log a statement for whoever reads the log
    Statement(StatementArgs),
}

/// Why a ruling is made.
#[derive(Debug, Args)]
pub struct RulingReason {
    /// Why, for the log
    #[arg(long)]
    pub reason: String,
    /// A remark, for the log
    #[arg(long)]
    pub note: Option<String>,
}

/// `acclaim rule withdraw`
#[derive(Debug, Args)]
pub struct WithdrawArgs {
    /// The contest's id
    pub contest: ContestId,
    /// The entry
    pub entry: EntryId,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub why: RulingReason,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// `acclaim rule void`
#[derive(Debug, Args)]
pub struct VoidArgs {
    /// The contest's id
    pub contest: ContestId,
    /// The ballots
    #[arg(value_name = "BALLOT", required_unless_present = "file")]
    pub ballots: Vec<BallotId>,
    /// File with more ballots: one a line, or a table with the column ballot
    #[arg(long)]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub why: RulingReason,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// `acclaim rule reinstate`
#[derive(Debug, Args)]
pub struct ReinstateArgs {
    /// The contest's id
    pub contest: ContestId,
    /// The withdrawn entry
    #[arg(long, required_unless_present = "ballot", conflicts_with = "ballot")]
    pub entry: Option<EntryId>,
    /// A voided ballot; may be repeated
    #[arg(long)]
    pub ballot: Vec<BallotId>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub why: RulingReason,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// `acclaim rule amend`
#[derive(Debug, Args)]
pub struct AmendArgs {
    /// The contest's id
    pub contest: ContestId,
    /// What changes
    #[arg(help = "What changes: closes, entry:<id> or category:<id>")]
    pub what: String,
    /// Which key: closes, title, titles, summary, image, url, details
    pub key: String,
    /// The new value; JSON for titles and details
    #[arg(allow_hyphen_values = true)]
    pub value: String,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub why: RulingReason,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// `acclaim rule score`
#[derive(Debug, Args)]
pub struct ScoreArgs {
    /// The contest's id
    pub contest: ContestId,
    /// The panel, if the file has no column for it and the key is not a juror's
    #[arg(long)]
    pub panel: Option<PanelId>,
    /// The scores: a table as text, .xlsx or .ods
    #[arg(long, value_name = "FILE")]
    pub csv: PathBuf,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub columns: ScoreColumns,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// Which columns of a table of scores hold what, where they are not called so.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Columns")]
pub struct ScoreColumns {
    /// The column of the panels
    #[arg(long, value_name = "NAME")]
    pub panel_column: Option<String>,
    /// The column of the jurors
    #[arg(long, value_name = "NAME")]
    pub juror_column: Option<String>,
    /// The column of the categories: ids or titles
    #[arg(long, value_name = "NAME")]
    pub category_column: Option<String>,
    /// The column of the criteria
    #[arg(long, value_name = "NAME")]
    pub criterion_column: Option<String>,
    /// The column of the entries: ids or titles
    #[arg(long, value_name = "NAME")]
    pub entry_column: Option<String>,
    /// The column of the scores
    #[arg(long, value_name = "NAME")]
    pub value_column: Option<String>,
    /// Columns that are not read, with commas between them
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub leave_out: Vec<String>,
}

impl ScoreColumns {
    /// The column that an option names for a meaning, such as `entry`.
    #[must_use]
    pub fn of(&self, meaning: &str) -> Option<&str> {
        let column = match meaning {
            "panel" => &self.panel_column,
            "juror" => &self.juror_column,
            "category" => &self.category_column,
            "criterion" => &self.criterion_column,
            "entry" => &self.entry_column,
            "value" => &self.value_column,
            _ => return None,
        };
        column.as_deref()
    }
}

/// `acclaim rule choose`
#[derive(Debug, Args)]
pub struct ChooseArgs {
    /// The contest's id
    pub contest: ContestId,
    /// The category
    #[arg(required_unless_present = "csv", conflicts_with = "csv")]
    pub category: Option<CategoryId>,
    /// The winners; none for no winner
    #[arg(value_name = "ENTRY")]
    pub entries: Vec<EntryId>,
    /// The choices of all categories: a table as text, .xlsx or .ods
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// The table's column of the categories
    #[arg(long, value_name = "NAME", requires = "csv")]
    pub category_column: Option<String>,
    /// The table's column of the winners
    #[arg(long, value_name = "NAME", requires = "csv")]
    pub entry_column: Option<String>,
    /// Columns of the table that are not read, with commas between them
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "csv")]
    pub leave_out: Vec<String>,
    /// A remark, for the log
    #[arg(long)]
    pub note: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// `acclaim rule statement`
#[derive(Debug, Args)]
pub struct StatementArgs {
    /// The contest's id
    pub contest: ContestId,
    /// Its kind, such as notice; any but tag-key-destroyed, which only destroying the key says
    pub kind: String,
    /// The statement
    pub text: String,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}
