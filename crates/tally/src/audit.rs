//! The audit replays a log, and compares it with a checkpoint and with a published result.
//!
//! Lines come in blocks. Each block is decoded and hashed on all cores. Then each partition of the
//! voters is folded on its own core, by the admission and the fold that the sequencer runs.
//!
//! The choice among champions and the certified result depend on all voters. They are judged at the
//! end, from the partitions' figures at the time when each was logged.
//!
//! Memory holds the voters of as many partitions as there are threads. A log whose voters do not
//! fit is read in several rounds, and each round folds the next partitions.

mod aggregate;
mod block;
pub mod compare;
mod finding;
mod partition_tally;
mod patterns;
mod tree_check;

use std::{collections::BTreeSet, num::NonZeroUsize};

use acclaim_ballot_log::checkpoint::Checkpoint;
use acclaim_contest::ContestId;
use serde::Serialize;

pub use self::block::Tiles;
pub use self::finding::Finding;
use self::{
    aggregate::Aggregate, block::Block, finding::MAX_FINDINGS, partition_tally::PartitionTally,
    patterns::Patterns, tree_check::TreeCheck,
};
use crate::{
    BallotCounts, ResultDocument,
    partition::{Scope, VoterPartition},
};

/// What the log is compared with.
#[derive(Debug, Clone)]
pub struct ExpectedLog {
    /// The signed checkpoint, verified with the verifier key.
    pub checkpoint: Checkpoint,
    /// The published result document. It is compared byte for byte.
    pub result: Option<Vec<u8>>,
}

/// The outcome of an audit.
#[derive(Debug, Clone, Serialize)]
pub struct AuditReport {
    /// Whether there are no findings. Warnings do not matter.
    pub clean: bool,
    /// Number of log entries that were read.
    pub size: u64,
    /// Root of the log that was read, in base64.
    pub root: String,
    /// Numbers of ballots in the log, by class.
    pub ballots: BallotCounts,
    /// Number of voters in the log.
    pub voters: u64,
    /// Number of champions in the result; 0 if there is no result.
    pub champions: usize,
    /// Number of winners in the result; 0 if there is no result.
    pub winners: usize,
    /// The discrepancies, at most 100.
    pub findings: Vec<Finding>,
    /// Patterns by which frauds were found elsewhere. They prove nothing and leave the audit clean.
    pub warnings: Vec<String>,
}

/// How an audit is divided among cores and rounds.
#[derive(Debug, Clone, Copy)]
pub struct AuditPlan {
    threads: NonZeroUsize,
    partitions: u32,
    /// Number of voters that the table of a partition has room for at the start.
    voter_capacity: usize,
}

/// Maximum number of rounds of one audit.
const MAX_ROUNDS: u64 = 1_024;
/// Bytes of memory for a ballot of one vote.
const BALLOT_MEMORY: u64 = 64;
/// Minimum number of bytes of a ballot in the log.
const MIN_BALLOT_LENGTH: u64 = 120;
/// Approximate number of lines of one block.
///
/// A block of this length keeps the threads busy, and its lines stay in the caches of the threads.
pub const BLOCK_LENGTH: usize = 8_192;

impl AuditPlan {
    /// Plans an audit of a log of `log_bytes`, with about `memory` bytes for the voters.
    ///
    /// The voters need at most six bytes of memory for every ten bytes of the log. A ballot of one
    /// vote takes 64 bytes of memory and at least 120 bytes in the log. One more vote takes 4 bytes
    /// of memory and at least 13 in the log. Tables grow in steps.
    #[must_use]
    pub fn new(log_bytes: u64, memory: u64, threads: NonZeroUsize) -> Self {
        let needed = log_bytes.saturating_mul(6) / 10;
        let rounds = needed.div_ceil(memory.max(1)).clamp(1, MAX_ROUNDS);
        let partitions = u32::try_from(rounds.saturating_mul(threads.get() as u64)).unwrap_or(u32::MAX);
        let voters_per_thread = memory / BALLOT_MEMORY / threads.get() as u64;
        let voter_capacity = (log_bytes / MIN_BALLOT_LENGTH / u64::from(partitions)).min(voters_per_thread);
        let voter_capacity = usize::try_from(voter_capacity).unwrap_or(0);
        Self { threads, partitions, voter_capacity }
    }

