//! The audit: a log is replayed and compared with the checkpoint it should lead to and with a published result.
//!
//! Lines come in blocks. Each block is decoded and hashed on all cores; then every share of the voters is folded on a core of its own, by the admission and the
//! fold that the sequencer runs. What depends on all voters, the choice among champions and the certified result, is judged at the end, from
//! the shares' figures as they stood when it was logged. Memory holds the voters of as many shares as there are threads: a log whose voters do not fit is
//! read in several rounds, each with the next shares.

mod aggregate;
mod block;
pub mod compare;
mod partition_tally;
mod patterns;
mod tree_check;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use acclaim_ballot_log::checkpoint::Checkpoint;
use acclaim_contest::ContestId;
use serde::Serialize;

use crate::partition::{Scope, VoterPartition};
use crate::{BallotCounts, ResultDocument};
use aggregate::Aggregate;
use block::Block;
use partition_tally::PartitionTally;
use patterns::Patterns;
use tree_check::TreeCheck;

/// Findings that a report holds; a log that is wrong throughout needs no longer list.
const MAX_FINDINGS: usize = 100;

/// What the log should be.
#[derive(Debug, Clone)]
pub struct ExpectedLog {
    /// The signed checkpoint, opened with the verifier key.
    pub checkpoint: Checkpoint,
    /// The published result document, to be compared byte for byte.
    pub result: Option<Vec<u8>>,
}

/// One discrepancy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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

/// How an audit is spread over cores and rounds.
#[derive(Debug, Clone, Copy)]
pub struct AuditPlan {
    threads: NonZeroUsize,
    shares: u32,
    /// Voters that a share's table has room for from the beginning.
    room: usize,
}

/// Rounds of one audit, at most.
const MAX_ROUNDS: u64 = 1_024;
/// Bytes of memory for a ballot of one vote.
const BALLOT_MEMORY: u64 = 64;
/// Bytes of a ballot in the log, at least.
const MIN_BALLOT_LENGTH: u64 = 120;
/// Lines of one block, about: enough to keep the threads busy, and few enough to stay in their caches.
pub const BLOCK_LENGTH: usize = 8_192;

impl AuditPlan {
    /// For a log of so many bytes, with about so much memory for what is known of voters: six bytes for ten of the log at most, since a ballot of one vote
    /// takes 64 and at least 120 in the log, one more vote 4 and at least 13, and tables grow in steps.
    #[must_use]
    pub fn new(log_bytes: u64, memory: u64, threads: NonZeroUsize) -> Self {
        let needed = log_bytes.saturating_mul(6) / 10;
        let rounds = needed.div_ceil(memory.max(1)).clamp(1, MAX_ROUNDS);
        let shares = u32::try_from(rounds.saturating_mul(threads.get() as u64)).unwrap_or(u32::MAX);
        let threads_share = memory / BALLOT_MEMORY / threads.get() as u64;
        let room = (log_bytes / MIN_BALLOT_LENGTH / u64::from(shares)).min(threads_share);
        let room = usize::try_from(room).unwrap_or(0);
        Self { threads, shares, room }
    }

    /// For a log of which nothing is known beforehand, on one thread and in one round.
    #[must_use]
    pub fn single_round() -> Self {
        Self { threads: NonZeroUsize::MIN, shares: 1, room: 0 }
    }

    /// How often the log is read.
    #[must_use]
    pub fn rounds(&self) -> u64 {
        u64::from(self.shares).div_ceil(self.threads.get() as u64)
    }
}

/// An audit under way.
pub struct Audit<'a> {
    expected: ExpectedLog,
    /// The log's level-0 tiles by number, as far as there are any: they name the first entry that differs.
    tile: &'a Tiles<'a>,
    plan: AuditPlan,
    /// Shares that are still to come.
    remaining_partitions: Vec<VoterPartition>,
    /// Those of this round.
    counts: Vec<PartitionTally>,
    chain: TreeCheck,
    sum: Aggregate,
    patterns: Patterns,
    contest: Option<ContestId>,
    is_first_round: bool,
    findings: BTreeSet<Finding>,
}

/// Level-0 tiles by number.
pub type Tiles<'a> = dyn Fn(u64) -> Option<Vec<u8>> + Sync + 'a;

