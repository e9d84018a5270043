//! The command `acclaim turnout`: ballots by hour, channel and group.

use acclaim_contest::csv_cell::{BYTE_ORDER_MARK, cell, row};
use anyhow::Result;
use serde_json::Value;

use crate::{
    args::contest::TurnoutArgs,
    client::Client,
    outcome::Outcome,
    output::{self, Table},
};

/// The counts in the order of the report: each count's key in the server's answer, and its title.
const COUNTS: [(&str, &str); 3] = [("hours", "hour"), ("channels", "channel"), ("groups", "group")];

pub(super) fn run(args: &TurnoutArgs) -> Result<Outcome> {
    let client = Client::open(&args.target)?;
    let report: Value = client.get(&format!("/v1/contests/{}/turnout", args.contest))?.json()?;
    if args.json {
        output::json(&report)?;
        return Ok(Outcome::Done);
    }
    if args.csv {
        output::write(csv(&report, args.excel).as_bytes())?;
        return Ok(Outcome::Done);
    }
    for (key, title) in COUNTS {
        let mut table = Table::new(&[title, "ballots"]);
        for (label, ballots) in counts(&report, key) {
            table.row([label.clone(), ballots.to_string()]);
        }
        table.print()?;
        output::line("")?;
    }
    let ballots = report.get("ballots").and_then(Value::as_u64).unwrap_or_default();
    output::line(format_args!("ballots: {ballots}"))?;
    Ok(Outcome::Done)
}

/// Returns the labels of a count, with the number of ballots of each.
fn counts<'a>(report: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    report.get(key).and_then(Value::as_object).into_iter().flatten()
}

/// Returns a table with a row for each hour, channel and group. Ballots without a channel or group
/// have an empty label.
fn csv(report: &Value, for_excel: bool) -> String {
    let mut csv = if for_excel { BYTE_ORDER_MARK.to_owned() } else { String::new() };
    csv.push_str("by,label,ballots\r\n");
    for (key, title) in COUNTS {
        for (label, ballots) in counts(report, key) {
            let label = if label == "-" { "" } else { label };
            csv.push_str(&row([title, &cell(label), &ballots.to_string()]));
            csv.push_str("\r\n");
        }
    }
    csv
}
