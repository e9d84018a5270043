//! A discrepancy that an audit reports.

use serde::Serialize;

/// Maximum number of findings in a report. A log that is wrong throughout needs no longer list.
pub(super) const MAX_FINDINGS: usize = 100;

/// One discrepancy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Index of the log entry, if the discrepancy concerns one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// What is wrong.
    pub reason: String,
}
