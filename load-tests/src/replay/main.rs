//! `replay` casts the ballots of real voters over HTTP and compares every total with the published
//! one.
//!
//! The ballots are cast at full speed, and the contest is closed before the comparison.

#![expect(clippy::indexing_slicing, reason = "indexing JSON returns null for a missing value")]

mod caps;
mod contest;
mod votes;

use std::{
    collections::HashMap,
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use acclaim_cli::{
    client::{Client, IdempotencyKey},
    voting_client::{self, Ballot, RefusedBallot, VotingSummary},
};
use anyhow::{Context as _, Result, bail};
use clap::Parser;
use indicatif::ProgressBar;
use load_tests::engine::Engine;
use serde_json::{Value, json};

use self::{
    caps::Caps,
    contest::{CONTEST, Names},
    votes::{Columns, PublishedTotal, Voter},
};

/// Maximum number of passes that one request mints.
const PASSES_PER_REQUEST: usize = 10_000;

/// Replay voters' choices from CSV through the engine and compare the tally with published totals
#[derive(Debug, Parser)]
struct Args {
    /// One row for each vote, with voter, category and entry; .csv or .csv.gz
    #[arg(long, value_name = "FILE")]
    ballots: PathBuf,
    /// One row for each entry, with category, entry and published votes; an optional column `name`
    /// has the entry's title; .csv or .csv.gz
    #[arg(long, value_name = "FILE")]
    published: PathBuf,
    #[command(flatten)]
    columns: Columns,
    #[command(flatten)]
    caps: Caps,
    /// Replay only the first N voters, and compare with totals that are counted from their rows
    /// instead of the published ones
    #[arg(long, value_name = "N")]
    voters: Option<usize>,
    /// The number of connections at once
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// The binary `acclaim` [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    engine: Option<PathBuf>,
}

fn main() -> ExitCode {
    match replay(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn replay(args: &Args) -> Result<bool> {
    let (voters, mut published) = read(args)?;
    if args.voters.is_some() {
        let totals = votes::count(&voters);
        for entry in &mut published {
            entry.votes = totals.get(&entry.choice).copied().unwrap_or(0);
        }
    }
    let names = Names::new(&published);
    println!("voters: {}, votes: {}", voters.len(), voters.iter().map(|v| v.choices.len()).sum::<usize>());

    let folder = tempfile::tempdir()?;
    let binary = match &args.engine {
        Some(binary) => binary.clone(),
        None => std::env::current_exe()?.with_file_name("acclaim"),
    };
    let engine = Engine::start(&binary, &folder.path().join("data"), &[])?;
    let url = format!("http://{}", engine.address);
    let client = Client::of_server(&url, Some(engine.key.clone()))?;
    let definition = contest::definition(&published, &names, &args.caps)?;
    let contest =
        client.put(&format!("/v1/contests/{CONTEST}"), &IdempotencyKey::new()?, None, definition)?;
    let ballots = mint_ballots(&client, &voters, &names)?;
    let summary =
        cast(&engine, ballots, args.connections.into()).map_err(|error| add_voter(error, &voters))?;
    println!(
        "recorded: {} ballots in {:.2} s ({:.0} a second)",
        summary.recorded,
        summary.elapsed.as_secs_f64(),
        summary.rate()
    );
    client.post(&format!("/v1/contests/{CONTEST}/close"), "close", &json!({}))?;
    let equal = compare(&client, &published, &names)?;
    println!("totals: {equal} of {} equal", published.len());

    let log = folder.path().join("log");
    let log = log.to_str().context("the path of the temporary folder is not UTF-8")?;
    let (exported, output) = engine.run(&["log", "export", CONTEST, "--url", &url, "--out", log])?;
    if !exported {
        bail!("`acclaim log export` failed: {output}");
    }
    let vkey = contest["log"]["vkey"].as_str().unwrap_or_default();
    let (clean, report) = engine.run(&["audit", log, "--vkey", vkey])?;
    print!("{report}");
    Ok(clean && equal == published.len() && summary.recorded == voters.len() as u64)
}

/// Reads the voters with their ballots, and the entries with their totals.
fn read(args: &Args) -> Result<(Vec<Voter>, Vec<PublishedTotal>)> {
    let max_voters = args.voters.unwrap_or(usize::MAX);
    let voters = votes::open(&args.ballots)
        .and_then(|rows| votes::read_votes(rows, &args.columns, max_voters))
        .with_context(|| format!("reading the ballots {}", args.ballots.display()))?;
    let published = votes::open(&args.published)
        .and_then(|rows| votes::read_published(rows, &args.columns))
        .with_context(|| format!("reading the published file {}", args.published.display()))?;
    Ok((voters, published))
}

/// Mints a pass for each voter, and returns each voter's ballot with the pass.
fn mint_ballots(client: &Client, voters: &[Voter], names: &Names) -> Result<Vec<Ballot>> {
    let mut ballots = Vec::with_capacity(voters.len());
    for (number, chunk) in voters.chunks(PASSES_PER_REQUEST).enumerate() {
        let subjects: Vec<String> = chunk.iter().map(|voter| format!("voter:{}", voter.id)).collect();
        let path = format!("/v1/contests/{CONTEST}/passes");
        let minted = client.post(
            &path,
            &format!("mint-{number}"),
            &json!({"subjects": subjects, "subjects_are": "ids"}),
        )?;
        let passes = minted["passes"].as_array().context("the server's answer has no array `passes`")?;
        if passes.len() != chunk.len() {
            bail!("{} passes were minted for {} voters", passes.len(), chunk.len());
        }
        for (pass, voter) in passes.iter().zip(chunk) {
            let mut selections = Vec::with_capacity(voter.choices.len());
            for choice in &voter.choices {
                let (category, entry) = names.of(choice).with_context(|| voter.place())?;
                selections.push(json!({"category": category, "entry": entry}));
            }
            let pass = pass["pass"]
                .as_str()
                .context("the server's answer has a pass without the text `pass`")?
                .to_owned();
            ballots.push(Ballot { pass, body: json!({"selections": selections}).to_string().into() });
        }
    }
    Ok(ballots)
}

/// Adds the voter, and the rows of the voter in the CSV file, to the error of a refused ballot.
fn add_voter(error: anyhow::Error, voters: &[Voter]) -> anyhow::Error {
    let refused = error.downcast_ref::<RefusedBallot>();
    match refused.and_then(|refused| voters.get(refused.place)) {
        Some(voter) => error.context(format!("the ballot of {} was refused", voter.place())),
        None => error,
    }
}

fn cast(engine: &Engine, ballots: Vec<Ballot>, connections: usize) -> Result<VotingSummary> {
    let bar = ProgressBar::new(ballots.len() as u64);
    let answered = Arc::new(AtomicU64::new(0));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let voting = runtime.spawn(voting_client::cast_all(
        engine.address,
        CONTEST,
        ballots,
        connections,
        Arc::clone(&answered),
    ));
    while !voting.is_finished() {
        bar.set_position(answered.load(Ordering::Relaxed));
        std::thread::sleep(Duration::from_millis(100));
    }
    bar.finish_and_clear();
    runtime.block_on(voting)?
}

/// Returns the number of entries whose counted total is the published one.
///
/// Prints each other entry.
fn compare(client: &Client, published: &[PublishedTotal], names: &Names) -> Result<usize> {
    let result: Value = client.get(&format!("/v1/contests/{CONTEST}/result"))?.json()?;
    let mut totals: HashMap<(&str, &str), u64> = HashMap::new();
    for category in result["categories"].as_array().into_iter().flatten() {
        let id = category["id"].as_str().unwrap_or_default();
        for entry in category["standings"].as_array().into_iter().flatten() {
            if let (Some(entry), Some(votes)) = (entry["entry"].as_str(), entry["votes"].as_u64()) {
                totals.insert((id, entry), votes);
            }
        }
    }
    let mut equal = 0;
    for PublishedTotal { choice, votes, .. } in published {
        match totals.get(&names.of(choice)?) {
            Some(counted) if counted == votes => equal += 1,
            Some(counted) => println!("{}, {}: counted {counted}, published {votes}", choice.0, choice.1),
            None => println!("{}, {}: not in the result, published {votes}", choice.0, choice.1),
        }
    }
    Ok(equal)
}
