//! A log as it is replayed, entry by entry: the fold, the Merkle tree and the certified result, kept in step.
//!
//! The sequencer starts by replaying what is recorded and goes on with the same state; the auditor replays and compares.

use acclaim_ballot_log::{EntryError, Event, LogEntry, hash::Hash, leaf_hash, tile::TileId, tree::Tree};
use acclaim_contest::{BallotId, ContestId, Phase};

use crate::admit::{AdmittedEntry, admit};
use crate::{Refusal, ResultDocument, Tally};

/// See the [module](self).
#[derive(Debug, Clone)]
pub struct Replay {
    origin: String,
    tree: Tree,
    tally: Tally,
    /// The document that the newest `certified` entry names.
    certified: Option<ResultDocument>,
}

/// Why a line may not be the next of the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("index {index}: {problem}")]
pub struct ReplayError {
    /// The index that it would have had.
    pub index: u64,
    /// What is wrong.
    pub problem: ReplayProblem,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayProblem {
    /// It is no entry.
    #[error(transparent)]
    Entry(EntryError),
    /// It is one, and the log does not admit it here.
    #[error(transparent)]
    Refusal(Refusal),
}

impl ReplayError {
    /// An entry that cannot be written.
    #[must_use]
    pub fn unencodable(index: u64, error: EntryError) -> Self {
        Self { index, problem: ReplayProblem::Entry(error) }
    }

    /// The refusal, or what is wrong with the line as text.
    ///
    /// # Errors
    /// The text.
    pub fn into_refusal(self) -> Result<Refusal, String> {
        match self.problem {
            ReplayProblem::Refusal(refusal) => Ok(refusal),
            ReplayProblem::Entry(error) => Err(error.to_string()),
        }
    }

    /// A stable word for programs, and a sentence.
    #[must_use]
    pub fn code_and_detail(&self) -> (&'static str, String) {
        match &self.problem {
            ReplayProblem::Refusal(refusal) => (refusal.code(), refusal.to_string()),
            ReplayProblem::Entry(error) => ("malformed-entry", error.to_string()),
        }
    }
}

/// A line decoded and hashed: all of the work that does not depend on the lines before it, and so can be done on any thread.
#[derive(Debug)]
pub struct PreparedLine<'a> {
    entry: LogEntry<'a>,
    leaf: Hash,
    /// A ballot's id recomputed, and the contest that it was recomputed for.
    ballot_id: Option<(BallotId, &'a ContestId)>,
}

impl<'a> PreparedLine<'a> {
    /// Prepares a line, without its newline. With the contest at hand a ballot's id is recomputed here, without it when it is pushed.
    ///
    /// # Errors
    /// [`EntryError`] if it is no entry.
    pub fn new(line: &'a [u8], contest: Option<&'a ContestId>) -> Result<Self, EntryError> {
        let entry = LogEntry::decode(line)?;
        let ballot_id = match (&entry, contest) {
            (LogEntry::Ballot(ballot), Some(contest)) => Some((ballot.expected_id(contest), contest)),
            _ => None,
        };
        Ok(Self { entry, leaf: leaf_hash(line), ballot_id })
    }

    /// The entry.
    #[must_use]
    pub fn entry(&self) -> &LogEntry<'a> {
        &self.entry
    }

    /// The hash of its leaf.
    #[must_use]
    pub fn leaf(&self) -> &Hash {
        &self.leaf
    }

    /// The entry alone.
    pub(crate) fn into_entry(self) -> LogEntry<'a> {
        self.entry
    }

    /// The recomputed id, if it was recomputed for the contest of this log.
    pub(crate) fn ballot_id_in(&self, tally: &Tally) -> Option<BallotId> {
        let (id, contest) = self.ballot_id?;
        tally.header().is_some_and(|header| header.contest == *contest).then_some(id)
    }
}

/// The document that a `certified` entry names, if it is that of the log before it; `None` for any other entry.
pub(crate) fn verify_certified(
    tally: &Tally,
    event: &Event,
    origin: &str,
    root: impl Fn() -> Hash,
) -> Result<Option<ResultDocument>, Refusal> {
    let Event::Certified { result, .. } = event else { return Ok(None) };
    match tally.certified_result(origin, &root()) {
        Some(document) if document.sha256 == *result => Ok(Some(document)),
        other => {
            Err(Refusal::AnotherResult { expected: other.map(|other| other.sha256).unwrap_or_default() })
        }
    }
}

