//! `acclaim turnout`

use anyhow::Result;
use serde_json::Value;

use crate::{
    args::contest::ShowArgs,
    client::Client,
    outcome::Outcome,
    output::{self, Table},
};

pub(super) fn run(args: &ShowArgs) -> Result<Outcome> {
    let client = Client::open(&args.target)?;
    let report: Value = client.get(&format!("/v1/contests/{}/turnout", args.contest))?.json()?;
    if args.json {
        output::json(&report)?;
        return Ok(Outcome::Done);
    }
    for (key, title) in [("hours", "hour"), ("channels", "channel"), ("groups", "group")] {
        let mut table = Table::new(&[title, "ballots"]);
        for (label, ballots) in report.get(key).and_then(Value::as_object).into_iter().flatten() {
            table.row([label.clone(), ballots.to_string()]);
        }
        table.print()?;
        output::line("")?;
    }
    let ballots = report.get("ballots").and_then(Value::as_u64).unwrap_or_default();
    output::line(format_args!("ballots: {ballots}"))?;
    Ok(Outcome::Done)
}
