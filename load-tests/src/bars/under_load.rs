//! Bars 5 and 6: how long voters wait at half the maximum rate, and what happens beyond it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use load_tests::{
    cpu,
    deployment::{Contest, Deployment},
    load::{OpenLoopResult, Target, run, run_open_loop},
};

use crate::{
    Plan,
    rates::{ballots, target, voters},
    table::{Table, Threshold},
};

/// Connections of an open loop below the maximum: more than voters who wait at once.
const CONNECTIONS: usize = 2_000;
/// Beyond it as many as the engine lets wait, 4,096, and those who are being refused.
const OVERLOAD_CONNECTIONS: usize = 6_000;
/// After so long the engine is back at its full rate.
const RECOVERY_DELAY: Duration = Duration::from_secs(2);

pub(crate) fn measure(
    plan: &Plan,
    deployment: &Deployment,
    contest: &Contest,
    table: &mut Table,
) -> Result<()> {
    voters(plan, deployment, contest, 2)?;
    // The first seconds are slower: nothing is warm.
    ballots(plan, deployment, contest)?;
    let most = ballots(plan, deployment, contest)?;
    deployment.settle()?;
    latency(plan, deployment, contest, most, table)?;
    overload(plan, deployment, contest, most, table)
}

fn arrivals(
    plan: &Plan,
    deployment: &Deployment,
    contest: &Contest,
    connections: usize,
    rate: f64,
) -> Result<OpenLoopResult> {
    voters(plan, deployment, contest, 4)?;
    let path = contest.ballots();
    let target = Target { connections, ..target(plan, deployment, &path) };
    run(run_open_loop(target, &contest.voters, rate, plan.duration * 2))
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn latency(
    plan: &Plan,
    deployment: &Deployment,
    contest: &Contest,
    most: f64,
    table: &mut Table,
) -> Result<()> {
    let seen = arrivals(plan, deployment, contest, CONNECTIONS, most / 2.0)?;
    let at = |quantile| seen.latency.value_at_quantile(quantile) as f64 / 1000.0;
    for (quantile, name, bound) in [(0.5, "p50", 10.0), (0.99, "p99", 50.0)] {
        let figure = format!("{:.1} ms at {:.0} a second", at(quantile), seen.created());
        table.bar(
            5,
            &format!("latency at half the maximum rate, {name}"),
            figure,
            at(quantile),
            Threshold::AtMost(bound),
        );
    }
    table.note(format!(
        "latency: p99.9 {:.1} ms, most {:.1} ms; answers {:?}",
        at(0.999),
        at(1.0),
        seen.statuses
    ));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn overload(
    plan: &Plan,
    deployment: &Deployment,
    contest: &Contest,
    most: f64,
    table: &mut Table,
) -> Result<()> {
    let (before, _) = cpu::memory(deployment.engine.process()).context("the engine's memory")?;
    let seen = arrivals(plan, deployment, contest, OVERLOAD_CONNECTIONS, most * 1.5)?;
    let (_, peak) = cpu::memory(deployment.engine.process()).context("the engine's memory")?;
    std::thread::sleep(RECOVERY_DELAY);
    voters(plan, deployment, contest, 1)?;
    let after = ballots(plan, deployment, contest)?;
    let kept = seen.created() / most;
    let figure = format!("{:.0} of {most:.0} a second: {kept:.2}", seen.created());
    table.bar(6, "overload at 1.5 times the maximum: recorded", figure, kept, Threshold::AtLeast(0.6));
    let figure = format!("{after:.0} of {most:.0} a second: {:.2}", after / most);
    table.bar(6, "rate 2 s after the overload", figure, after / most, Threshold::AtLeast(0.9));
    let refused =
        seen.statuses.iter().filter(|(status, _)| **status != 201).map(|(_, count)| count).sum::<u64>();
    table.note(format!(
        "overload: {} offered, answers {:?}, refused {refused} after {:.0} ms (median), recorded after {:.0} ms; engine's memory {} MB before, {} MB at most",
        seen.offered,
        seen.statuses,
        seen.refusal.value_at_quantile(0.5) as f64 / 1000.0,
        seen.latency.value_at_quantile(0.5) as f64 / 1000.0,
        before >> 20,
        peak >> 20,
    ));
    Ok(())
}
