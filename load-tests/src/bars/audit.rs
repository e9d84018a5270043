//! Bar 7: the time of an audit, divided by the time to hash the same file.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use load_tests::deployment::Contest;

use crate::{
    Plan,
    table::{Table, Threshold, median},
};

pub(crate) fn measure(plan: &Plan, contest: &Contest, log: &Path, table: &mut Table) -> Result<()> {
    let file = log.join("log.jsonl");
    let (mut ratios, mut audits) = (Vec::new(), Vec::new());
    // The engine is idle during these measurements.
    for _ in 0..plan.rounds {
        let hashing = time(Command::new("openssl").args(["dgst", "-sha256"]).arg(&file))?;
        let audit = time(Command::new(&plan.binary).arg("audit").arg(log).args(["--vkey", &contest.vkey]))?;
        audits.push(audit.as_secs_f64());
        ratios.push(audit.as_secs_f64() / hashing.as_secs_f64());
    }
    let (ratio, seconds) = (median(ratios), median(audits));
    let bytes = file.metadata()?.len();
    let figure = format!("{seconds:.2} s for {} MB: {ratio:.1}", bytes >> 20);
    table.bar(7, "audit, over `openssl dgst -sha256` of the log", figure, ratio, Threshold::AtMost(3.0));
    Ok(())
}

fn time(command: &mut Command) -> Result<Duration> {
    let started = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(started.elapsed())
}
