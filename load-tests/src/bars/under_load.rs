//! Bars 5 and 6: the latency at half the maximum rate, and the behaviour under overload.

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

/// Connections of an open loop below the maximum rate: more than the voters who wait at once.
const CONNECTIONS: usize = 2_000;
/// Connections of the overload.
///
/// The engine lets 4,096 ballots wait. The other connections are for ballots that are being
/// refused.
const OVERLOAD_CONNECTIONS: usize = 6_000;
/// The time after which the engine must be back at its full rate.
const RECOVERY_DELAY: Duration = Duration::from_secs(2);

pub(crate) fn measure(
    plan: &Plan,
    deployment: &Deployment,
    contest: &Contest,
    table: &mut Table,
) -> Result<()> {
    voters(plan, deployment, contest, 2)?;
    // The first seconds are slower, because caches and connections are cold.
    ballots(plan, deployment, contest)?;
    let max_rate = ballots(plan, deployment, contest)?;
    deployment.settle()?;
    latency(plan, deployment, contest, max_rate, table)?;
    overload(plan, deployment, contest, max_rate, table)
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
    max_rate: f64,
    table: &mut Table,
) -> Result<()> {
    let outcome = arrivals(plan, deployment, contest, CONNECTIONS, max_rate / 2.0)?;
    let at = |quantile| outcome.latency.value_at_quantile(quantile) as f64 / 1000.0;
    for (quantile, name, bound) in [(0.5, "p50", 10.0), (0.99, "p99", 50.0)] {
        let figure = format!("{:.1} ms at {:.0} a second", at(quantile), outcome.created());
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
        outcome.statuses
    ));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn overload(
    plan: &Plan,
    deployment: &Deployment,
    contest: &Contest,
    max_rate: f64,
    table: &mut Table,
) -> Result<()> {
    let (before, _) = cpu::memory(deployment.engine.process()).context("the engine's memory")?;
    let outcome = arrivals(plan, deployment, contest, OVERLOAD_CONNECTIONS, max_rate * 1.5)?;
    let (_, peak) = cpu::memory(deployment.engine.process()).context("the engine's memory")?;
    std::thread::sleep(RECOVERY_DELAY);
    voters(plan, deployment, contest, 1)?;
    let after = ballots(plan, deployment, contest)?;
    let ratio = outcome.created() / max_rate;
    let figure = format!("{:.0} of {max_rate:.0} a second: {ratio:.2}", outcome.created());
    table.bar(6, "overload at 1.5 times the maximum: recorded", figure, ratio, Threshold::AtLeast(0.6));
    let figure = format!("{after:.0} of {max_rate:.0} a second: {:.2}", after / max_rate);
    table.bar(6, "rate 2 s after the overload", figure, after / max_rate, Threshold::AtLeast(0.9));
    let refused =
        outcome.statuses.iter().filter(|(status, _)| **status != 201).map(|(_, count)| count).sum::<u64>();
    table.note(format!(
        "overload: {} offered, answers {:?}, refused {refused} after {:.0} ms (median), recorded after {:.0} ms; engine's memory {} MB before, {} MB at most",
        outcome.offered,
        outcome.statuses,
        outcome.refusal.value_at_quantile(0.5) as f64 / 1000.0,
        outcome.latency.value_at_quantile(0.5) as f64 / 1000.0,
        before >> 20,
        peak >> 20,
    ));
    Ok(())
}