impl<'a> Audit<'a> {
    /// Begins. `tile` may know nothing.
    #[must_use]
    pub fn new(expected: ExpectedLog, tile: &'a Tiles<'a>, plan: AuditPlan) -> Self {
        let mut remaining_partitions: Vec<VoterPartition> = VoterPartition::each(plan.shares).collect();
        remaining_partitions.reverse();
        let mut audit = Self {
            expected,
            tile,
            plan,
            remaining_partitions,
            counts: Vec::new(),
            chain: TreeCheck::default(),
            sum: Aggregate::default(),
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
        let shares = self.remaining_partitions.split_off(from);
        self.counts = shares
            .into_iter()
            .map(|share| PartitionTally::new(Scope::Partition(share), self.plan.room))
            .collect();
    }

    /// Demands that the log had this root at this size: a checkpoint seen earlier.
    pub fn require_checkpoint(&mut self, earlier: &Checkpoint) {
        if earlier.size > self.expected.checkpoint.size {
            let reason = format!("rolled back: a checkpoint over {} entries was seen earlier", earlier.size);
            self.add_finding(Some(self.expected.checkpoint.size), reason);
        } else {
            self.chain.require_root(earlier.size, earlier.root);
        }
    }

    /// Takes the next line, without its newline.
    pub fn push(&mut self, line: &[u8]) {
        self.push_lines(&[line]);
    }

    /// Takes the next lines, without their newlines. About [`BLOCK_LENGTH`] at once keep all threads busy.
    pub fn push_lines(&mut self, mut lines: &[&[u8]]) {
        // The first line says which contest it is, and every ballot's id is of a contest.
        if self.chain.size() == 0
            && let Some((first, rest)) = lines.split_first()
        {
            self.push_block(&[*first]);
            self.contest = self.counts.first().and_then(PartitionTally::contest).cloned();
            lines = rest;
        }
        if !lines.is_empty() {
            self.push_block(lines);
        }
    }

    fn push_block(&mut self, lines: &[&[u8]]) {
        let first = self.chain.size();
        let contest = self.contest.take();
        let tile: &Tiles<'_> = if self.is_first_round { self.tile } else { &|_| None };
        let block = Block::prepare(lines, first, contest.as_ref(), tile, self.plan.threads);
        // Where the first entry is refused nothing after it can be judged.
        let judges = first == 0 || self.counts.iter().any(|count| count.can_fold);
        block::in_parallel(self.counts.iter_mut().collect(), |count: &mut PartitionTally| count.take(&block));
        let roots = self.chain.take(&block);
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
            self.sum.keep(block, &roots);
        }
        self.contest = contest;
    }

    /// Notes that the log ends in the middle of a line.
    pub fn report_partial_line(&mut self) {
        self.add_finding(Some(self.chain.size()), "the log ends in the middle of this entry".to_owned());
    }

    fn add_finding(&mut self, index: Option<u64>, reason: String) {
        self.findings.insert(Finding { index, reason });
        // Those of the highest index go first: what went wrong began before.
        while self.findings.len() > MAX_FINDINGS {
            self.findings.pop_last();
        }
    }

    /// Ends a round. `true` if the whole log is to be pushed once more, for the voters of the next shares.
    #[must_use]
    pub fn next_round(&mut self) -> bool {
        for count in std::mem::take(&mut self.counts) {
            let findings = self.sum.add(count);
            findings.into_iter().for_each(|(index, reason)| self.add_finding(Some(index), reason));
        }
        for Finding { index, reason } in self.chain.end_round(&self.expected.checkpoint) {
            self.add_finding(index, reason);
        }
        self.is_first_round = false;
        self.start_partitions();
        !self.counts.is_empty()
    }

    fn compare_result(&mut self, result: Option<&ResultDocument>) {
        let Some(published) = self.expected.result.take() else { return };
        match result {
            // In another log everything differs: one word is enough.
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

    /// Ends the audit: judges what depends on all voters, and compares the result. A round that was not ended is.
    #[must_use]
    pub fn finish(mut self) -> AuditReport {
        if !self.counts.is_empty() {
            let _no_more = self.next_round();
        }
        let (size, root) = self.chain.read();
        let summed = std::mem::take(&mut self.sum).judge(&self.expected.checkpoint.origin, size, root);
        summed.findings.iter().for_each(|(index, reason)| self.add_finding(Some(*index), reason.clone()));
        self.compare_result(summed.result.as_ref());
        let warnings = std::mem::take(&mut self.patterns).warnings(&summed.tally);
        AuditReport {
            clean: self.findings.is_empty(),
            size,
            root: root.to_string(),
            ballots: summed.tally.ballot_counts(),
            voters: summed.tally.voters(),
            champions: summed.result.as_ref().map_or(0, |result| result.champions),
            winners: summed.result.as_ref().map_or(0, |result| result.winners),
            findings: in_order(self.findings),
            warnings,
        }
    }
}

/// By index; what concerns no entry comes last.
fn in_order(findings: BTreeSet<Finding>) -> Vec<Finding> {
    let (of_entries, others): (Vec<Finding>, Vec<Finding>) =
        findings.into_iter().partition(|finding| finding.index.is_some());
    of_entries.into_iter().chain(others).collect()
}
