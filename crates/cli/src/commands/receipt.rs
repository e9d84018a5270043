//! `acclaim receipt`

mod upgrade;

use std::{fmt, fs, path::Path};

use acclaim_ballot_log::{Checkpoint, Receipt, leaf_hash};
use anyhow::{Context as _, Result, bail};

use super::cosigned::missing;
use crate::{
    args::log::VerifyArgs,
    outcome::{Outcome, Refused},
    output,
};

pub(super) use upgrade::upgrade;

pub(super) fn verify(args: &VerifyArgs) -> Result<Outcome> {
    let key = args.key.read()?;
    let receipt = read(&args.receipt)?;
    let leaf = match (&args.leaf_hash, &args.entry) {
        (Some(hash), _) => *hash,
        (None, Some(file)) => {
            let entry = fs::read(file).with_context(|| format!("the entry {}", file.display()))?;
            leaf_hash(entry.strip_suffix(b"\n").unwrap_or(&entry))
        }
        (None, None) => bail!("neither a leaf hash nor an entry was given"),
    };
    let checkpoint = receipt.verify(leaf, &key).map_err(not_proved)?;
    if let Some(reason) = missing(receipt.checkpoint.as_bytes(), &args.witness).first() {
        return Err(not_proved(reason).into());
    }
    proved(receipt.index, &checkpoint)
}

fn read(path: &Path) -> Result<Receipt> {
    let named = || format!("the receipt {}", path.display());
    fs::read_to_string(path).with_context(named)?.parse().with_context(named)
}

fn proved(index: u64, checkpoint: &Checkpoint) -> Result<Outcome> {
    output::line(format_args!(
        "in the log: index {index} of {} at {}, root {}",
        checkpoint.size, checkpoint.origin, checkpoint.root
    ))?;
    Ok(Outcome::Done)
}

fn not_proved(error: impl fmt::Display) -> Refused {
    Refused(format!("not proved: {error}"))
}
