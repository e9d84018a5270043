//! Witnesses while a server is followed: what they cosign must be of the same history, and come in time.

use std::time::Instant;

use acclaim_ballot_log::Checkpoint;
use anyhow::Result;

use super::{Comparison, Discrepancies, Follower, two_roots};
use crate::{
    clock::now,
    commands::audit::{audit_inputs::AuditInputs, folder::watched, witness_watch::CosignatureWatch},
};

/// What a follower knows of the witnesses that it demands.
pub(super) struct Witnesses {
    watch: CosignatureWatch,
    begun: Instant,
    /// The cosigned checkpoint that was found consistent last.
    consistent: Option<Checkpoint>,
}

/// The server's newest cosigned checkpoint, as a note and opened.
pub(super) type CosignedNote = (Vec<u8>, Checkpoint);

impl Witnesses {
    /// `None` if none are demanded.
    pub(super) fn new(beside: &AuditInputs) -> Option<Self> {
        beside.watch().map(|watch| Self { watch, begun: Instant::now(), consistent: None })
    }

    /// The server does not answer.
    pub(super) fn pause(&mut self) {
        self.watch.pause();
    }
}

impl Follower<'_> {
    /// The newest cosigned checkpoint, if witnesses are demanded and there is one. To be fetched before the newest one, which then covers it.
    pub(super) fn fetch_cosigned(&self) -> Result<Option<CosignedNote>> {
        match &self.witnesses {
            Some(_) => self.source.cosigned(self.key),
            None => Ok(None),
        }
    }

    /// A cosigned checkpoint beyond what is replayed is compared as the replay passes it.
    pub(super) fn expect_cosigned(&mut self, cosigned: &Checkpoint) -> Comparison {
        if cosigned.size > self.replay.size()
            && *self.known_roots.entry(cosigned.size).or_insert(cosigned.root) != cosigned.root
        {
            return Comparison::Discrepancies(two_roots(cosigned));
        }
        Comparison::Consistent
    }

    /// Demands that a cosigned checkpoint is of the history of the newest one, which is at least as large and found consistent.
    pub(super) fn compare_cosigned(
        &mut self,
        cosigned: &Checkpoint,
        newest: &Checkpoint,
    ) -> Result<Comparison> {
        let consistent = self.witnesses.as_ref().and_then(|witnesses| witnesses.consistent.as_ref());
        if consistent == Some(cosigned) {
            return Ok(Comparison::Consistent);
        }
        if cosigned.size > self.replay.size() {
            let proved = self.prove(cosigned, newest)?;
            if !matches!(proved, Comparison::Consistent) {
                return Ok(proved);
            }
        } else {
            let root = match self.known_roots.get(&cosigned.size) {
                Some(root) => *root,
                None => self.root_at(cosigned.size)?,
            };
            if root != cosigned.root {
                return Ok(Comparison::Discrepancies(two_roots(cosigned)));
            }
        }
        self.known_roots.insert(cosigned.size, cosigned.root);
        if let Some(witnesses) = &mut self.witnesses {
            witnesses.consistent = Some(cosigned.clone());
        }
        Ok(Comparison::Consistent)
    }

    /// Tells the watch of a look at consistent checkpoints; returns what is overdue.
    pub(super) fn watch_witnesses(
        &mut self,
        note: &[u8],
        newest: u64,
        cosigned: Option<&CosignedNote>,
    ) -> Discrepancies {
        let Some(Witnesses { watch, begun, .. }) = &mut self.witnesses else { return Discrepancies::new() };
        let cosigned = cosigned.map(|(note, checkpoint)| (note.as_slice(), checkpoint.size));
        let notes: Vec<_> = [(note, newest)].into_iter().chain(cosigned).collect();
        watch.observe(begun.elapsed(), newest, &notes);
        watch.overdue().into_iter().map(|finding| (finding.index, finding.reason)).collect()
    }

    /// Whether all that was seen is cosigned by all that are demanded.
    pub(super) fn is_cosigned(&self) -> bool {
        self.witnesses.as_ref().is_none_or(|witnesses| witnesses.watch.is_settled())
    }

    /// What witnesses have cosigned, for the end of a line; empty if none are demanded.
    pub(super) fn cosigned_in_words(&self) -> String {
        let cosigned = |witnesses: &Witnesses| witnesses.watch.report(now(), None).cosigned();
        self.witnesses.as_ref().map(cosigned).unwrap_or_default()
    }

    /// Sizes and ages of the newest checkpoint and of what is cosigned, a line each.
    pub(super) fn witness_lines(&self) -> Result<Vec<String>> {
        let Some(witnesses) = &self.witnesses else { return Ok(Vec::new()) };
        let newest = self.newest.as_ref().map(|newest| newest.size);
        // The last line is the newest checkpoint's only if its entries could be read.
        let report = match newest == Some(self.replay.size()) {
            true => watched(&witnesses.watch, &self.copy.log())?,
            false => witnesses.watch.report(now(), None),
        };
        Ok(report.lines().collect())
    }
}
