//! The command `acclaim receipt verify`, and what it shares with `acclaim receipt upgrade`.

mod upgrade;

use std::{fmt, fs, path::Path};

use acclaim_ballot_log::{Checkpoint, Hash, Receipt, leaf_hash};
use anyhow::{Context as _, Result};
use serde::{Deserialize, de::IgnoredAny};

use super::cosigned::missing_cosignatures;
use crate::{
    args::log::VerifyArgs,
    outcome::{Outcome, Refusal},
    output,
};
pub(super) use upgrade::upgrade;

pub(super) fn verify(args: &VerifyArgs) -> Result<Outcome> {
    let key = args.key.read()?;
    let receipt = read(&args.receipt)?;
    let leaf = leaf(args, &receipt)?;
    let checkpoint = receipt.verify(leaf, &key).map_err(not_proved)?;
    if let Some(reason) = missing_cosignatures(receipt.checkpoint.as_bytes(), &args.witness).first() {
        return Err(not_proved(reason).into());
    }
    print_proved(receipt.index, &checkpoint)?;
    if args.leaf_hash.is_none() && args.entry.is_none() {
        output::line(format_args!("leaf hash: {leaf}"))?;
        output::note(
            "this leaf hash comes from the receipt itself: compare it with the leaf hash that the page shows beside your ballot",
        );
    }
    Ok(Outcome::Done)
}

/// Returns the leaf hash that the receipt must prove.
fn leaf(args: &VerifyArgs, receipt: &Receipt) -> Result<Hash> {
    match (&args.leaf_hash, &args.entry) {
        (Some(hash), _) => Ok(*hash),
        (None, Some(file)) => {
            let unreadable = || format!("cannot read the entry in {}", file.display());
            leaf_of(&fs::read(file).with_context(unreadable)?, receipt.index).with_context(unreadable)
        }
        (None, None) => receipt.leaf().context(
            "the receipt does not hold its leaf hash: get the receipt from the ballot page or from .../ballots/ID/proof?with=leaf-hash, or give --leaf-hash or --entry",
        ),
    }
}

/// Returns the leaf hash of an entry as it is in the log, or of the ballot at `index` in an answer
/// of the server.
fn leaf_of(content: &[u8], index: u64) -> Result<Hash> {
    let of_entry = |entry: &[u8]| leaf_hash(entry.strip_suffix(b"\n").unwrap_or(entry));
    // An entry has the key `type`, and no answer has it.
    let answer = match serde_json::from_slice::<ServerAnswer>(content) {
        Ok(ServerAnswer { entry_type: None, ballots: Some(ballots), .. }) => ballots
            .into_iter()
            .find(|ballot| ballot.index == Some(index))
            .with_context(|| format!("the file has no ballot at index {index}, which the receipt is for"))?,
        Ok(ServerAnswer { entry_type: None, ballot, .. }) => ballot,
        _ => return Ok(of_entry(content)),
    };
    match answer {
        BallotAnswer { entry: Some(entry), .. } => Ok(of_entry(entry.as_bytes())),
        BallotAnswer { leaf_hash: Some(hash), .. } => {
            hash.parse().context("`leaf_hash` in the file is not a hash")
        }
        _ => Ok(of_entry(content)),
    }
}

/// The server's answer about one or several ballots.
#[derive(Deserialize)]
struct ServerAnswer {
    #[serde(rename = "type")]
    entry_type: Option<IgnoredAny>,
    ballots: Option<Vec<BallotAnswer>>,
    #[serde(flatten)]
    ballot: BallotAnswer,
}

/// The fields of one ballot in such an answer.
#[derive(Deserialize)]
struct BallotAnswer {
    index: Option<u64>,
    leaf_hash: Option<String>,
    entry: Option<String>,
}

fn read(path: &Path) -> Result<Receipt> {
    let unreadable = || format!("cannot read the receipt {}", path.display());
    fs::read_to_string(path).with_context(unreadable)?.parse().with_context(unreadable)
}

fn print_proved(index: u64, checkpoint: &Checkpoint) -> Result<Outcome> {
    output::line(format_args!(
        "in the log: index {index} of {} at {}, root {}",
        checkpoint.size, checkpoint.origin, checkpoint.root
    ))?;
    Ok(Outcome::Done)
}

fn not_proved(error: impl fmt::Display) -> Refusal {
    Refusal(format!("not proved: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leaf_hash_is_read_from_an_entry_and_from_every_answer() {
        let entry = r#"{"type":"ballot","id":"a"}"#;
        let hash = leaf_hash(entry.as_bytes());
        let quoted = serde_json::to_string(entry).unwrap();
        for content in [
            entry.to_owned(),
            format!("{entry}\n"),
            format!(
                r#"{{"ballot":"a","status":"recorded","index":7,"leaf_hash":"{hash}","log":{{"size":8}}}}"#
            ),
            format!(
                r#"{{"ballots":[{{"index":6,"entry":"x"}},{{"index":7,"leaf_hash":"x","entry":{quoted}}}]}}"#
            ),
        ] {
            assert_eq!(leaf_of(content.as_bytes(), 7).unwrap(), hash, "{content}");
        }
        let error = leaf_of(br#"{"ballots":[{"index":6,"entry":"x"}]}"#, 7).unwrap_err();
        assert!(error.to_string().contains("index 7"), "{error}");
        assert!(leaf_of(br#"{"leaf_hash":"x"}"#, 7).is_err());
    }
}
