//! The command lines of `acclaim log`, `acclaim tally`, `acclaim audit` and `acclaim receipt`.

use std::{fs, num::NonZeroUsize, path::PathBuf, time::Duration};

use acclaim_ballot_log::{Hash, VerifierKey, WitnessKey};
use acclaim_contest::{ContestId, csv_cell::BYTE_ORDER_MARK};
use acclaim_report::Format;
use anyhow::{Context as _, Result, anyhow, bail};
use clap::{ArgGroup, Args, Subcommand};

use super::target::Target;

/// `acclaim log ...`
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Export a contest's log into a folder, which holds everything that an auditor needs, even
    /// years later
    #[command(after_help = "Example:\n  acclaim log export wsis-2021 --out wsis-2021-log\n\n\
                            The folder gets log.jsonl, checkpoint, vkey, contest.json, result.json and the tiles of a static \
                            tlog-tiles log. It also gets result.html and result.csv, which are made from result.json for people; an audit ignores them. \
                            If the entries are another contest's champions, the folder previous/ gets that contest's log, and so on to the first contest.")]
    Export(ExportArgs),
}

/// `acclaim log export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The contest's id
    pub contest: ContestId,
    /// A new or empty folder
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub target: Target,
}

/// `acclaim tally`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  acclaim tally wsis-2021-log > result.json\n  \
                  acclaim tally wsis-2021-log --format html > result.html\n  \
                  acclaim tally result.json --format csv --excel > result.csv\n\n\
                  A log is counted. A result document is only converted, and not checked: `acclaim audit` checks whether it is correct.")]
pub struct TallyArgs {
    /// The folder of an exported log, or the file of a result document
    #[arg(value_name = "DIR|FILE")]
    pub source: PathBuf,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub form: FormArgs,
}

/// The form of a result.
#[derive(Debug, Args)]
pub struct FormArgs {
    /// json: the result document; csv: a table for spreadsheets; html: a page for people
    #[arg(long, value_name = "json|csv|html", default_value = "json", hide_default_value = true)]
    pub format: Format,
    /// With --format csv: write a byte order mark first, so that Excel reads the file as UTF-8
    #[arg(long)]
    pub excel: bool,
}

impl FormArgs {
    /// The text that comes before the document: a byte order mark with `--excel`, otherwise
    /// nothing.
    ///
    /// # Errors
    /// If `--excel` is given and the format is not CSV.
    pub fn mark(&self) -> Result<&'static str> {
        match (self.excel, self.format) {
            (false, _) => Ok(""),
            (true, Format::Csv) => Ok(BYTE_ORDER_MARK),
            (true, format) => bail!("--excel is for --format csv, and the format here is {format}"),
        }
    }
}

/// The verifier key.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct KeyArgs {
    /// The log's verifier key, from a source other than the log
    #[arg(long, value_name = "KEY")]
    pub vkey: Option<VerifierKey>,
    /// File with the verifier key
    #[arg(long, value_name = "FILE")]
    pub vkey_file: Option<PathBuf>,
}

/// The size of the largest file that can hold a verifier key and white space, in bytes.
const MAX_VKEY_FILE_LENGTH: u64 = 1024;

impl KeyArgs {
    /// Returns the key of the command line, or reads it from the file.
    ///
    /// # Errors
    /// If no key is given, or if the file cannot be read, is too long or does not hold a verifier
    /// key.
    pub fn read(&self) -> Result<VerifierKey> {
        if let Some(key) = &self.vkey {
            return Ok(key.clone());
        }
        let file = self.vkey_file.as_ref().ok_or_else(|| anyhow!("no verifier key was given"))?;
        let unreadable = || format!("cannot read the verifier key in {}", file.display());
        if fs::metadata(file).with_context(unreadable)?.len() > MAX_VKEY_FILE_LENGTH {
            bail!("{}: the file is too long to hold a verifier key", unreadable());
        }
        fs::read_to_string(file).with_context(unreadable)?.trim().parse().with_context(unreadable)
    }
}

