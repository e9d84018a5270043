//! `acclaim jury`

#![expect(clippy::indexing_slicing, reason = "setting a key of a JSON object makes it")]

use anyhow::Result;
use serde_json::json;

use super::contest::step;
use crate::{
    args::jury::{JuryCommand, RecusalArgs},
    outcome::Outcome,
};

pub(super) fn run(command: JuryCommand) -> Result<Outcome> {
    match command {
        JuryCommand::Recuse(args) => recusal(&args, "recusals"),
        JuryCommand::Rejoin(args) => recusal(&args, "rejoinings"),
    }
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
