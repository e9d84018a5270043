//! The command `acclaim jury`: each juror's complete and missing scores, and recusals.

#![expect(
    clippy::indexing_slicing,
    reason = "reading a missing key of a JSON value gives null, and setting one adds it"
)]

use anyhow::Result;
use serde_json::{Value, json};

use super::contest::step;
use crate::{
    args::{
        contest::ShowArgs,
        jury::{JuryCommand, RecusalArgs},
    },
    client::Client,
    outcome::Outcome,
    output::{self, Table},
};

/// The largest number of entries that a line names.
const MAX_NAMED: usize = 5;

pub(super) fn run(command: JuryCommand) -> Result<Outcome> {
    match command {
        JuryCommand::Status(args) => status(&args),
        JuryCommand::Recuse(args) => recusal(&args, "recusals"),
        JuryCommand::Rejoin(args) => recusal(&args, "rejoinings"),
    }
}

fn status(args: &ShowArgs) -> Result<Outcome> {
    let client = Client::open(&args.target)?;
    let status: Value = client.get(&format!("/v1/contests/{}/jury", args.contest))?.json()?;
    if args.json {
        output::json(&status)?;
        return Ok(Outcome::Done);
    }
    let mut table = Table::new(&["panel", "juror", "key", "complete", "missing", "recused"]);
    let (mut jurors, mut complete) = (0, 0);
    for panel in list(&status["panels"]) {
        for juror in list(&panel["jurors"]) {
            let is_complete = juror["complete"] == true;
            jurors += 1;
            complete += usize::from(is_complete);
            let missing: Vec<String> = list(&juror["missing"]).iter().map(missing).collect();
            table.row([
                text(&panel["panel"]),
                text(&juror["juror"]),
                yes_or_no(juror["has_key"] == true),
                yes_or_no(is_complete),
                missing.join("; "),
                recused(&juror["recused"]),
            ]);
        }
    }
    table.print()?;
    output::line(format_args!("complete: {complete} of {jurors} jurors"))?;
    if status["shortlist_is_final"] == false {
        output::note(
            "winners are chosen among the champions, who are known when voting ends: until then, jurors score all entries",
        );
    }
    Ok(Outcome::Done)
}

fn recusal(args: &RecusalArgs, route: &str) -> Result<Outcome> {
    let mut body = json!({"entry": args.entry, "reason": args.reason});
    if let Some(panel) = &args.panel {
        body["panel"] = panel.as_str().into();
    }
    if let Some(juror) = &args.juror {
        body["juror"] = juror.as_str().into();
    }
    step(&args.target, &args.contest, route, &body)
}

/// Returns the missing scores of a list, for example `c01 by impact: p1, p2` or `c02: 20 entries`.
fn missing(missing: &Value) -> String {
    let criterion = missing["criterion"].as_str().map_or_else(String::new, |name| format!(" by {name}"));
    let entries: Vec<String> = list(&missing["entries"]).iter().map(text).collect();
    let count = missing["count"].as_u64().unwrap_or_default();
    format!("{}{criterion}: {}", text(&missing["category"]), named(&entries, count))
}

/// Returns the entries that a juror does not judge, for example `p1, p2` or `20 entries`.
fn recused(recused: &Value) -> String {
    let entries: Vec<String> = list(recused).iter().map(|one| text(&one["entry"])).collect();
    named(&entries, entries.len() as u64)
}

/// Returns the entries by name if all are listed and there are few of them, and otherwise their
/// number.
fn named(entries: &[String], count: u64) -> String {
    if entries.len() <= MAX_NAMED && entries.len() as u64 == count {
        entries.join(", ")
    } else {
        format!("{count} entries")
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn yes_or_no(is_so: bool) -> String {
    if is_so { "yes" } else { "no" }.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_few_missing_entries_are_named() {
        let few = json!({"category": "a", "criterion": "impact", "count": 2, "entries": ["a1", "a2"]});
        assert_eq!(missing(&few), "a by impact: a1, a2");
        let many = json!({"category": "a", "count": 6, "entries": ["1", "2", "3", "4", "5", "6"]});
        assert_eq!(missing(&many), "a: 6 entries");
        let cut = json!({"category": "a", "count": 6, "entries": ["1"]});
        assert_eq!(missing(&cut), "a: 6 entries");
    }

    #[test]
    fn recused_entries_are_named_while_they_are_few() {
        let entries =
            |count: u32| (0..count).map(|number| json!({"category": "a", "entry": format!("a{number}")}));
        let text_for = |count| recused(&entries(count).collect());
        assert_eq!([text_for(0), text_for(2), text_for(6)], ["", "a0, a1", "6 entries"]);
    }
}
