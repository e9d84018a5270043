//! The state that a log folds into. `fold` takes entries in.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use acclaim_ballot_log::entry::ContestHeader;
use acclaim_contest::rules::Completion;
use acclaim_contest::{Instant, Phase};

use crate::ballot_counts::BallotCounts;
use crate::ballots::Ballots;
use crate::certified_snapshot::CertifiedSnapshot;
use crate::chunked::ChunkedList;
use crate::draw::DrawSeed;
use crate::figures::Figures;
use crate::partition::Scope;
use crate::recusals::Recusals;
use crate::roster::{CategoryLimit, Roster};
use crate::rulings::Voids;
use crate::scores::Scores;
use crate::sheet_layout::SheetLayout;

/// A contest's log, folded so far: what has been recorded, and every figure that follows from it.
///
/// Folding a ballot takes about as long as computing its id. Memory grows with voters and ballots alone: about 64 bytes for a voter
/// with one ballot of one vote. Channels and periods add about 40 bytes a ballot, `completion` = `all` 4 a voter; each entry has 16 for each
/// channel. Scores take what the newest list of each juror does. No other rule needs memory.
#[derive(Debug, Clone)]
pub struct Tally {
    /// Entries folded.
    pub(crate) size: u64,
    pub(crate) header: Option<ContestHeader>,
    pub(crate) phase: Phase,
    pub(crate) opened: Option<Instant>,
    /// The closing instant as amended.
    pub(crate) closes: Option<Instant>,
    pub(crate) closed: Option<Instant>,
    /// Channels and periods, and the time of voting.
    pub(crate) division: SheetLayout,
    pub(crate) roster: Roster,
    /// How many of some categories a sheet votes in.
    pub(crate) limits: Vec<CategoryLimit>,
    pub(crate) ballots: Ballots,
    pub(crate) totals: BallotCounts,
    /// Voters with a sheet that has a standing vote in every category; with `completion` = `any`, unused.
    pub(crate) complete_voters: u64,
    /// How many such sheets each voter has; with `completion` = `any`, unused.
    pub(crate) complete_sheets: ChunkedList<u32>,
    pub(crate) scores: Scores,
    pub(crate) recusals: Recusals,
    /// The seed of the draw.
    pub(crate) drawn: Option<DrawSeed>,
    pub(crate) voids: Voids,
    /// Total of passes by source.
    pub(crate) issued: BTreeMap<String, u64>,
    /// Log index at which each entry reached its total, computed when a tie asks for it and forgotten when ballots change.
    pub(crate) reached: OnceLock<Vec<Option<u32>>>,
    /// Voters whose slots of a category are filled, likewise; where nobody has several sheets, unused.
    pub(crate) category_voters: OnceLock<Vec<u64>>,
    /// Whose ballots are folded.
    pub(crate) scope: Scope,
    /// The result that was certified last, in a log of version 2.
    pub(crate) last_certified: Option<Box<CertifiedSnapshot>>,
    /// The figures that were counted by others, with [`Scope::Aggregate`].
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

    /// The tally of the empty log, for some voters' ballots; its table has room for so many voters.
    pub(crate) fn with_scope(scope: Scope, voters: usize) -> Self {
        Self { scope, ballots: Ballots::with_capacity(voters), ..Self::new() }
    }

    /// Counts an entry that was refused, or a ballot of others: what follows keeps its index.
    pub(crate) fn skip_entry(&mut self) {
        self.size += 1;
    }

    /// Forgets what was computed from the ballots as they were.
    pub(crate) fn clear_cached_figures(&mut self) {
        self.reached.take();
        self.category_voters.take();
    }

    /// Whether sheets count only with a vote in every category.
    pub(crate) fn completion(&self) -> Completion {
        self.header.as_ref().map_or(Completion::Any, |header| header.rules.ballot.completion)
    }
}
