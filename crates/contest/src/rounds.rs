//! Rounds: a contest whose entries are the champions of another one.

use serde::{Deserialize, Serialize};

use crate::id::ContestId;

/// Where the entries of a contest come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rounds {
    /// The contest whose champions they are.
    pub from: ContestId,
    /// Which result of it. Absent until the engine has looked: then the definition has no entries yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousRound>,
}

/// The contest that another one's entries come from, at the point it was certified. Field order is the canonical order in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviousRound {
    /// Its log's origin.
    pub origin: String,
    /// Its log's size just after its `certified` entry.
    pub size: u64,
    /// Its log's root there, base64.
    pub root: String,
    /// SHA-256 of its result document, lowercase hex.
    pub result: String,
}
