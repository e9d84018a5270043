//! Bars 4, 8 and 9, then 7: many ballots, the space they take, and the rate after them.

use anyhow::{Context as _, Result};
use load_tests::{
    bulk,
    deployment::{Contest, Deployment},
    load::{Target, run},
    proof::prove,
};

use crate::{
    Plan, audit,
    rates::{ballots, target, voters},
    table::{Table, Threshold, median},
};

/// The number of bulk requests at once.
///
/// While the lines of one request wait for a place in the queue, the lines of the other are parsed.
const GATEWAYS: usize = 2;
/// The number of passes that are minted in one step.
const PASSES_PER_STEP: usize = 500_000;

pub(crate) fn measure(
    plan: &Plan,
    deployment: &Deployment,
    contest: &Contest,
    table: &mut Table,
) -> Result<()> {
    let size = || deployment.number("SELECT pg_database_size(current_database())");
    let (size_before, memory_before) = (size()?, redis_memory(deployment)?);
    let rates = grow(plan, deployment, contest)?;
    let rate = median(rates);
    let figure = format!("{rate:.0} a second");
    table.bar(
        4,
        "bulk route, clustered: ballots recorded a second",
        figure,
        rate,
        Threshold::AtLeast(60_000.0),
    );
    let recorded = contest.voters.recorded();
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let each = |bytes: i64| bytes as f64 / recorded as f64;
    let memory = each(redis_memory(deployment)? - memory_before);
    table.bar(
        8,
        &format!("Redis bytes a voter, {recorded} voters"),
        format!("{memory:.0}"),
        memory,
        Threshold::AtMost(64.0),
    );
    let bytes = each(size()? - size_before);
    table.bar(8, "Postgres bytes a ballot", format!("{bytes:.0}"), bytes, Threshold::AtMost(450.0));
    compare(plan, deployment, contest, table)?;
    let proof = prove(deployment, contest)?;
    audit::measure(plan, contest, &proof.log, table)
}

/// Casts the ballots, and returns the rate of each step.
fn grow(plan: &Plan, deployment: &Deployment, contest: &Contest) -> Result<Vec<f64>> {
    let mut rates = Vec::new();
    let path = format!("{}/bulk", contest.ballots());
    while contest.voters.recorded() < plan.growth {
        let piece = PASSES_PER_STEP.min(plan.growth - contest.voters.recorded());
        contest.voters.ensure(&deployment.client, piece + GATEWAYS * 10_000)?;
        let target = Target { connections: GATEWAYS, ..target(plan, deployment, &path) };
        let before = contest.voters.recorded();
        let elapsed = run(bulk::cast(target, &deployment.engine.key, &contest.voters, piece))?;
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        rates.push((contest.voters.recorded() - before) as f64 / elapsed.as_secs_f64());
    }
    Ok(rates)
}

/// Compares the rates of the grown contest and an empty one, in turn.
fn compare(plan: &Plan, deployment: &Deployment, contest: &Contest, table: &mut Table) -> Result<()> {
    let empty = deployment.open("empty")?;
    let (mut small, mut large) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        for (contest, rates) in [(&empty, &mut small), (contest, &mut large)] {
            voters(plan, deployment, contest, 1)?;
            rates.push(ballots(plan, deployment, contest)?);
        }
    }
    let (small, large) = (median(small), median(large));
    let figure = format!("{large:.0} of {small:.0} a second: {:.2}", large / small);
    let measure = format!("throughput with {} ballots over that with few", plan.growth);
    table.bar(9, &measure, figure, large / small, Threshold::AtLeast(0.8));
    table.proved(prove(deployment, &empty)?.recorded);
    Ok(())
}

fn redis_memory(deployment: &Deployment) -> Result<i64> {
    let server = deployment.redis.as_ref().context("an embedded engine has no Redis")?;
    let info: String = server.run(&["INFO", "memory"]);
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    Ok(line.context("the answer of Redis has no `used_memory`")?.trim().parse()?)
}
