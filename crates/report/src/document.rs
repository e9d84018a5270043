//! The result document, schema versions 1 and 2, as it is read: `docs/result.md` tells what each key means.
//!
//! A document of version 2 has all keys of version 1 and some of its own, which are absent or empty in a document of version 1.

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

/// A result document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The version of the schema: 1 or 2.
    pub v: u32,
    /// The contest's id.
    pub contest: ContestId,
    /// What voters read.
    pub title: String,
    /// Whether it is final.
    pub status: Status,
    /// Whether it was a rehearsal.
    pub test: bool,
    /// The log that it is the result of.
    pub log: Log,
    /// First instant of voting.
    pub opened: Option<Instant>,
    /// First instant after voting.
    pub closed: Option<Instant>,
    /// As in the log's first entry.
    pub rules: Rules,
    /// The contest whose champions are the entries of this one.
    pub previous: Option<Previous>,
    /// The seed that lots were drawn with.
    pub draw: Option<Draw>,
    /// The result certified before, and what this one changes. Version 2.
    pub corrects: Option<Correction>,
    /// Ballots, voters and votes in all.
    pub counts: Counts,
    /// Withdrawn entries.
    pub withdrawn: Vec<WithdrawnEntry>,
    /// In the order of the definition.
    pub categories: Vec<CategoryResult>,
    /// The request that certifies it.
    pub certify: Option<CertifyRequest>,
    /// The contest's time zone, which is no part of the document: whoever has it written may know it.
    #[serde(skip)]
    pub time_zone: Option<Zone>,
}

impl Document {
    /// Whether there is anything to say of votes. There is not where jurors alone decide and nobody was to vote. Of a document of version 1 all is said that
    /// ever was.
    pub(crate) fn should_show_votes(&self) -> bool {
        let Rules { champions, winners, .. } = &self.rules;
        let by_votes =
            matches!(winners.by, WinnersBy::Votes | WinnersBy::Weighted) || winners.ties == WinnerTies::Votes;
        let voters =
            self.counts.ballots.recorded > 0 || self.counts.passes.iter().any(|passes| passes.issued > 0);
        self.v == 1 || by_votes || champions.is_some() || voters
    }

    /// Withdrawn entries by their category.
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
    /// Rulings can still change it.
    Provisional,
    /// The log names its SHA-256.
    Certified,
}

/// A log at one size.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Its name.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
}

/// The log and the certified result of an earlier round.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Previous {
    /// Name of its log.
    pub origin: String,
    /// Entries up to its certification.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
    /// SHA-256 of its result document, lowercase hex.
    pub result: String,
}

/// The seed of a draw.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// Log index.
    pub index: u64,
    /// The public source that the rules name.
    pub source: String,
    /// In hexadecimal.
    pub seed: String,
    /// The staff key's name.
    pub by: String,
    /// When.
    pub at: Instant,
}

/// An entry that cannot win.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawnEntry {
    /// Its category.
    pub category: CategoryId,
    /// Which entry.
    pub entry: EntryId,
    /// What voters read.
    pub title: String,
    /// Votes for it of ballots that count.
    pub votes: u64,
    /// Log index of the ruling.
    pub index: u64,
    /// The staff key's name.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Remark.
    pub note: Option<String>,
    /// When.
    pub at: Instant,
}

/// The request that certifies a result.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertifyRequest {
    /// Size of the log.
    pub size: u64,
    /// Root of the log.
    pub root: Hash,
    /// SHA-256 of the document as it would be certified, lowercase hex.
    pub result: String,
}
