//! The required witnesses of a server that is followed: their cosigned checkpoints must come in
//! time.

use std::{path::Path, time::Instant};

use acclaim_ballot_log::Checkpoint;
use anyhow::Result;

use super::comparison::Discrepancies;
use crate::{
    clock::now,
    commands::audit::{audit_inputs::AuditInputs, folder::watched, witness_watch::CosignatureWatch},
};

/// The state of the required witnesses.
pub(super) struct Witnesses {
    watch: CosignatureWatch,
    started: Instant,
    /// The last cosigned checkpoint that was consistent.
    consistent: Option<Checkpoint>,
}

/// The server's newest cosigned checkpoint, as a note and opened.
pub(super) type CosignedNote = (Vec<u8>, Checkpoint);

impl Witnesses {
    /// Returns `None` if no witnesses are required.
    pub(super) fn new(inputs: &AuditInputs) -> Option<Self> {
        inputs.watch().map(|watch| Self { watch, started: Instant::now(), consistent: None })
    }

    /// Stops the time of the watch, because the server does not answer.
    pub(super) fn pause(&mut self) {
        self.watch.pause();
    }

    /// Whether this was the last cosigned checkpoint that was consistent.
    pub(super) fn is_consistent(&self, cosigned: &Checkpoint) -> bool {
        self.consistent.as_ref() == Some(cosigned)
    }

    /// Notes that a cosigned checkpoint is consistent.
    pub(super) fn note_consistent(&mut self, cosigned: &Checkpoint) {
        self.consistent = Some(cosigned.clone());
    }

    /// Gives the watch a poll with consistent checkpoints. Returns the overdue cosignatures.
    pub(super) fn observe(
        &mut self,
        note: &[u8],
        newest: u64,
        cosigned: Option<&CosignedNote>,
    ) -> Discrepancies {
        let cosigned = cosigned.map(|(note, checkpoint)| (note.as_slice(), checkpoint.size));
        let notes: Vec<_> = [(note, newest)].into_iter().chain(cosigned).collect();
        self.watch.observe(self.started.elapsed(), newest, &notes);
        self.watch.overdue().into_iter().map(|finding| (finding.index, finding.reason)).collect()
    }

    /// Whether all required witnesses have cosigned the newest checkpoint.
    pub(super) fn is_settled(&self) -> bool {
        self.watch.is_settled()
    }

    /// Returns the witnesses' cosigned checkpoints, for the end of a line.
    pub(super) fn cosigned_in_words(&self) -> String {
        self.watch.report(now(), None).cosigned()
    }

    /// Returns the size and age of the newest checkpoint and of each cosigned one, one on each
    /// line. `log` is the file of the log, if its last line belongs to the newest checkpoint.
    pub(super) fn lines(&self, log: Option<&Path>) -> Result<Vec<String>> {
        let report = match log {
            Some(log) => watched(&self.watch, log)?,
            None => self.watch.report(now(), None),
        };
        Ok(report.lines().collect())
    }
}