    /// Plans an audit of a log of unknown length, on one thread and in one round.
    #[must_use]
    pub fn single_round() -> Self {
        Self { threads: NonZeroUsize::MIN, partitions: 1, voter_capacity: 0 }
    }

    /// The number of times that the log is read.
    #[must_use]
    pub fn rounds(&self) -> u64 {
        u64::from(self.partitions).div_ceil(self.threads.get() as u64)
    }
}

/// An audit in progress.
pub struct Audit<'a> {
    expected: ExpectedLog,
    /// The log's level-0 tiles by number, if available. They show the first entry that differs.
    tile: &'a Tiles<'a>,
    plan: AuditPlan,
    /// The partitions of later rounds.
    remaining_partitions: Vec<VoterPartition>,
    /// The partitions of this round.
    partition_tallies: Vec<PartitionTally>,
    tree_check: TreeCheck,
    aggregate: Aggregate,
    patterns: Patterns,
    contest: Option<ContestId>,
    is_first_round: bool,
    findings: BTreeSet<Finding>,
}

impl<'a> Audit<'a> {
    /// Starts an audit. `tile` may return `None` for every tile.
    #[must_use]
    pub fn new(expected: ExpectedLog, tile: &'a Tiles<'a>, plan: AuditPlan) -> Self {
        let mut remaining_partitions: Vec<VoterPartition> = VoterPartition::each(plan.partitions).collect();
        remaining_partitions.reverse();
        let mut audit = Self {
            expected,
            tile,
            plan,
            remaining_partitions,
            partition_tallies: Vec::new(),
            tree_check: TreeCheck::default(),
            aggregate: Aggregate::default(),
            patterns: Patterns::default(),
            contest: None,
            is_first_round: true,
            findings: BTreeSet::new(),
        };
        audit.start_partitions();
        audit
    }

    fn start_partitions(&mut self) {
        let from = self.remaining_partitions.len().saturating_sub(self.plan.threads.get());
        let partitions = self.remaining_partitions.split_off(from);
        self.partition_tallies = partitions
            .into_iter()
            .map(|partition| PartitionTally::new(Scope::Partition(partition), self.plan.voter_capacity))
            .collect();
    }

    /// Requires that the log had the checkpoint's root at the checkpoint's size.
    ///
    /// `earlier` is a checkpoint that was seen earlier.
    pub fn require_checkpoint(&mut self, earlier: &Checkpoint) {
        if earlier.size > self.expected.checkpoint.size {
            let reason = format!("rolled back: a checkpoint over {} entries was seen earlier", earlier.size);
            self.add_finding(Some(self.expected.checkpoint.size), reason);
        } else {
            self.tree_check.require_root(earlier.size, earlier.root);
        }
    }

    /// Processes the next line, without its newline.
    pub fn push(&mut self, line: &[u8]) {
        self.push_lines(&[line]);
    }

    /// Processes the next lines, without their newlines.
    ///
    /// About [`BLOCK_LENGTH`] lines at once keep all threads busy.
    pub fn push_lines(&mut self, mut lines: &[&[u8]]) {
        // The first line names the contest, and the id of every ballot depends on the contest.
        if self.tree_check.size() == 0
            && let Some((first, rest)) = lines.split_first()
        {
            self.push_block(&[*first]);
            self.contest = self.partition_tallies.first().and_then(PartitionTally::contest).cloned();
            lines = rest;
        }
        if !lines.is_empty() {
            self.push_block(lines);
        }
    }

