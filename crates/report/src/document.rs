//! The result document, schema versions 1 and 2, as this crate reads it.
//!
//! `docs/result.md` explains each key. A document of version 2 has all keys of version 1 and
//! further keys. In a document of version 1 the fields of the further keys are absent or empty.

pub mod category;
pub mod correction;
pub mod counts;
pub mod figure;
pub mod panel;

use std::collections::HashMap;

use acclaim_ballot_log::Hash;
use acclaim_contest::{
    CategoryId, ContestId, EntryId, Instant, Rules, Zone,
    rules::{WinnerTies, WinnersBy},
};
use serde::Deserialize;

use self::{category::CategoryResult, correction::Correction, counts::Counts};

/// A result document. It is the count of one contest's log at one size.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The version of the schema: 1 or 2.
    pub v: u32,
    /// The contest's id.
    pub contest: ContestId,
    /// The title that voters read, as amended.
    pub title: String,
    /// Whether the result is final.
    pub status: Status,
    /// Whether the contest was a rehearsal.
    pub test: bool,
    /// The log that this is the result of.
    pub log: Log,
    /// The first instant of voting; absent before the opening.
    pub opened: Option<Instant>,
    /// The first instant after voting; absent before the closing.
    pub closed: Option<Instant>,
    /// The rules, as in the log's first entry.
    pub rules: Rules,
    /// The earlier contest whose champions are the entries of this contest.
    pub previous: Option<Previous>,
    /// The seed of the draw by lot.
    pub draw: Option<Draw>,
    /// The result that was certified before, and the changes against it. Version 2.
    pub corrects: Option<Correction>,
    /// Totals of ballots, voters and votes.
    pub counts: Counts,
    /// The withdrawn entries of all categories.
    pub withdrawn: Vec<WithdrawnEntry>,
    /// The categories, in the order of the definition.
    pub categories: Vec<CategoryResult>,
    /// The request that certifies this result.
    pub certify: Option<CertifyRequest>,
    /// The contest's time zone, which is not in the document.
    ///
    /// [`crate::Report::in_time_zone`] sets it.
    #[serde(skip)]
    pub time_zone: Option<Zone>,
}

impl Document {
    /// Returns whether the report shows votes.
    ///
    /// A report of a document of version 1 always shows votes. A report of version 2 omits them if
    /// only jurors decide and no voter has a ballot or a pass.
    pub(crate) fn should_show_votes(&self) -> bool {
        let Rules { champions, winners, .. } = &self.rules;
        let by_votes =
            matches!(winners.by, WinnersBy::Votes | WinnersBy::Weighted) || winners.ties == WinnerTies::Votes;
        let voters =
            self.counts.ballots.recorded > 0 || self.counts.passes.iter().any(|passes| passes.issued > 0);
        self.v == 1 || by_votes || champions.is_some() || voters
    }

    /// Returns the withdrawn entries by category, in the document's order.
    pub(crate) fn withdrawn_by_category(&self) -> HashMap<&CategoryId, Vec<&WithdrawnEntry>> {
        let mut by_category: HashMap<&CategoryId, Vec<&WithdrawnEntry>> = HashMap::new();
        for entry in &self.withdrawn {
            by_category.entry(&entry.category).or_default().push(entry);
        }
        by_category
    }
}

/// Whether a result is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Rulings and choices can still change it.
    Provisional,
    /// A `certified` entry of the log carries the SHA-256 of the document.
    Certified,
}

/// A log at one size.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// The log's name.
    pub origin: String,
    /// The number of entries.
    pub size: u64,
    /// The root of the Merkle tree over the entries.
    pub root: Hash,
}

/// The log and the certified result of an earlier round.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Previous {
    /// The name of the earlier round's log.
    pub origin: String,
    /// The number of entries up to its certification.
    pub size: u64,
    /// The root of the Merkle tree over these entries.
    pub root: Hash,
    /// SHA-256 of the earlier round's result document, lowercase hex.
    pub result: String,
}

/// The seed of a draw.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// The log index of the entry with the seed.
    pub index: u64,
    /// The public source that the rules name.
    pub source: String,
    /// The seed, in hexadecimal.
    pub seed: String,
    /// The name of the staff key that entered the seed.
    pub by: String,
    /// The instant at which the seed was entered.
    pub at: Instant,
}

/// A withdrawn entry: it cannot win.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawnEntry {
    /// The entry's category.
    pub category: CategoryId,
    /// The entry's id.
    pub entry: EntryId,
    /// The title that voters read.
    pub title: String,
    /// The votes for the entry on ballots that count. These votes do not count.
    pub votes: u64,
    /// The log index of the ruling.
    pub index: u64,
    /// The name of the staff key that entered the ruling.
    pub by: String,
    /// The reason for the withdrawal.
    pub reason: String,
    /// A remark on the ruling.
    pub note: Option<String>,
    /// The instant of the ruling.
    pub at: Instant,
}

/// The request that certifies a result.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertifyRequest {
    /// The size of the log.
    pub size: u64,
    /// The root of the log.
    pub root: Hash,
    /// SHA-256 of the document as it will be certified, lowercase hex.
    pub result: String,
}
