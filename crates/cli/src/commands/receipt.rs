//! `acclaim receipt`

use std::fs;

use acclaim_ballot_log::{Receipt, leaf_hash};
use anyhow::{Context as _, Result, bail};

use super::cosigned::missing;
use crate::{
    args::log::VerifyArgs,
    outcome::{Outcome, Refused},
    output,
};

pub(super) fn verify(args: &VerifyArgs) -> Result<Outcome> {
    let named = || format!("the receipt {}", args.receipt.display());
    let key = args.key.read()?;
    let receipt: Receipt =
        fs::read_to_string(&args.receipt).with_context(named)?.parse().with_context(named)?;
    let leaf = match (&args.leaf_hash, &args.entry) {
        (Some(hash), _) => *hash,
        (None, Some(file)) => {
            let entry = fs::read(file).with_context(|| format!("the entry {}", file.display()))?;
            leaf_hash(entry.strip_suffix(b"\n").unwrap_or(&entry))
        }
        (None, None) => bail!("neither a leaf hash nor an entry was given"),
    };
    match receipt.verify(leaf, &key) {
        Ok(checkpoint) => {
            if let Some(reason) = missing(receipt.checkpoint.as_bytes(), &args.witness).first() {
                return Err(Refused(format!("not proved: {reason}")).into());
            }
            output::line(format_args!(
                "in the log: index {} of {} at {}, root {}",
                receipt.index, checkpoint.size, checkpoint.origin, checkpoint.root
            ))?;
            Ok(Outcome::Done)
        }
        Err(error) => Err(Refused(format!("not proved: {error}")).into()),
    }
}
