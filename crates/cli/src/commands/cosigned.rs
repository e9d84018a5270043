//! Demanding that witnesses have cosigned a checkpoint.

use std::{
    thread,
    time::{Duration, Instant},
};

use acclaim_ballot_log::{Checkpoint, VerifierKey, WitnessKey};
use acclaim_contest::ContestId;
use acclaim_tally::{AuditReport, audit::Finding};
use anyhow::{Context as _, Result};

use super::audit::witness_watch::not_cosigned;
use crate::client::Client;

/// How long an export waits for witnesses: a few rounds of the sequencer's.
const COSIGNATURE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often the server is asked meanwhile.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Why a note is not cosigned by all of these witnesses, a reason for each that is missing.
pub(super) fn missing_cosignatures(note: &[u8], witnesses: &[WitnessKey]) -> Vec<String> {
    // What is no UTF-8 was refused as a note before.
    let note = String::from_utf8_lossy(note);
    let reason = |witness: &WitnessKey| Some(not_cosigned(witness, witness.find(&note).err()?));
    witnesses.iter().filter_map(reason).collect()
}

/// Adds what is missing to an audit's findings.
pub(super) fn require_cosignatures(report: &mut AuditReport, note: &[u8], witnesses: &[WitnessKey]) {
    let findings =
        missing_cosignatures(note, witnesses).into_iter().map(|reason| Finding { index: None, reason });
    report.findings.extend(findings);
    report.clean = report.findings.is_empty();
}

/// The server's newest cosigned checkpoint, as a note and opened; `None` if there is none.
pub(super) fn newest(
    client: &Client,
    contest: &ContestId,
    key: &VerifierKey,
) -> Result<Option<(Vec<u8>, Checkpoint)>> {
    let path = format!("/v1/contests/{contest}/log/checkpoint.cosigned");
    let Some(answer) = client.get_if_there(&path)? else { return Ok(None) };
    let checkpoint = Checkpoint::open(&answer.bytes, key).context("the server's cosigned checkpoint")?;
    Ok(Some((answer.bytes, checkpoint)))
}

/// The server's cosigned checkpoint, once it covers N entries; whatever there is if that takes too long. Without any it does not wait: most likely there are
/// no witnesses.
pub(super) fn wait_for(
    client: &Client,
    contest: &ContestId,
    key: &VerifierKey,
    size: u64,
) -> Result<Option<(Vec<u8>, Checkpoint)>> {
    let begun = Instant::now();
    loop {
        let found = newest(client, contest, key)?;
        if found.as_ref().is_none_or(|(_, checkpoint)| checkpoint.size >= size)
            || begun.elapsed() > COSIGNATURE_TIMEOUT
        {
            return Ok(found);
        }
        thread::sleep(POLL_INTERVAL);
    }
}
