//! The audit: a log is replayed line by line and compared with the checkpoint it should lead to and with a published result.

mod compare;
mod patterns;

use std::collections::BTreeMap;

use acclaim_ballot_log::{LogEntry, checkpoint::Checkpoint, hash::Hash, leaf_hash};
use serde::Serialize;

use crate::{BallotCounts, Prepared, Replay, ResultDocument};
use patterns::Patterns;

/// Findings that a report holds; a log that is wrong throughout needs no longer list.
const MOST_FINDINGS: usize = 100;

/// What the log should be.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The signed checkpoint, opened with the verifier key.
    pub checkpoint: Checkpoint,
    /// The published result document, to be compared byte for byte.
    pub result: Option<Vec<u8>>,
}

/// One discrepancy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The entry in question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// What is wrong.
    pub reason: String,
}

/// What an audit has found.
#[derive(Debug, Clone, Serialize)]
pub struct AuditReport {
    /// Whether nothing was found.
    pub clean: bool,
    /// Size of the log as it was read.
    pub size: u64,
    /// Its root, base64.
    pub root: String,
    /// Ballots in it.
    pub ballots: BallotCounts,
    /// Voters in it.
    pub voters: u64,
    /// Champions of the result, if there is one.
    pub champions: usize,
    /// Winners of the result, if there is one.
    pub winners: usize,
    /// Discrepancies, at most a hundred.
    pub findings: Vec<Finding>,
    /// Patterns by which frauds were found elsewhere; they prove nothing and leave the audit clean.
    pub warnings: Vec<String>,
}

/// An audit under way.
pub struct Audit<'a> {
    expected: Expected,
    /// The hash that each leaf should have, from the log's tiles: names the first entry that differs.
    leaf_hash_at: &'a dyn Fn(u64) -> Option<Hash>,
    replay: Replay,
    lines: u64,
    /// Whether entries are still folded. Where the first one is refused nothing after it can be judged, nor after too many.
    folds: bool,
    /// Whether an entry has differed from its tile.
    differed: bool,
    findings: Vec<Finding>,
    patterns: Patterns,
    /// Checkpoints seen earlier, by size: the log must have had these roots.
    earlier: BTreeMap<u64, Vec<Hash>>,
}

impl<'a> Audit<'a> {
    /// Begins. `leaf_hash_at` may know nothing.
    #[must_use]
    pub fn new(expected: Expected, leaf_hash_at: &'a dyn Fn(u64) -> Option<Hash>) -> Self {
        Self {
            replay: Replay::without_tiles(&expected.checkpoint.origin),
            expected,
            leaf_hash_at,
            lines: 0,
            folds: true,
            differed: false,
            findings: Vec::new(),
            patterns: Patterns::default(),
            earlier: BTreeMap::new(),
        }
    }

    /// Demands that the log had this root at this size: a checkpoint seen earlier.
    pub fn must_contain(&mut self, earlier: &Checkpoint) {
        if earlier.size > self.expected.checkpoint.size {
            let reason = format!("rolled back: a checkpoint over {} entries was seen earlier", earlier.size);
            self.find(Some(self.expected.checkpoint.size), reason);
        } else {
            self.earlier.entry(earlier.size).or_default().push(earlier.root);
        }
    }

    fn compare_earlier(&mut self) {
        let size = self.replay.size();
        let root = self.replay.root();
        if self.earlier.remove(&size).is_some_and(|roots| roots.iter().any(|earlier| *earlier != root)) {
            let reason = format!("the checkpoint over {size} entries seen earlier has another root");
            self.find(size.checked_sub(1), reason);
        }
    }

    /// Takes the next line, without its newline.
    pub fn push(&mut self, line: &[u8]) {
        let index = self.lines;
        self.lines += 1;
        if index == self.expected.checkpoint.size {
            self.find(Some(index), "added: the checkpoint ends before this entry".to_owned());
        }
        let prepared = Prepared::new(line, None);
        let leaf = prepared.as_ref().map_or_else(|_| leaf_hash(line), |prepared| *prepared.leaf());
        if !self.differed && (self.leaf_hash_at)(index).is_some_and(|hash| hash != leaf) {
            self.differed = true;
            self.find(Some(index), "not the entry whose hash the log's tiles hold".to_owned());
        }
        match prepared {
            _ if !self.folds => self.replay.pass_over(leaf),
            Ok(prepared) => self.fold(index, &prepared),
            Err(error) => self.refuse(index, leaf, error.to_string()),
        }
        if self.earlier.contains_key(&self.replay.size()) {
            self.compare_earlier();
        }
    }

    fn fold(&mut self, index: u64, prepared: &Prepared<'_>) {
        match self.replay.push_prepared(prepared) {
            Ok(_) => {
                if let LogEntry::Ballot(ballot) = prepared.entry() {
                    self.patterns.ballot(ballot, self.replay.tally());
                }
            }
            Err(error) => self.refuse(index, *prepared.leaf(), error.problem.to_string()),
        }
    }

    /// Names an entry that the log cannot have, and goes on without it, so that every other one is named too.
    fn refuse(&mut self, index: u64, leaf: Hash, reason: String) {
        self.find(Some(index), reason);
        self.replay.pass_over(leaf);
        self.folds = index > 0 && self.findings.len() < MOST_FINDINGS;
    }

    /// Notes that the log ends in the middle of a line.
    pub fn torn(&mut self) {
        self.find(Some(self.lines), "the log ends in the middle of this entry".to_owned());
    }

    fn find(&mut self, index: Option<u64>, reason: String) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(Finding { index, reason });
        }
    }

    fn compare_result(&mut self, result: Option<&ResultDocument>) {
        let Some(published) = self.expected.result.take() else { return };
        match result {
            // In another log everything differs: one word is enough.
            Some(result) if !self.findings.is_empty() => {
                if result.json != published {
                    self.find(None, "the published result is not that of this log".to_owned());
                }
            }
            Some(result) => {
                let differences = compare::differences(&published, &result.json);
                differences.into_iter().for_each(|difference| self.find(None, difference));
            }
            None => self.find(None, "a result was published, and the log has none yet".to_owned()),
        }
    }

    /// Ends: compares size, root and result.
    #[must_use]
    pub fn finish(mut self) -> AuditReport {
        let Checkpoint { size, root, .. } = self.expected.checkpoint.clone();
        if self.lines < size {
            let reason =
                format!("missing: the checkpoint is over {size} entries, the log has {}", self.lines);
            self.find(Some(self.lines), reason);
        } else if self.lines == size && self.replay.root() != root {
            let reason = format!(
                "the root of the {size} entries is {}, the checkpoint's is {root}",
                self.replay.root()
            );
            self.find(None, reason);
        }
        let result = self.replay.result();
        self.compare_result(result.as_ref());
        let tally = self.replay.tally();
        let warnings = std::mem::take(&mut self.patterns).warnings(tally);
        AuditReport {
            clean: self.findings.is_empty(),
            size: self.lines,
            root: self.replay.root().to_string(),
            ballots: tally.ballot_counts(),
            voters: tally.voters(),
            champions: result.as_ref().map_or(0, |result| result.champions),
            winners: result.as_ref().map_or(0, |result| result.winners),
            findings: self.findings,
            warnings,
        }
    }
}
