//! The command lines of `acclaim pass` and `acclaim key`.

use std::{path::PathBuf, str::FromStr};

use acclaim_contest::{ContestId, Instant, PanelId, id::ChannelId, subject::DefaultScheme};
use acclaim_store::{keys::Role, pass_revocations::PassRevocationMode};
use anyhow::{Result, bail};
use clap::{ArgGroup, Args, Subcommand};

use super::target::Target;

/// `acclaim pass ...`
#[derive(Debug, Subcommand)]
pub enum PassCommand {
    /// Mint passes and print them as CSV, with the columns subject, pass and link
    #[command(after_help = "Examples:\n  acclaim pass mint wsis-2021 --subject mailto:ama@example.org\n  \
                            acclaim pass mint wsis-2021 --subjects voters.txt --out passes.csv\n  \
                            acclaim pass mint wsis-2021 --subjects members.xlsx --subject-column 'E-Mail' --group-column Region --out passes.csv\n  \
                            acclaim pass mint members-2021 --subjects numbers.txt --subjects-are ids --out passes.csv\n  \
                            acclaim pass mint wsis-2021 --count 500 --link-template 'https://vote.example.org/c/{contest}#{pass}'\n\n\
                            A person gets one pass, even if the list has two spellings of an address. The whole list is checked before any pass is minted.\n\
                            Anyone who has a pass can vote with it: protect the list as you would protect the voters' passwords.")]
    Mint(MintArgs),
    /// Revoke all passes of voters; ballots that they cast before still count
    #[command(
        after_help = "Examples:\n  acclaim pass revoke wsis-2021 --subject ama@example.org --mode replace --reason 'the link was forwarded'\n  \
                            acclaim pass revoke wsis-2021 --subjects left.txt --mode bar --reason 'no members any more'\n\n\
                            replace: `acclaim pass mint` can give the voter a new pass. bar: it gives no new pass, until the voter's passes are revoked with replace.\n\
                            Every server refuses the passes within a second. The reason is kept until the contest's tag key is destroyed, and is not in the log."
    )]
    Revoke(RevokeArgs),
    /// Print how many passes were minted, by way of admission, and how many voters have revoked
    /// passes
    Count(PassCountArgs),
}

/// `acclaim pass revoke`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("whose").required(true).args(["subject", "subjects"]))]
pub struct RevokeArgs {
    /// The contest's id
    pub contest: ContestId,
    /// A voter whose passes are revoked, for example ama@example.org, or pass:... of a voter
    /// without a name; may be repeated
    #[arg(long, value_name = "SUBJECT")]
    pub subject: Vec<String>,
    /// File with the voters whose passes are revoked, one on each line, in UTF-8
    #[arg(long, value_name = "FILE")]
    pub subjects: Option<PathBuf>,
    /// The kind of the subjects without a scheme (for example tel:): addresses or ids [default: as
    /// in the contest's first list]
    #[arg(long, value_name = "KIND")]
    pub subjects_are: Option<DefaultScheme>,
    /// Whether new passes can be minted for the voters: replace or bar
    #[arg(long)]
    pub mode: PassRevocationMode,
    /// The reason
    #[arg(long)]
    pub reason: String,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// `acclaim pass count`
#[derive(Debug, Args)]
pub struct PassCountArgs {
    /// The contest's id
    pub contest: ContestId,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// `acclaim pass mint`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("whom").required(true).args(["subject", "count", "subjects"]))]
pub struct MintArgs {
    /// The contest's id
    pub contest: ContestId,
    /// A voter, for example ama@example.org; may be repeated
    #[arg(long, value_name = "SUBJECT")]
    pub subject: Vec<String>,
    /// Mint this number of passes for voters without names
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub count: Option<u64>,
    /// File with the voters: one on each line, or a table as text, .xlsx or .ods with
    /// --subject-column
    #[arg(long, value_name = "FILE")]
    pub subjects: Option<PathBuf>,
    /// The column that holds the subjects, if the file is a table
    #[arg(long, value_name = "NAME", requires = "subjects")]
    pub subject_column: Option<String>,
    /// The column that holds the groups, which are written without case and marks: Saint-Étienne
    /// becomes saint-etienne
    #[arg(long, value_name = "NAME", requires = "subject_column", conflicts_with = "group")]
    pub group_column: Option<String>,
    /// The kind of the subjects without a scheme (for example tel:): addresses or ids [default: as
    /// in the contest's first list, else addresses]
    #[arg(long, value_name = "KIND", conflicts_with = "count")]
    pub subjects_are: Option<DefaultScheme>,
    /// The channel in which the votes count; required if the contest has channels
    #[arg(long)]
    pub channel: Option<ChannelId>,
    /// The group of all these voters for the turnout, for example a region
    #[arg(long)]
    pub group: Option<String>,
    /// When the passes expire [default: 30 days after closing]
    #[arg(long, value_name = "TIME")]
    pub expires: Option<String>,
    /// The form of the links, with {contest} and {pass} [default: the page of the server at --url]
    #[arg(long, value_name = "TEMPLATE")]
    pub link_template: Option<LinkTemplate>,
    /// Write to this new file, which only you can read, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write a byte order mark first, so that Excel reads the file as UTF-8
    #[arg(long)]
    pub excel: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// The form of the links to the ballot page, with the placeholders `{contest}` and `{pass}`.
#[derive(Debug, Clone)]
pub struct LinkTemplate(pub String);

impl FromStr for LinkTemplate {
    type Err = anyhow::Error;

