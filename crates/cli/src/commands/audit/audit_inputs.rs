//! The inputs, the limits and the outcome of an audit.

use std::{num::NonZeroUsize, thread, time::Duration};

use acclaim_ballot_log::{Checkpoint, WitnessKey};
use acclaim_tally::AuditReport;

use super::witness_watch::{CosignatureWatch, WitnessReport};

/// The resources that an audit may use.
#[derive(Debug, Clone, Copy)]
pub(in crate::commands) struct AuditLimits {
    pub(super) threads: NonZeroUsize,
    /// The memory for the state of the voters, in bytes.
    pub(super) memory: u64,
}

impl AuditLimits {
    /// Makes limits of `memory` mebibytes and `threads` threads. Without `threads`, one thread for
    /// each core.
    pub(in crate::commands) fn of(memory: u64, threads: Option<NonZeroUsize>) -> Self {
        let cores = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { threads: threads.unwrap_or_else(cores), memory: memory << 20 }
    }
}

/// The data that a log is compared with, in addition to its own checkpoint.
#[derive(Debug, Default)]
pub(in crate::commands) struct AuditInputs {
    /// A published result, which replaces the log's own one.
    pub(super) result: Option<Vec<u8>>,
    /// Checkpoints seen earlier, which the log must contain.
    pub(super) earlier: Vec<Checkpoint>,
    /// The witnesses that must have cosigned the entries.
    pub(super) witnesses: Vec<WitnessKey>,
    /// The longest time that an entry may wait for a cosignature.
    pub(super) cosigned_within: Duration,
}

impl AuditInputs {
    /// Returns a watch over the witnesses, if there are any.
    pub(super) fn watch(&self) -> Option<CosignatureWatch> {
        let has_witnesses = !self.witnesses.is_empty();
        has_witnesses.then(|| CosignatureWatch::new(&self.witnesses, self.cosigned_within))
    }
}

/// The outcome of the audit of one log.
pub(super) struct AuditOutcome {
    pub(super) report: AuditReport,
    /// The report on the witnesses, if any are required.
    pub(super) witnesses: Option<WitnessReport>,
}