/// `acclaim audit`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  acclaim audit wsis-2021-log --vkey 'vote.example.org/wsis-2021+9049215d+AYqI...'\n  \
                  acclaim audit --url https://vote.example.org wsis-2021 --vkey-file wsis-2021.vkey\n  \
                  acclaim audit --url https://vote.example.org wsis-2021 --vkey-file wsis-2021.vkey --copy wsis-2021 --follow\n\n\
                  If the entries are another contest's champions, that contest's log is audited too, and so on to the first contest.\n\
                  A missing log is a discrepancy, unless --alone limits the audit to this log.\n\
                  Get the verifier key from a source other than the log: a forged log comes with a forged key.\n\
                  The last line is `audit: clean` (exit status 0) or `audit: N discrepancies` (exit status 1)."
)]
pub struct AuditArgs {
    /// The folder of an exported log, or its address on a file server; with --url, the contest's id
    #[arg(value_name = "DIR|ADDRESS|CONTEST")]
    pub subject: String,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub key: KeyArgs,
    /// The published result to compare with [default: the log's own result.json, or the server's
    /// result]
    #[arg(long, value_name = "FILE")]
    pub result: Option<PathBuf>,
    /// A checkpoint or receipt that you saw earlier, and that the log must contain; may be repeated
    #[arg(long, value_name = "FILE")]
    pub earlier: Vec<PathBuf>,
    /// The exported log of the contest whose champions are the entries of this one [default:
    /// DIR/previous, or the server's log]
    #[arg(long, value_name = "DIR")]
    pub previous: Option<PathBuf>,
    /// Audit this log only, even if its entries are another contest's champions
    #[arg(long, conflicts_with = "previous")]
    pub alone: bool,
    /// Verifier key of a witness that must have cosigned the log; may be repeated
    #[arg(long, value_name = "KEY")]
    pub witness: Vec<WitnessKey>,
    /// With --witness and --url: the seconds that an entry may wait for a cosignature
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = whole_seconds)]
    pub cosigned_within: Duration,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Address of a running server
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// File with a staff key, for logs that are not public
    #[arg(long, value_name = "FILE", requires = "url")]
    pub key_file: Option<PathBuf>,
    /// Folder that keeps a copy of the server's log: the next audit fetches only new entries, and
    /// checks that the history is the same
    #[arg(long, value_name = "DIR")]
    pub copy: Option<PathBuf>,
    /// Check every new checkpoint against all earlier ones, until the result is certified or the
    /// server shows another history
    #[arg(long, requires = "copy", conflicts_with_all = ["json", "result"])]
    pub follow: bool,
    /// With --follow: the seconds between two checks
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub every: Duration,
    /// Memory for the voters, in mebibytes; a log that needs more is read several times
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub memory: u64,
    /// Number of threads [default: one for each core]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}

fn seconds(text: &str) -> Result<Duration> {
    let seconds: f64 = text.parse()?;
    if !(0.1..=86_400.0).contains(&seconds) {
        bail!("must be from 0.1 to 86400 seconds");
    }
    Ok(Duration::from_secs_f64(seconds))
}

fn whole_seconds(text: &str) -> Result<Duration> {
    let seconds: u64 = text.parse()?;
    if !(1..=86_400).contains(&seconds) {
        bail!("must be from 1 to 86400 seconds");
    }
    Ok(Duration::from_secs(seconds))
}

/// `acclaim receipt ...`
#[derive(Debug, Subcommand)]
pub enum ReceiptCommand {
    /// Check offline that a ballot is in the log
    #[command(after_help = "Examples:\n  acclaim receipt verify receipt.txt --vkey KEY\n  \
                            acclaim receipt verify receipt.txt --vkey KEY --leaf-hash 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n  \
                            acclaim receipt verify receipt.txt --vkey-file vkey --entry my-ballot.json\n\n\
                            A receipt from the ballot page, or from .../ballots/ID/proof?with=leaf-hash, holds its leaf hash and needs neither option. \
                            With --leaf-hash or --entry, the receipt must be for that entry.")]
    Verify(VerifyArgs),
    /// Make a receipt with a newer checkpoint, and check that it continues the log of the old one
    #[command(
        after_help = "Examples:\n  acclaim receipt upgrade receipt.txt --vkey KEY --url https://vote.example.org --contest wsis-2021 --out newer.txt\n  \
                            acclaim receipt upgrade receipt.txt --vkey-file vkey --log wsis-2021-log --out newer.txt\n\n\
                            Exit status 1: the receipt is for another log, or the log ends before the receipt's checkpoint."
    )]
    Upgrade(UpgradeArgs),
}

/// `acclaim receipt upgrade`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("where").required(true).args(["url", "log"]))]
pub struct UpgradeArgs {
    /// The receipt
    #[arg(value_name = "FILE")]
    pub receipt: PathBuf,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub key: KeyArgs,
    /// Address of a running server
    #[arg(long, value_name = "URL", requires = "contest")]
    pub url: Option<String>,
    /// The contest's id on that server
    #[arg(long, value_name = "ID", requires = "url")]
    pub contest: Option<ContestId>,
    /// The folder of an exported log; its tiles may be missing
    #[arg(long, value_name = "DIR")]
    pub log: Option<PathBuf>,
    /// The new file for the newer receipt
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// `acclaim receipt verify`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("leaf").args(["leaf_hash", "entry"]))]
pub struct VerifyArgs {
    /// The receipt
    #[arg(value_name = "FILE")]
    pub receipt: PathBuf,
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened: its own options are documented")]
    pub key: KeyArgs,
    /// Verifier key of a witness that must have cosigned the receipt's checkpoint; may be repeated
    #[arg(long, value_name = "KEY")]
    pub witness: Vec<WitnessKey>,
    /// The leaf hash of the ballot: the page shows it, and the server returned it when the ballot
    /// was cast
    #[arg(long, value_name = "HASH")]
    pub leaf_hash: Option<Hash>,
    /// File with the ballot's entry as it is in the log, or with the server's answer to the ballot,
    /// to .../ballots/ID or to .../votes/mine
    #[arg(long, value_name = "FILE")]
    pub entry: Option<PathBuf>,
}
