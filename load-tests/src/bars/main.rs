//! `bars` measures the engine against its performance bars and prints the table.
//!
//! It starts Redis, Postgres and the engine, and proves that no ballot was lost.

mod audit;
mod growth;
mod rates;
mod readers;
mod table;
mod under_load;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use load_tests::{
    deployment::{Contest, Deployment, Mode},
    proof::prove,
};

use table::Table;

/// Measure the engine against its bars
#[derive(Debug, Parser)]
struct Args {
    /// The number of ballots before the throughput is compared with that of an empty contest
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    growth: usize,
    /// The number of voters' connections
    #[arg(long, value_name = "N", default_value_t = 1_536)]
    connections: usize,
    /// Seconds of each measurement
    #[arg(long, value_name = "N", default_value_t = 5)]
    seconds: u64,
    /// The number of rounds; each round measures all compared rates in turn
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
    /// Only these groups of bars
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Group::value_variants().to_vec())]
    only: Vec<Group>,
    /// Write the table as JSON into this file too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The binary `compared-acclaim` [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    engine: Option<PathBuf>,
}

/// Bars that share a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// 1 and 3: clustered
    Clustered,
    /// 2: embedded
    Embedded,
    /// Clustered, with four shards
    Shards,
    /// 5 and 6: latency and overload
    Load,
    /// 10: readers
    Readers,
    /// 4, 7, 8 and 9: many ballots
    Growth,
}

/// The settings of all measurements.
struct Plan {
    binary: PathBuf,
    connections: usize,
    duration: Duration,
    rounds: usize,
    growth: usize,
}

fn main() -> ExitCode {
    match measure(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn measure(args: &Args) -> Result<()> {
    let binary = match &args.engine {
        Some(binary) => binary.clone(),
        None => std::env::current_exe()?.with_file_name("compared-acclaim"),
    };
    let plan = Plan {
        binary,
        connections: args.connections,
        duration: Duration::from_secs(args.seconds),
        rounds: args.rounds,
        growth: args.growth,
    };
    let mut table = Table::default();
    for group in &args.only {
        let mode = match group {
            Group::Embedded => Mode::Embedded,
            Group::Shards => Mode::Clustered(4),
            _ => Mode::Clustered(1),
        };
        let deployment = Deployment::start(&plan.binary, mode)?;
        let contest = deployment.open("bars")?;
        deployment.settle()?;
        match group {
            Group::Clustered | Group::Embedded | Group::Shards => {
                rates::measure(&plan, &deployment, &contest, mode, &mut table)?;
            }
            Group::Load => under_load::measure(&plan, &deployment, &contest, &mut table)?,
            Group::Readers => readers::measure(&plan, &deployment, &contest, &mut table)?,
            Group::Growth => growth::measure(&plan, &deployment, &contest, &mut table)?,
        }
        prove_nothing_lost(&deployment, &contest, &mut table)?;
    }
    print!("{table}");
    if let Some(path) = &args.json {
        std::fs::write(path, table.json()).with_context(|| format!("writing the file {}", path.display()))?;
    }
    Ok(())
}

fn prove_nothing_lost(deployment: &Deployment, contest: &Contest, table: &mut Table) -> Result<()> {
    let proof = prove(deployment, contest)?;
    table.proved(proof.recorded);
    Ok(())
}