    fn push_block(&mut self, lines: &[&[u8]]) {
        let first = self.tree_check.size();
        let contest = self.contest.take();
        let tile: &Tiles<'_> = if self.is_first_round { self.tile } else { &|_| None };
        let block = Block::prepare(lines, first, contest.as_ref(), tile, self.plan.threads);
        // If the first entry is refused, later entries cannot be judged.
        let judges = first == 0 || self.partition_tallies.iter().any(|count| count.can_fold);
        block::in_parallel(self.partition_tallies.iter_mut().collect(), |count: &mut PartitionTally| {
            count.take(&block);
        });
        let roots = self.tree_check.take(&block);
        if self.is_first_round {
            let end = self.expected.checkpoint.size;
            if (first..first + lines.len() as u64).contains(&end) {
                self.add_finding(Some(end), "added: the checkpoint ends before this entry".to_owned());
            }
            if judges {
                block
                    .refusals()
                    .into_iter()
                    .for_each(|(index, reason)| self.add_finding(Some(index), reason));
            }
            block.ballots().for_each(|(index, ballot)| self.patterns.ballot(index, ballot));
            self.aggregate.keep(block, &roots);
        }
        self.contest = contest;
    }

    /// Reports that the log ends in the middle of a line.
    pub fn report_partial_line(&mut self) {
        self.add_finding(Some(self.tree_check.size()), "the log ends in the middle of this entry".to_owned());
    }

    fn add_finding(&mut self, index: Option<u64>, reason: String) {
        self.findings.insert(Finding { index, reason });
        // Findings of the highest index are dropped first, because the cause is earlier in the log.
        while self.findings.len() > MAX_FINDINGS {
            self.findings.pop_last();
        }
    }

    /// Ends a round. Returns `true` if the whole log must be pushed again, for the next partitions.
    #[must_use]
    pub fn next_round(&mut self) -> bool {
        for count in std::mem::take(&mut self.partition_tallies) {
            let findings = self.aggregate.add(count);
            findings.into_iter().for_each(|(index, reason)| self.add_finding(Some(index), reason));
        }
        for Finding { index, reason } in self.tree_check.end_round(&self.expected.checkpoint) {
            self.add_finding(index, reason);
        }
        self.is_first_round = false;
        self.start_partitions();
        !self.partition_tallies.is_empty()
    }

    fn compare_result(&mut self, result: Option<&ResultDocument>) {
        let Some(published) = self.expected.result.take() else { return };
        match result {
            // In another log everything differs, so one finding is enough.
            Some(result) if !self.findings.is_empty() => {
                if result.json != published {
                    self.add_finding(None, "the published result is not that of this log".to_owned());
                }
            }
            Some(result) => {
                let differences = compare::differences(&published, &result.json);
                differences.into_iter().for_each(|difference| self.add_finding(None, difference));
            }
            None => self.add_finding(None, "a result was published, and the log has none yet".to_owned()),
        }
    }

    /// Ends the audit: judges what depends on all voters, and compares the result.
    ///
    /// If the last round was not ended, this method ends it.
    #[must_use]
    pub fn finish(mut self) -> AuditReport {
        if !self.partition_tallies.is_empty() {
            let _no_more = self.next_round();
        }
        let (size, root) = self.tree_check.read();
        let outcome = std::mem::take(&mut self.aggregate).judge(&self.expected.checkpoint.origin, size, root);
        outcome.findings.iter().for_each(|(index, reason)| self.add_finding(Some(*index), reason.clone()));
        self.compare_result(outcome.result.as_ref());
        let warnings = std::mem::take(&mut self.patterns).warnings(&outcome.tally);
        AuditReport {
            clean: self.findings.is_empty(),
            size,
            root: root.to_string(),
            ballots: outcome.tally.ballot_counts(),
            voters: outcome.tally.voters(),
            champions: outcome.result.as_ref().map_or(0, |result| result.champions),
            winners: outcome.result.as_ref().map_or(0, |result| result.winners),
            findings: in_order(self.findings),
            warnings,
        }
    }
}

/// Sorts findings by index. Findings without an index come last.
fn in_order(findings: BTreeSet<Finding>) -> Vec<Finding> {
    let (of_entries, others): (Vec<Finding>, Vec<Finding>) =
        findings.into_iter().partition(|finding| finding.index.is_some());
    of_entries.into_iter().chain(others).collect()
}
