//! The command line of `acclaim rule`.

use std::path::PathBuf;

use acclaim_contest::{BallotId, CategoryId, ContestId, EntryId, PanelId};
use clap::{Args, Subcommand};

use super::{contest::ShowArgs, target::Target};

/// `acclaim rule ...`
#[derive(Debug, Subcommand)]
pub enum RuleCommand {
    /// Withdraw an entry; votes for it no longer count
    #[command(
        after_help = "Example:\n  acclaim rule withdraw wsis-2021 p0042 --reason 'asked for by the project'"
    )]
    Withdraw(WithdrawArgs),
    /// Void ballots: they no longer count, and their voters cannot vote again
    #[command(
        after_help = "Examples:\n  acclaim rule void wsis-2021 lG5tUEkm0RjspEyBHMakFQ --reason scripted\n  \
                            acclaim rule void wsis-2021 --file ballots.txt --reason scripted --note 'numbered addresses'"
    )]
    Void(VoidArgs),
    /// Undo a withdrawal, or reinstate voided ballots
    Reinstate(ReinstateArgs),
    /// Change a text, or close the voting later
    #[command(
        after_help = "Examples:\n  acclaim rule amend wsis-2021 closes closes 2021-04-03T00:00:00 --reason 'mail was down'\n  \
                            acclaim rule amend wsis-2021 entry:p0042 title 'Village libraries' --reason typo\n  \
                            acclaim rule amend wsis-2021 category:c01 titles '{\"fr\":\"Le rôle\"}' --reason translated\n\n\
                            Write times as in a definition: in the contest's time zone, or with an offset or Z."
    )]
    Amend(AmendArgs),
    /// Enter jurors' scores from a table; if the table has a mistake, nothing is entered
    #[command(after_help = "Examples:\n  acclaim rule score wsis-2021 --panel experts --csv scores.csv\n  \
                            ACCLAIM_KEY=... acclaim rule score wsis-2021 --url https://vote.example.org --csv mine.csv\n  \
                            acclaim rule score figures --csv panel.xlsx --entry-column skater --criterion-column element\n\n\
                            The file has the columns juror, entry and value, in any order and case. It needs the column category if several \
                            entries have the same title, and the column criterion if the panel has several criteria. If the contest has several \
                            panels, give --panel or the column panel. In place of juror and value, the file can have a column for each juror, \
                            whose name is the juror's name: a cell that is empty or - is no score. With a juror's key, the juror and the panel \
                            can be left out. The scores in the file replace all earlier scores of the same juror, category and criterion.")]
    Score(ScoreArgs),
    /// Show the current scores; a juror sees only their own
    #[command(after_help = "Example:\n  acclaim rule scores wsis-2021")]
    Scores(ShowArgs),
    /// Enter the panel's choice of winners in a category: none, one or several
    #[command(
        after_help = "Examples:\n  acclaim rule choose wsis-2021 c01 p0007\n  acclaim rule choose wsis-2021 c02    (no winner)\n  \
                            acclaim rule choose wsis-2021 --csv winners.xlsx\n\n\
                            The table has the columns category and entry, which hold ids or titles, and a row for each winner. A category whose \
                            entry is empty has no winner. The whole table is checked before anything is sent."
    )]
    Choose(ChooseArgs),
    /// Log a statement for the readers of the log
    Statement(StatementArgs),
}

/// The reason for a ruling.
#[derive(Debug, Args)]
pub struct RulingReason {
    /// The reason, which the log records
    #[arg(long)]
    pub reason: String,
    /// A remark, which the log records
    #[arg(long)]
    pub note: Option<String>,
}

/// `acclaim rule withdraw`
#[derive(Debug, Args)]
pub struct WithdrawArgs {
    /// The contest's id
    pub contest: ContestId,
    /// The entry's id
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
    /// The ballots' ids
    #[arg(value_name = "BALLOT", required_unless_present = "file")]
    pub ballots: Vec<BallotId>,
    /// File with more ballots: one on each line, or a table with the column ballot
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
    /// The id of a withdrawn entry
    #[arg(long, required_unless_present = "ballot", conflicts_with = "ballot")]
    pub entry: Option<EntryId>,
    /// The id of a voided ballot; may be repeated
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
    /// The key that changes: closes, title, titles, summary, image, url or details
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
    /// The panel; not needed if the file has a column for it, with a juror's key, or if the contest
    /// has one panel
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

/// The names of the columns of a table of scores, where they differ from the standard names.
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
    /// Columns to ignore, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub leave_out: Vec<String>,
}

impl ScoreColumns {
    /// Returns the column that an option names for a meaning, for example `entry`.
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
    /// The category's id
    #[arg(required_unless_present = "csv", conflicts_with = "csv")]
    pub category: Option<CategoryId>,
    /// The ids of the winners; without any, the category has no winner
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
    /// Columns of the table to ignore, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "csv")]
    pub leave_out: Vec<String>,
    /// A remark, which the log records
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
    /// The kind of the statement, for example notice; not tag-key-destroyed, which only the
    /// destruction of the key logs
    pub kind: String,
    /// The text of the statement
    pub text: String,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}
