//! Categories and entries of a contest, as the definition and the log write them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{CategoryId, EntryId};

/// Titles in other languages: BCP 47 tag to text, in byte order of the tags, as in the log.
pub type Titles = BTreeMap<String, String>;

/// The maximum length of a log entry in bytes, without its newline.
///
/// Entry bundles store the length in two bytes.
pub const MAX_ENTRY_LENGTH: usize = 65_535;

/// One category of a contest. The field order is the canonical order in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// The identifier, unique within the contest.
    pub id: CategoryId,
    /// The title that voters read.
    pub title: String,
    /// The title in other languages.
    #[serde(default, skip_serializing_if = "Titles::is_empty")]
    pub titles: Titles,
    /// The minimum and maximum number of different entries of the category in a ballot.
    ///
    /// Replaces the number of the contest. From version 2 of the log on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub votes: Option<[u32; 2]>,
    /// The number of champions, replacing the contest's count. From version 2 of the log on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub champions: Option<u32>,
    /// The number of winners, replacing the contest's count. From version 2 of the log on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub winners: Option<u32>,
}

/// One entry (project, photo, nominee) of a contest. The field order is the canonical order in the
/// log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The identifier, unique within the contest.
    pub id: EntryId,
    /// The category of the entry.
    pub category: CategoryId,
    /// The title that voters read.
    pub title: String,
    /// The title in other languages.
    #[serde(default, skip_serializing_if = "Titles::is_empty")]
    pub titles: Titles,
    /// A few sentences for voters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// The address of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The address of a page about the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Labels and values that voters see, in the given order: `[["country", "Ghana"], ...]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<(String, String)>,
}