    /// Refuses a template without `{pass}`, because all voters would get the same link.
    fn from_str(template: &str) -> Result<Self> {
        if !template.contains("{pass}") {
            bail!(
                "the template has no {{pass}}, so all voters would get the same link and could not vote; \
                 use a template such as https://vote.example.org/c/{{contest}}#{{pass}}"
            );
        }
        Ok(Self(template.to_owned()))
    }
}

/// `acclaim key ...`
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a staff key and print it; the key is printed only this once
    #[command(
        after_help = "Examples:\n  acclaim key create --role organiser --contest wsis-2021 --name jury-office\n  \
                            acclaim key create --role auditor\n  \
                            acclaim key create --role juror --contest wsis-2021 --panel experts --name 'Ama Mensah'\n  \
                            acclaim key create --role gateway --contest wsis-2021 --expires 2021-05-01T00:00:00Z --url https://vote.example.org\n\n\
                            A juror's key works for that juror alone. It enters and reads the juror's own scores, recuses the juror for entries \
                            and undoes that, and reads the entries to score and the juror's progress. It does nothing else. If a juror loses \
                            the key, revoke it, and then create another one with the same name. Names that differ only in case, white space or \
                            Unicode form are one juror, who keeps the spelling that the contest has."
    )]
    Create(KeyCreateArgs),
    /// List the staff keys, without their secrets
    List(KeyListArgs),
    /// Revoke a staff key
    Revoke(KeyRevokeArgs),
    /// Add a new key that signs passes; passes signed with older keys stay valid
    RotatePassKey(DataArgs),
}

/// `acclaim key create`
#[derive(Debug, Args)]
pub struct KeyCreateArgs {
    /// The role of the key: organiser, auditor, gateway, juror or operator
    #[arg(long)]
    pub role: Role,
    /// A contest that the key is for [default: all contests]; may be repeated
    #[arg(long, value_name = "CONTEST")]
    pub contest: Vec<ContestId>,
    /// The juror's panel in the contest; only for the role juror
    #[arg(long, value_name = "PANEL")]
    pub panel: Option<PanelId>,
    /// The name of the key, which the log shows with its rulings; for the role juror, the juror's
    /// name in the log
    #[arg(long)]
    pub name: Option<String>,
    /// The time from which the key is refused, for example 2021-05-01T00:00:00Z [default: never]
    #[arg(long, value_name = "TIME")]
    pub expires: Option<Instant>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: KeyTarget,
}

/// `acclaim key list`
#[derive(Debug, Args)]
pub struct KeyListArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: KeyTarget,
}

/// `acclaim key revoke`
#[derive(Debug, Args)]
pub struct KeyRevokeArgs {
    /// The key's name
    pub name: String,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: KeyTarget,
}

/// A server, or a data directory. A server may be running on the data directory.
#[derive(Debug, Args)]
pub struct KeyTarget {
    /// Address of a running server; ACCLAIM_KEY or --key-file gives an operator's key
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    pub url: Option<String>,
    /// File with the operator's key
    #[arg(long, value_name = "FILE", requires = "url")]
    pub key_file: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub data: DataArgs,
}

/// The data directory. A server may be running on it.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// Data directory; a server may be running on it [default: $ACCLAIM_DATA or ./acclaim-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}
