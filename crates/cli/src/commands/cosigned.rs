//! The check that witnesses have cosigned a checkpoint, and the wait for cosignatures.

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

/// The time that an export waits for cosignatures: a few rounds of the sequencer.
const COSIGNATURE_TIMEOUT: Duration = Duration::from_secs(10);
/// The interval between two requests to the server during this wait.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Returns a reason for each of these witnesses that has not cosigned the note.
pub(super) fn missing_cosignatures(note: &[u8], witnesses: &[WitnessKey]) -> Vec<String> {
    // The note was opened before, so it is UTF-8.
    let note = String::from_utf8_lossy(note);
    let reason = |witness: &WitnessKey| Some(not_cosigned(witness, witness.find(&note).err()?));
    witnesses.iter().filter_map(reason).collect()
}

/// Adds a finding for each missing cosignature to an audit's report.
pub(super) fn require_cosignatures(report: &mut AuditReport, note: &[u8], witnesses: &[WitnessKey]) {
    let findings =
        missing_cosignatures(note, witnesses).into_iter().map(|reason| Finding { index: None, reason });
    report.findings.extend(findings);
    report.clean = report.findings.is_empty();
}

/// Returns the server's newest cosigned checkpoint, as a note and opened. `None` if there is none.
///
/// # Errors
/// If the server does not answer, or if the key did not sign the checkpoint.
pub(super) fn newest(
    client: &Client,
    contest: &ContestId,
    key: &VerifierKey,
) -> Result<Option<(Vec<u8>, Checkpoint)>> {
    let path = format!("/v1/contests/{contest}/log/checkpoint.cosigned");
    let Some(answer) = client.get_if_there(&path)? else { return Ok(None) };
    let checkpoint =
        Checkpoint::open(&answer.bytes, key).context("the server's cosigned checkpoint is invalid")?;
    Ok(Some((answer.bytes, checkpoint)))
}

/// Waits until the server's cosigned checkpoint covers `size` entries, and returns it.
///
/// After [`COSIGNATURE_TIMEOUT`] it returns the newest cosigned checkpoint. If there is none at
/// all, it does not wait: most likely there are no witnesses.
pub(super) fn wait_for(
    client: &Client,
    contest: &ContestId,
    key: &VerifierKey,
    size: u64,
) -> Result<Option<(Vec<u8>, Checkpoint)>> {
    let started = Instant::now();
    loop {
        let cosigned = newest(client, contest, key)?;
        if cosigned.as_ref().is_none_or(|(_, checkpoint)| checkpoint.size >= size)
            || started.elapsed() > COSIGNATURE_TIMEOUT
        {
            return Ok(cosigned);
        }
        thread::sleep(POLL_INTERVAL);
    }
}