impl Replay {
    /// The empty log of this origin. Full tiles wait in memory until [`Replay::changed_tiles`] takes them.
    #[must_use]
    pub fn new(origin: &str) -> Self {
        Self { origin: origin.to_owned(), tree: Tree::new(), tally: Tally::new(), certified: None }
    }

    /// The same for one who wants no tiles: memory is the tally's.
    #[must_use]
    pub fn without_tiles(origin: &str) -> Self {
        Self { tree: Tree::without_tiles(), ..Self::new(origin) }
    }

    /// Whether `line` may be the next of the log; nothing changes.
    ///
    /// # Errors
    /// [`ReplayProblem`] as [`Replay::push`] would have it.
    pub fn admit(&self, line: &[u8]) -> Result<(), ReplayProblem> {
        let prepared = PreparedLine::new(line, None).map_err(ReplayProblem::Entry)?;
        self.check(&prepared).map(|_| ()).map_err(ReplayProblem::Refusal)
    }

    /// Takes the next line in and returns its index.
    ///
    /// # Errors
    /// [`ReplayError`]; nothing has changed then.
    pub fn push(&mut self, line: &[u8]) -> Result<u64, ReplayError> {
        match PreparedLine::new(line, None) {
            Ok(prepared) => self.push_prepared(&prepared),
            Err(error) => Err(ReplayError::unencodable(self.size(), error)),
        }
    }

    /// The same for a line that is prepared.
    ///
    /// # Errors
    /// [`ReplayError`]; nothing has changed then.
    pub fn push_prepared(&mut self, prepared: &PreparedLine<'_>) -> Result<u64, ReplayError> {
        let refused = |refusal| ReplayError { index: self.size(), problem: ReplayProblem::Refusal(refusal) };
        let (admitted, certified) = self.check(prepared).map_err(refused)?;
        if certified.is_some() {
            self.certified = certified;
        }
        self.tally.apply(&prepared.entry, admitted);
        Ok(self.tree.append(prepared.leaf))
    }

    /// Admission; for a `certified` entry also whether it names the result at the log's end before it, which is then returned.
    fn check(&self, prepared: &PreparedLine<'_>) -> Result<(AdmittedEntry, Option<ResultDocument>), Refusal> {
        let admitted = admit(&self.tally, &prepared.entry, prepared.ballot_id_in(&self.tally))?;
        let LogEntry::Event(event, _) = &prepared.entry else { return Ok((admitted, None)) };
        let certified = verify_certified(&self.tally, event, &self.origin, || self.tree.root())?;
        Ok((admitted, certified))
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many entries there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Root of the tree over them.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// The fold.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Tiles that were filled or have grown since the last call.
    pub fn changed_tiles(&mut self) -> Vec<(TileId, Vec<u8>)> {
        self.tree.changed_tiles()
    }

    /// The live tally as JSON, split where the number of `pending` belongs. Empty before the first entry.
    #[must_use]
    pub fn tally_json(&self) -> (Vec<u8>, Vec<u8>) {
        let document = self.tally.tally_document(&self.tree.root());
        document.and_then(|document| document.json_around_pending().ok()).unwrap_or_default()
    }

    /// The document that was certified before the contest was reopened, until another one is.
    #[must_use]
    pub fn result_before_reopening(&self) -> Option<&ResultDocument> {
        self.certified.as_ref().filter(|_| self.tally.phase() != Phase::Certified)
    }

    /// The result: certified if the log says so, or else provisional; before the closing it is that of a count under way. `None` for the
    /// empty log. With `ties` = `earliest` it may take a pass over all ballots.
    #[must_use]
    pub fn result(&self) -> Option<ResultDocument> {
        match self.tally.phase() {
            Phase::Certified => self.certified.clone(),
            _ => self.tally.provisional_result(&self.origin, &self.tree.root()),
        }
    }
}
