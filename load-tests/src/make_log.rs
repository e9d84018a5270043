//! `make-log` writes an exported log of any size without an engine, to measure audits.
//!
//! Its signing key is public, so the log proves nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use acclaim_ballot_log::{Event, NewBallot, SigningKey, entry::opening_events};
use acclaim_cli::folder::FolderWriter;
use acclaim_contest::{
    TagKey,
    definition::{Definition, Overrides},
};
use acclaim_tally::Replay;
use anyhow::{Context as _, Result, anyhow};
use clap::Parser;
use jiff::{SignedDuration, Timestamp};

/// The first part of the origin of the log.
const INSTALLATION: &str = "made-up";

/// Write an exported log of a contest like the WSIS Prizes: each ballot has its own voter and one
/// vote
#[derive(Debug, Parser)]
struct Args {
    /// The definition of the contest
    #[arg(long, value_name = "FILE", default_value = "deploy/contests/wsis-prizes.toml")]
    contest: PathBuf,
    /// The number of ballots
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    ballots: u64,
    /// A new or empty folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

fn main() -> ExitCode {
    match make(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn make(args: &Args) -> Result<()> {
    let definition = definition(&args.contest)?;
    let key = SigningKey::from_seed(&format!("{INSTALLATION}/{}", definition.id), &[7; 32])?;
    let mut folder = FolderWriter::create(&args.out)?;
    let mut replay = Replay::without_tiles(&format!("{INSTALLATION}/{}", definition.id));
    let mut record = |line: &[u8]| -> Result<()> {
        replay.push(line)?;
        folder.push(line)
    };
    for event in opening_events(&definition) {
        record(&event.encode(None)?)?;
    }
    for voter in 0..args.ballots {
        record(&ballot(&definition, voter, args.ballots)?)?;
    }
    record(&Event::Closed { at: definition.closes }.encode(None)?)?;

    let (size, root) = (replay.size(), replay.root());
    let result = replay.result().context("the log has no result")?;
    let mut folder = folder.finish()?;
    folder.add("checkpoint", key.sign(size, root).as_bytes())?;
    folder.add("vkey", format!("{}\n", key.verifier()).as_bytes())?;
    folder.add("result.json", &result.json)?;
    println!("{size} entries in {}", args.out.display());
    Ok(())
}

fn definition(file: &Path) -> Result<Definition> {
    let text = fs::read(file).with_context(|| format!("reading the definition {}", file.display()))?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut load = |name: &str| fs::read(folder.join(name)).map_err(|error| error.to_string());
    let [opens, closes] = ["2021-03-01T00:00:00Z", "2021-04-01T00:00:00Z"].map(|at| Some(at.to_owned()));
    let overrides = Overrides { opens, closes, ..Overrides::default() };
    Definition::from_toml(&text, &mut load, &overrides).map_err(|mistakes| anyhow!("{mistakes}"))
}

/// Returns the line of a voter's ballot.
///
/// Entries early in the definition get a few more votes. Ballots are spread evenly over the month.
fn ballot(definition: &Definition, voter: u64, of: u64) -> Result<Vec<u8>> {
    let tag = TagKey([9; 32]).tag(&voter.to_string());
    let [a, b, c, d, ..] = tag.0;
    let random = u64::from(u32::from_le_bytes([a, b, c, d]));
    let entries = definition.entries.len() as u64;
    let chosen = (random % entries).min(random / 7 % entries);
    let entry = usize::try_from(chosen).ok().and_then(|chosen| definition.entries.get(chosen));
    let entry = entry.context("the definition has no entries")?;
    let (opens, closes) = (definition.opens.timestamp(), definition.closes.timestamp());
    let seconds = closes.duration_since(opens).as_secs().unsigned_abs() - 1;
    let passed = u128::from(voter) * u128::from(seconds) / u128::from(of);
    let cast: Timestamp = opens + SignedDuration::from_secs(i64::try_from(passed)?);
    let at = definition.rules.ballot.cast_time.truncate(cast);
    let ballot = NewBallot {
        voter: tag,
        channel: None,
        period: None,
        replaces: None,
        at: &at,
        selections: [(entry.category.as_str(), entry.id.as_str())].into_iter(),
    };
    let mut line = Vec::new();
    ballot.write(&definition.id, &mut line)?;
    Ok(line)
}
