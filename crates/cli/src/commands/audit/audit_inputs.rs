//! What an audit works with, and what it found.

use std::{num::NonZeroUsize, thread, time::Duration};

use acclaim_ballot_log::{Checkpoint, WitnessKey};
use acclaim_tally::AuditReport;

use super::witness_watch::{CosignatureWatch, WitnessReport};

/// How much an audit may use.
#[derive(Debug, Clone, Copy)]
pub(in crate::commands) struct AuditLimits {
    pub(super) threads: NonZeroUsize,
    /// Bytes for what is known of voters.
    pub(super) memory: u64,
}

impl AuditLimits {
    /// All cores, and so many mebibytes.
    pub(in crate::commands) fn of(memory: u64, threads: Option<NonZeroUsize>) -> Self {
        let cores = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { threads: threads.unwrap_or_else(cores), memory: memory << 20 }
    }
}

/// What a log is compared with beyond its own checkpoint.
#[derive(Debug, Default)]
pub(in crate::commands) struct AuditInputs {
    /// A published result, in place of the log's own.
    pub(super) result: Option<Vec<u8>>,
    /// Checkpoints seen earlier, which must be of this log.
    pub(super) earlier: Vec<Checkpoint>,
    /// Who must have cosigned its entries.
    pub(super) witnesses: Vec<WitnessKey>,
    /// How long an entry may wait for that.
    pub(super) cosigned_within: Duration,
}

impl AuditInputs {
    /// Watches the witnesses, if there are any.
    pub(super) fn watch(&self) -> Option<CosignatureWatch> {
        let has_some = !self.witnesses.is_empty();
        has_some.then(|| CosignatureWatch::new(&self.witnesses, self.cosigned_within))
    }
}

/// What an audit of one log found.
pub(super) struct AuditOutcome {
    pub(super) report: AuditReport,
    /// What its witnesses have cosigned, if some are demanded.
    pub(super) witnesses: Option<WitnessReport>,
}
