//! Categories and entries: what is voted on, as the definition and the log write it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{CategoryId, EntryId};

/// Titles in other languages: BCP 47 tag to text. Kept in byte order of the tags, which is their order in the log.
pub type Titles = BTreeMap<String, String>;

/// The longest entry of a log, in bytes and without its newline: entry bundles have two bytes for it.
pub const MAX_ENTRY_LENGTH: usize = 65_535;

/// One category of a contest. Field order is the canonical order in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// Unique within the contest.
    pub id: CategoryId,
    /// What voters read.
    pub title: String,
    /// The title in other languages.
    #[serde(default, skip_serializing_if = "Titles::is_empty")]
    pub titles: Titles,
    /// Least and most different entries of it that a ballot votes for, in place of the contest's. From version 2 of the log on, as what follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub votes: Option<[u32; 2]>,
    /// Its champions, in place of the contest's count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub champions: Option<u32>,
    /// Its winners, in place of the contest's count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub winners: Option<u32>,
}

/// One entry (project, photo, nominee) of a contest. Field order is the canonical order in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Unique within the contest.
    pub id: EntryId,
    /// The category in which it stands.
    pub category: CategoryId,
    /// What voters read.
    pub title: String,
    /// The title in other languages.
    #[serde(default, skip_serializing_if = "Titles::is_empty")]
    pub titles: Titles,
    /// A few sentences for voters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Address of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Address of a page about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Labels shown to voters, in the order given: `[["country", "Ghana"], ...]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<(String, String)>,
}
