//! The tally: the state of a contest after its log is folded. The module `fold` applies log entries
//! to it.

use std::{collections::BTreeMap, sync::OnceLock};

use acclaim_ballot_log::entry::ContestHeader;
use acclaim_contest::{Instant, Phase, rules::Completion};

use crate::{
    ballot_counts::BallotCounts,
    ballots::Ballots,
    certified_snapshot::CertifiedSnapshot,
    chunked::ChunkedList,
    draw::DrawSeed,
    figures::Figures,
    partition::Scope,
    recusals::Recusals,
    roster::{CategoryLimit, Roster},
    rulings::Voids,
    scores::Scores,
    sheet_layout::SheetLayout,
};

/// The state of a contest after the log entries so far: the recorded data, and every figure that is
/// computed from it.
///
/// Folding a ballot takes about as long as computing the ballot's id.
///
/// The memory grows only with the number of voters and ballots. A voter with one ballot of one vote
/// takes about 64 bytes. Channels and periods add about 40 bytes for each ballot. `completion` =
/// `all` adds 4 bytes for each voter.
///
/// Each entry of the contest takes 16 bytes for each channel. With scores, the newest lists of each
/// juror are in memory. The other rules take no memory.
#[derive(Debug, Clone)]
pub struct Tally {
    /// Number of folded or skipped log entries.
    pub(crate) size: u64,
    pub(crate) header: Option<ContestHeader>,
    pub(crate) phase: Phase,
    pub(crate) opened: Option<Instant>,
    /// The closing instant, after the amendments so far.
    pub(crate) closes: Option<Instant>,
    pub(crate) closed: Option<Instant>,
    /// How the channels and periods divide a voter's votes into sheets. It also has the time of
    /// voting.
    pub(crate) division: SheetLayout,
    pub(crate) roster: Roster,
    /// The limits on the number of categories with a vote on one sheet.
    pub(crate) limits: Vec<CategoryLimit>,
    pub(crate) ballots: Ballots,
    pub(crate) totals: BallotCounts,
    /// Number of voters with a sheet that has a standing vote in every category.
    ///
    /// Unused with `completion` = `any`.
    pub(crate) complete_voters: u64,
    /// Number of complete sheets of each voter. Unused with `completion` = `any`.
    pub(crate) complete_sheets: ChunkedList<u32>,
    pub(crate) scores: Scores,
    pub(crate) recusals: Recusals,
    /// The seed that draws lots between tied entries, once it is logged.
    pub(crate) drawn: Option<DrawSeed>,
    pub(crate) voids: Voids,
    /// Number of issued passes by source.
    pub(crate) issued: BTreeMap<String, u64>,
    /// For each entry of the contest: log index at which it last reached its present total.
    ///
    /// It is computed when a tie needs it, and dropped when ballots change.
    pub(crate) reached: OnceLock<Vec<Option<u32>>>,
    /// For each category: number of voters with a filled slot.
    ///
    /// It is computed when it is needed, and dropped when ballots change. Unused where a voter has
    /// only one sheet.
    pub(crate) category_voters: OnceLock<Vec<u64>>,
    /// The part of the ballots that is folded.
    pub(crate) scope: Scope,
    /// The result that was certified last, in a log of version 2.
    pub(crate) last_certified: Option<Box<CertifiedSnapshot>>,
    /// With [`Scope::Aggregate`]: the sum of the figures that the tallies of partitions counted.
    pub(crate) sum: Option<Box<Figures>>,
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

impl Tally {
    /// The tally of the empty log.
    #[must_use]
    pub fn new() -> Self {
        Self {
            size: 0,
            header: None,
            phase: Phase::Draft,
            opened: None,
            closes: None,
            closed: None,
            division: SheetLayout::default(),
            roster: Roster::new(1),
            limits: Vec::new(),
            ballots: Ballots::default(),
            totals: BallotCounts::default(),
            complete_voters: 0,
            complete_sheets: ChunkedList::default(),
            scores: Scores::default(),
            recusals: Recusals::default(),
            drawn: None,
            voids: Voids::default(),
            issued: BTreeMap::new(),
            reached: OnceLock::new(),
            category_voters: OnceLock::new(),
            scope: Scope::All,
            last_certified: None,
            sum: None,
        }
    }

    /// The tally of the empty log, with a scope. The table of voters has room for `voters`.
    pub(crate) fn with_scope(scope: Scope, voters: usize) -> Self {
        Self { scope, ballots: Ballots::with_capacity(voters), ..Self::new() }
    }

    /// Counts a log entry without folding it: an entry that was refused, or a ballot outside the
    /// scope. So later entries keep their log index.
    pub(crate) fn skip_entry(&mut self) {
        self.size += 1;
    }

    /// Drops the figures that were computed from the ballots before a change.
    pub(crate) fn clear_cached_figures(&mut self) {
        self.reached.take();
        self.category_voters.take();
    }

    /// The contest's `completion`; [`Completion::Any`] before the log's first entry.
    pub(crate) fn completion(&self) -> Completion {
        self.header.as_ref().map_or(Completion::Any, |header| header.rules.ballot.completion)
    }
}
