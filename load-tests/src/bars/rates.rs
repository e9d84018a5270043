//! Bars 1, 2 and 3: ballots per second, divided by the rates of the compared routes.
//!
//! The compared routes are one that only parses and answers, and one with a transaction for each
//! vote.

use std::{collections::BTreeMap, time::Duration};

use acclaim_cli::client::IdempotencyKey;
use anyhow::Result;
use load_tests::{
    comparison,
    cpu::{self, Processes},
    deployment::{Contest, Deployment, Mode},
    load::{Target, run, run_closed_loop},
};

use crate::{
    Plan,
    table::{Table, Threshold, median},
};

/// The number of voters for each second: more than any present machine records on two cores.
const VOTERS_PER_SECOND: usize = 60_000;

pub(crate) fn target<'a>(plan: &Plan, deployment: &Deployment, path: &'a str) -> Target<'a> {
    Target { address: deployment.engine.address, path, connections: plan.connections, noted: true }
}

/// Makes sure that there are enough voters for the measurements.
pub(crate) fn voters(
    plan: &Plan,
    deployment: &Deployment,
    contest: &Contest,
    measurements: usize,
) -> Result<()> {
    let seconds = usize::try_from(plan.duration.as_secs())?;
    contest.voters.ensure(&deployment.client, VOTERS_PER_SECOND * seconds * measurements)
}

/// Returns the ballots recorded per second, in a closed loop.
pub(crate) fn ballots(plan: &Plan, deployment: &Deployment, contest: &Contest) -> Result<f64> {
    let path = contest.ballots();
    run(run_closed_loop(target(plan, deployment, &path), &contest.voters, plan.duration))
}

/// Returns the answers per second of a compared route.
///
/// The measurement uses up voters, who then do not vote in the contest.
fn compared(plan: &Plan, deployment: &Deployment, contest: &Contest, path: &str) -> Result<f64> {
    let target = Target { noted: false, ..target(plan, deployment, path) };
    run(run_closed_loop(target, &contest.voters, plan.duration))
}

pub(crate) fn measure(
    plan: &Plan,
    deployment: &Deployment,
    contest: &Contest,
    mode: Mode,
    table: &mut Table,
) -> Result<()> {
    let is_cluster = mode != Mode::Embedded;
    let compares = mode == Mode::Clustered(1);
    if compares {
        deployment.client.post(
            comparison::PREPARE,
            &IdempotencyKey::new()?.part(0),
            &serde_json::json!({}),
        )?;
    }
    let (mut recorded, mut parsed, mut ratios, mut gains) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut costs = BTreeMap::new();
    for _ in 0..plan.rounds {
        voters(plan, deployment, contest, 4)?;
        let parse = compared(plan, deployment, contest, comparison::PARSE)?;
        let before = cpu::used(&deployment.processes());
        let ballots = ballots(plan, deployment, contest)?;
        add_costs(&mut costs, &before, &deployment.processes());
        if compares {
            gains.push(ballots / compared(plan, deployment, contest, comparison::TRANSACTION)?);
        }
        recorded.push(ballots);
        parsed.push(parse);
        ratios.push(ballots / parse);
    }
    let (rate, parse, ratio) = (median(recorded.clone()), median(parsed), median(ratios));
    let figure = format!("{rate:.0} of {parse:.0} a second: {ratio:.2}");
    match mode {
        Mode::Clustered(1) => {
            table.bar(1, "clustered, over parse-and-answer", figure, ratio, Threshold::AtLeast(0.5));
            let gain = median(gains);
            let figure = format!("{rate:.0} of {:.0} a second: {gain:.1}", rate / gain);
            table.bar(3, "clustered, over a transaction a vote", figure, gain, Threshold::AtLeast(5.0));
        }
        Mode::Embedded => {
            table.bar(2, "embedded, over parse-and-answer", figure, ratio, Threshold::AtLeast(0.5));
        }
        Mode::Clustered(shards) => {
            table.figure(&format!("clustered, {shards} shards, over parse-and-answer"), figure, ratio);
        }
    }
    add_cost_rows(&costs, &recorded, plan, if is_cluster { "clustered" } else { "embedded" }, table);
    Ok(())
}

type Costs = BTreeMap<&'static str, Duration>;

fn add_costs(costs: &mut Costs, before: &Costs, processes: &Processes) {
    for (name, after) in cpu::used(processes) {
        let used = after.saturating_sub(before.get(name).copied().unwrap_or_default());
        *costs.entry(name).or_default() += used;
    }
}

/// Adds a row with the processor time of a ballot for each process.
fn add_cost_rows(costs: &Costs, rates: &[f64], plan: &Plan, mode: &str, table: &mut Table) {
    let ballots = rates.iter().sum::<f64>() * plan.duration.as_secs_f64();
    for (name, used) in costs {
        let micros = used.as_secs_f64() * 1e6 / ballots;
        table.figure(&format!("{mode}: {name}, processor time a ballot"), format!("{micros:.1} us"), micros);
    }
}
