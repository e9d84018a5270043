//! The tree check compares the log's Merkle tree with its tiles and with checkpoints.
//!
//! These are the checkpoints seen earlier, and the one that the log should lead to.

use std::collections::BTreeMap;

use acclaim_ballot_log::{Event, LogEntry, checkpoint::Checkpoint, hash::Hash, tree::Tree};

use super::{
    block::{Block, Group, HEIGHT, leaf},
    finding::Finding,
};

/// See the [module](self).
pub(super) struct TreeCheck {
    tree: Tree,
    /// The roots that the log must have had, by size.
    earlier: BTreeMap<u64, Vec<Hash>>,
    /// Size and root as read in the first round.
    read: Option<(u64, Hash)>,
    /// Whether an entry differed from its tile.
    has_tile_mismatch: bool,
    findings: Vec<Finding>,
}

impl Default for TreeCheck {
    fn default() -> Self {
        Self {
            tree: Tree::without_tiles(),
            earlier: BTreeMap::new(),
            read: None,
            has_tile_mismatch: false,
            findings: Vec::new(),
        }
    }
}

impl TreeCheck {
    /// Requires that the log has this root at this size.
    pub(super) fn require_root(&mut self, size: u64, root: Hash) {
        self.earlier.entry(size).or_default().push(root);
        self.compare_earlier();
    }

    /// The number of lines read in this round.
    pub(super) fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The size and the root as read in the first round.
    pub(super) fn read(&self) -> (u64, Hash) {
        self.read.unwrap_or_else(|| (self.tree.size(), self.tree.root()))
    }

    /// Appends a block. Returns the root before each `certified` entry, by log index.
    pub(super) fn take(&mut self, block: &Block<'_>) -> BTreeMap<u64, Hash> {
        let mut roots = BTreeMap::new();
        for group in &block.groups {
            if let Some(index) = group.differs.filter(|_| !self.has_tile_mismatch && self.read.is_none()) {
                self.has_tile_mismatch = true;
                let reason = "not the entry whose hash the log's tiles hold".to_owned();
                self.findings.push(Finding { index: Some(index), reason });
            }
            self.append(group, &mut roots);
        }
        roots
    }

    fn append(&mut self, group: &Group<'_>, roots: &mut BTreeMap<u64, Hash>) {
        let end = group.first + group.lines.len() as u64;
        let has_earlier_root = self.earlier.range(group.first + 1..end).next().is_some();
        let certifies = |line: &super::block::Line<'_>| match line {
            Ok(prepared) => match prepared.entry() {
                LogEntry::Event(event, _) => matches!(**event, Event::Certified { .. }),
                LogEntry::Ballot(_) => false,
            },
            Err(_) => false,
        };
        let whole = group.root.filter(|_| !has_earlier_root && !group.lines.iter().any(certifies));
        if !whole.is_some_and(|root| self.tree.append_subtree(HEIGHT, root)) {
            for (index, line) in (group.first..).zip(&group.lines) {
                if certifies(line) {
                    roots.insert(index, self.tree.root());
                }
                self.tree.append(*leaf(line));
                self.compare_earlier();
            }
        }
        self.compare_earlier();
    }

    fn compare_earlier(&mut self) {
        let size = self.tree.size();
        if !self.earlier.contains_key(&size) {
            return;
        }
        let root = self.tree.root();
        if self.earlier.remove(&size).is_some_and(|roots| roots.iter().any(|earlier| *earlier != root)) {
            let reason = format!("the checkpoint over {size} entries seen earlier has another root");
            self.findings.push(Finding { index: size.checked_sub(1), reason });
        }
    }

    /// Ends a round: compares the root with the checkpoint, or with the first round.
    pub(super) fn end_round(&mut self, expected: &Checkpoint) -> Vec<Finding> {
        let tree = std::mem::replace(&mut self.tree, Tree::without_tiles());
        let (lines, root) = (tree.size(), tree.root());
        let mut findings = std::mem::take(&mut self.findings);
        match self.read {
            None if lines < expected.size => {
                let reason =
                    format!("missing: the checkpoint is over {} entries, the log has {lines}", expected.size);
                findings.push(Finding { index: Some(lines), reason });
            }
            None if lines == expected.size && root != expected.root => {
                let reason = format!(
                    "the root of the {lines} entries is {root}, the checkpoint's is {}",
                    expected.root
                );
                findings.push(Finding { index: None, reason });
            }
            Some(read) if read != (lines, root) => {
                let reason = "the log changed while it was read".to_owned();
                findings.push(Finding { index: None, reason });
            }
            _ => {}
        }
        self.read.get_or_insert((lines, root));
        findings
    }
}
