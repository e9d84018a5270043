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

/// The groupings of the ballots, in the order of the output.
///
/// Each has its key in the server's answer, and its title in the output.
const GROUPINGS: [(&str, &str); 3] = [("hours", "hour"), ("channels", "channel"), ("groups", "group")];

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
    for (key, title) in GROUPINGS {
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

/// Returns the labels of one grouping, each with its number of ballots.
fn counts<'a>(report: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    report.get(key).and_then(Value::as_object).into_iter().flatten()
}

/// Returns a CSV table with a row for each hour, channel and group.
///
/// The server labels ballots without a channel or group `-`. The table has an empty label for them.
fn csv(report: &Value, for_excel: bool) -> String {
    let mut csv = if for_excel { BYTE_ORDER_MARK.to_owned() } else { String::new() };
    csv.push_str("by,label,ballots\r\n");
    for (key, title) in GROUPINGS {
        for (label, ballots) in counts(report, key) {
            let label = if label == "-" { "" } else { label };
            csv.push_str(&row([title, &cell(label), &ballots.to_string()]));
            csv.push_str("\r\n");
        }
    }
    csv
}
