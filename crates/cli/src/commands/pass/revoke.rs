//! The commands `acclaim pass revoke` and `acclaim pass count`.

use std::collections::BTreeMap;

use acclaim_contest::subject::DefaultScheme;
use anyhow::Result;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::json;

use super::list::{MAX_VOTERS_PER_REQUEST, Source};
use crate::{
    args::staff::{PassCountArgs, RevokeArgs},
    client::{Client, IdempotencyKey, problem::Problem},
    outcome::Outcome,
    output, progress,
};

/// The API's answer to a revocation.
#[derive(Deserialize)]
struct Revocation {
    revoked: Vec<IgnoredAny>,
}

/// Revokes passes in requests of bounded size.
pub(in crate::commands) fn revoke(args: &RevokeArgs) -> Result<Outcome> {
    let source = Source::of(args.subjects.as_deref(), &args.subject)?;
    let client = Client::open(&args.target)?;
    let subjects = source.for_revocation(&client, &args.contest, args.subjects_are)?;
    let path = format!("/v1/contests/{}/passes/revocations", args.contest);
    let bar = progress::bar(subjects.len() as u64, "voters");
    let (key, mut revoked) = (IdempotencyKey::new()?, 0);
    for (number, piece) in subjects.chunks(usize::try_from(MAX_VOTERS_PER_REQUEST)?).enumerate() {
        let subjects_are = args.subjects_are.map(DefaultScheme::as_str);
        let body = json!({
            "subjects": piece, "subjects_are": subjects_are, "mode": args.mode, "reason": args.reason,
        });
        let answer = client.post(&path, &key.part(number), &body);
        let answer = answer.map_err(|error| {
            let done = failed(revoked, piece.len(), &error);
            error.context(done)
        })?;
        revoked += serde_json::from_value::<Revocation>(answer)?.revoked.len();
        bar.inc(piece.len() as u64);
    }
    bar.finish_and_clear();
    output::line(format_args!("revoked: the passes of {revoked} voters"))?;
    Ok(Outcome::Done)
}

/// Returns what is revoked if a request for `requested` more voters fails after `revoked` voters.
fn failed(revoked: usize, requested: usize, error: &anyhow::Error) -> String {
    let before = match revoked {
        0 => "no pass was revoked".to_owned(),
        _ => format!("the passes of the first {revoked} voters are revoked, but no others"),
    };
    if Problem::is_definite(error) {
        return before;
    }
    let before = match revoked {
        0 => String::new(),
        _ => format!("the passes of the first {revoked} voters are revoked. "),
    };
    format!(
        "{before}It is not known whether the passes of the next {requested} voters are revoked: run the command again before you mint passes for them"
    )
}

/// The API's answer with the counts of passes.
#[derive(Deserialize)]
struct Counts {
    ways: BTreeMap<String, u64>,
    revoked: RevokedCounts,
}

#[derive(Deserialize)]
struct RevokedCounts {
    replace: u64,
    bar: u64,
}

/// Prints the numbers of minted passes and of voters with revoked passes.
pub(in crate::commands) fn count(args: &PassCountArgs) -> Result<Outcome> {
    let client = Client::open(&args.target)?;
    let answer = client.get(&format!("/v1/contests/{}/passes", args.contest))?;
    let Counts { ways, revoked } = answer.json()?;
    if args.json {
        let revoked = json!({"replace": revoked.replace, "bar": revoked.bar});
        output::json(&json!({"ways": ways, "revoked": revoked}))?;
        return Ok(Outcome::Done);
    }
    for (way, passes) in &ways {
        output::line(format_args!("{way}: {passes} passes minted"))?;
    }
    if ways.is_empty() {
        output::line("no passes")?;
    }
    let RevokedCounts { replace, bar } = revoked;
    if replace + bar > 0 {
        output::line(format_args!("revoked: the passes of {} voters, {bar} of them barred", replace + bar))?;
    }
    Ok(Outcome::Done)
}
