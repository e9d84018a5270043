//! The command line of `acclaim entries`.

use std::path::PathBuf;

use acclaim_contest::ContestId;
use clap::{ArgGroup, Args, Subcommand};

use super::target::Target;

/// `acclaim entries ...`
#[derive(Debug, Subcommand)]
pub enum EntriesCommand {
    /// Import entries from a table into a draft, or write a definition with them
    #[command(
        after_help = "Examples:\n  acclaim entries import nominees.csv --contest film-2027 --title-column Nominee --else-title-column Work --details Work\n  \
                            acclaim entries import photos.xlsx --contest photo-2027 --title-column img_name --category Photographs --edit\n  \
                            acclaim entries import teams.csv --contest teams-2027 --title-column 'Team Name' --category-column Division \\\n    \
                            --title 'Teams 2027' --time-zone Europe/Zurich --opens 2027-03-01T00:00:00 --closes 2027-03-31T23:59:00 --out teams.toml\n\n\
                            Without --edit or --out, the command writes nothing: it only shows what it would do. Ids are made from titles. The same title \
                            keeps its id in a draft. The entries of the file replace the draft's entries in the same categories. \
                            Voters see the title, summary, image and url, and the columns that --details names. All other columns \
                            are left out."
    )]
    Import(ImportArgs),
}

/// `acclaim entries import`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("where").args(["out", "edit"]))]
pub struct ImportArgs {
    /// The entries: a table as text, .xlsx or .ods; its first row holds the names of the columns
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The contest's id
    #[arg(long, value_name = "ID")]
    pub contest: ContestId,
    /// Put the entries into the draft
    #[arg(long)]
    pub edit: bool,
    /// Write a definition into a new file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub columns: EntryColumns,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub head: HeadArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// The names of the columns of a table of entries, where they differ from the standard names.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Columns")]
pub struct EntryColumns {
    /// The column of the titles
    #[arg(long, value_name = "NAME")]
    pub title_column: Option<String>,
    /// The column that holds the title where the title's own column is empty
    #[arg(long, value_name = "NAME")]
    pub else_title_column: Option<String>,
    /// The column of the categories: ids or titles
    #[arg(long, value_name = "NAME", conflicts_with = "category")]
    pub category_column: Option<String>,
    /// One category for all entries: its id or title
    #[arg(long, value_name = "CATEGORY")]
    pub category: Option<String>,
    /// The column of the ids; without it, ids are made from titles
    #[arg(long, value_name = "NAME")]
    pub id_column: Option<String>,
    /// The column of the summaries
    #[arg(long, value_name = "NAME")]
    pub summary_column: Option<String>,
    /// The column of the addresses of the images
    #[arg(long, value_name = "NAME")]
    pub image_column: Option<String>,
    /// The column of the addresses of the entries' own pages
    #[arg(long, value_name = "NAME")]
    pub url_column: Option<String>,
    /// Further columns that voters see, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub details: Vec<String>,
}

/// The part of a written definition that describes the contest itself.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "For the definition that --out writes")]
pub struct HeadArgs {
    /// The contest's title
    #[arg(long, requires = "out")]
    pub title: Option<String>,
    /// The contest's time zone, for example Europe/Zurich
    #[arg(long, value_name = "ZONE", requires = "out")]
    pub time_zone: Option<String>,
    /// When voting opens, in that time zone
    #[arg(long, value_name = "TIME", requires = "out")]
    pub opens: Option<String>,
    /// When voting closes, in that time zone
    #[arg(long, value_name = "TIME", requires = "out")]
    pub closes: Option<String>,
}
