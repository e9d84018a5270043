//! Rounds: a contest whose entries are the champions of another contest.

use serde::{Deserialize, Serialize};

use crate::id::ContestId;

/// The source of the entries of a contest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rounds {
    /// The contest whose champions are the entries.
    pub from: ContestId,
    /// The result of that contest from which the entries come.
    ///
    /// Absent until the engine has resolved it. Until then the definition has no entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousRound>,
}

/// The contest from which the entries come, at its certification. The field order is the canonical
/// order in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviousRound {
    /// The origin of its log.
    pub origin: String,
    /// The size of its log just after its `certified` entry.
    pub size: u64,
    /// The root of its log at that size, in base64.
    pub root: String,
    /// The SHA-256 of its result document, in lowercase hex.
    pub result: String,
}
