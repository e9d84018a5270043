//! `replay`: casts real voters' ballots over HTTP at full speed, closes, and compares every total with the published one.

#![expect(clippy::indexing_slicing, reason = "indexing JSON gives null where there is nothing")]

mod engine;
mod votes;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use acclaim_cli::{
    caster::{self, Ballot, Figures},
    client::Client,
};
use anyhow::{Context as _, Result, bail};
use clap::Parser;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use engine::Engine;
use votes::{Choice, Columns, Published};

/// The contest that is made.
const CONTEST: &str = "replay";
/// Passes of one request.
const PIECE: usize = 10_000;

/// Replay voters' choices from CSV through the engine and compare the tally with published totals
#[derive(Debug, Parser)]
struct Args {
    /// One row a vote: voter, category, entry; .csv or .csv.gz
    #[arg(long, value_name = "FILE")]
    ballots: PathBuf,
    /// One row an entry: category, entry, title, published votes
    #[arg(long, value_name = "FILE")]
    published: PathBuf,
    #[command(flatten)]
    columns: Columns,
    /// Only the first so many voters; the totals are then those of their rows
    #[arg(long, value_name = "N")]
    voters: Option<usize>,
    /// Connections at once
    #[arg(long, default_value_t = 128)]
    connections: usize,
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
    let votes = votes::read_votes(&args.ballots, &args.columns, args.voters.unwrap_or(usize::MAX))?;
    let mut published = votes::read_published(&args.published, &args.columns)?;
    if args.voters.is_some() {
        let totals = votes::count(&votes);
        for entry in &mut published {
            entry.votes = totals.get(&entry.choice).copied().unwrap_or(0);
        }
    }
    println!("voters: {}, votes: {}", votes.len(), votes.iter().map(Vec::len).sum::<usize>());

    let folder = tempfile::tempdir()?;
    let binary = match &args.engine {
        Some(binary) => binary.clone(),
        None => std::env::current_exe()?.with_file_name("acclaim"),
    };
    let engine = Engine::start(&binary, &folder.path().join("data"))?;
    let url = format!("http://{}", engine.address);
    let client = Client::of_server(&url, Some(engine.key.clone()))?;
    let contest = client.put(&format!("/v1/contests/{CONTEST}"), None, definition(&published)?)?;
    let ballots = mint(&client, &votes)?;
    let figures = cast(&engine, ballots, args.connections)?;
    println!(
        "recorded: {} ballots in {:.2} s ({:.0} a second)",
        figures.recorded,
        figures.elapsed.as_secs_f64(),
        figures.rate()
    );
    client.post(&format!("/v1/contests/{CONTEST}/close"), "close", &json!({}))?;
    let equal = compare(&client, &published)?;
    println!("totals: {equal} of {} equal", published.len());

    let log = folder.path().join("log");
    let log = log.to_str().context("the temporary folder's name")?;
    let (exported, said) = engine.run(&["log", "export", CONTEST, "--url", &url, "--out", log])?;
    if !exported {
        bail!("the log was not exported: {said}");
    }
    let vkey = contest["log"]["vkey"].as_str().unwrap_or_default();
    let (clean, report) = engine.run(&["audit", log, "--vkey", vkey])?;
    print!("{report}");
    Ok(clean && equal == published.len() && figures.recorded == votes.len() as u64)
}

/// A contest of these entries, open now: one vote a category, categories left out at will.
fn definition(published: &[Published]) -> Result<String> {
    let categories: BTreeSet<&str> = published.iter().map(|entry| entry.choice.0.as_str()).collect();
    let now = acclaim_cli::clock::now().as_second();
    let instant = |seconds: i64| {
        let at = acclaim_cli::clock::now();
        at.saturating_add(Duration::from_secs(u64::try_from(seconds - now).unwrap_or(0)))
            .map(|at| at.to_string())
    };
    let whole = |text: String| text.split_once('.').map_or(text.clone(), |(whole, _)| format!("{whole}Z"));
    let definition = json!({
        "contest": {"id": CONTEST, "title": "Replay", "time_zone": "UTC",
            "opens": whole(instant(now)?), "closes": whole(instant(now + 86_400)?)},
        "winners": {"count": 1, "from": "all", "by": "votes"},
        "category": categories.iter().map(|id| json!({"id": id, "title": id})).collect::<Vec<_>>(),
        "entry": published.iter().map(|entry| {
            let title: String = entry.title.chars().filter(|c| !c.is_control()).take(400).collect();
            json!({"id": entry.choice.1, "category": entry.choice.0, "title": title})
        }).collect::<Vec<_>>(),
    });
    Ok(definition.to_string())
}

fn mint(client: &Client, votes: &[Vec<Choice>]) -> Result<Vec<Ballot>> {
    let mut ballots = Vec::with_capacity(votes.len());
    for (number, piece) in votes.chunks(PIECE).enumerate() {
        let from = number * PIECE;
        let subjects: Vec<String> =
            (from..from + piece.len()).map(|voter| format!("voter:{voter}")).collect();
        let path = format!("/v1/contests/{CONTEST}/passes");
        let minted = client.post(&path, &format!("mint-{number}"), &json!({"subjects": subjects}))?;
        for (pass, choices) in minted["passes"].as_array().into_iter().flatten().zip(piece) {
            let selections: Vec<Value> = choices
                .iter()
                .map(|(category, entry)| json!({"category": category, "entry": entry}))
                .collect();
            let body = json!({"selections": selections}).to_string();
            ballots.push(Ballot {
                pass: pass["pass"].as_str().unwrap_or_default().to_owned(),
                body: body.into(),
            });
        }
    }
    Ok(ballots)
}

fn cast(engine: &Engine, ballots: Vec<Ballot>, connections: usize) -> Result<Figures> {
    let bar = ProgressBar::new(ballots.len() as u64);
    let cast = Arc::new(AtomicU64::new(0));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let voting =
        runtime.spawn(caster::cast_all(engine.address, CONTEST, ballots, connections, Arc::clone(&cast)));
    while !voting.is_finished() {
        bar.set_position(cast.load(Ordering::Relaxed));
        std::thread::sleep(Duration::from_millis(100));
    }
    bar.finish_and_clear();
    runtime.block_on(voting)?
}

/// How many entries have the published total; each that has not is printed.
fn compare(client: &Client, published: &[Published]) -> Result<usize> {
    let result: Value = client.get(&format!("/v1/contests/{CONTEST}/result"))?.json()?;
    let mut totals: BTreeMap<&str, HashMap<&str, u64>> = BTreeMap::new();
    for category in result["categories"].as_array().into_iter().flatten() {
        let of_category = totals.entry(category["id"].as_str().unwrap_or_default()).or_default();
        for entry in category["standings"].as_array().into_iter().flatten() {
            of_category
                .insert(entry["entry"].as_str().unwrap_or_default(), entry["votes"].as_u64().unwrap_or(0));
        }
    }
    let mut equal = 0;
    for Published { choice: (category, entry), votes, .. } in published {
        let counted = totals.get(&**category).and_then(|totals| totals.get(&**entry));
        if counted == Some(votes) {
            equal += 1;
        } else {
            println!("{category}, {entry}: counted {counted:?}, published {votes}");
        }
    }
    Ok(equal)
}
