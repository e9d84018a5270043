//! A replay processes a log entry by entry: the fold, the Merkle tree and the certified result.
//!
//! The three are always in step. The sequencer starts with a replay of the recorded log and
//! continues with the same state. The auditor replays a log and compares it.

use acclaim_ballot_log::{EntryError, Event, LogEntry, hash::Hash, leaf_hash, tile::TileId, tree::Tree};
use acclaim_contest::{BallotId, ContestId, Phase};

use crate::{
    Refusal, ResultDocument, Tally,
    admit::{AdmittedEntry, admit},
};

/// See the [module](self).
#[derive(Debug, Clone)]
pub struct Replay {
    origin: String,
    tree: Tree,
    tally: Tally,
    /// The document that the newest `certified` entry names.
    certified: Option<ResultDocument>,
}

/// The reason why a line may not be the next one of the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("index {index}: {problem}")]
pub struct ReplayError {
    /// The log index that the line would have.
    pub index: u64,
    /// What is wrong.
    pub problem: ReplayProblem,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayProblem {
    /// The line is not a valid entry.
    #[error(transparent)]
    Entry(EntryError),
    /// The line is a valid entry, and the log does not admit it here.
    #[error(transparent)]
    Refusal(Refusal),
}

impl ReplayError {
    /// An error for an entry that cannot be encoded.
    #[must_use]
    pub fn unencodable(index: u64, error: EntryError) -> Self {
        Self { index, problem: ReplayProblem::Entry(error) }
    }

    /// The refusal of the entry.
    ///
    /// # Errors
    /// If the line is not a valid entry: a text that says what is wrong.
    pub fn into_refusal(self) -> Result<Refusal, String> {
        match self.problem {
            ReplayProblem::Refusal(refusal) => Ok(refusal),
            ReplayProblem::Entry(error) => Err(error.to_string()),
        }
    }

    /// A stable code for programs, and a sentence for people.
    #[must_use]
    pub fn code_and_detail(&self) -> (&'static str, String) {
        match &self.problem {
            ReplayProblem::Refusal(refusal) => (refusal.code(), refusal.to_string()),
            ReplayProblem::Entry(error) => ("malformed-entry", error.to_string()),
        }
    }
}

/// A line, decoded and hashed.
///
/// This is all of the work that does not depend on the lines before, so it can run on any thread.
#[derive(Debug)]
pub struct PreparedLine<'a> {
    entry: LogEntry<'a>,
    leaf: Hash,
    /// A ballot's recomputed id, and the contest that it was recomputed for.
    ballot_id: Option<(BallotId, &'a ContestId)>,
}

impl<'a> PreparedLine<'a> {
    /// Prepares a line, without its newline.
    ///
    /// With `contest`, a ballot's id is recomputed here. Without it, the id is recomputed when the
    /// line is pushed.
    ///
    /// # Errors
    /// [`EntryError`] if the line is not a valid entry.
    pub fn new(line: &'a [u8], contest: Option<&'a ContestId>) -> Result<Self, EntryError> {
        let entry = LogEntry::decode(line)?;
        let ballot_id = match (&entry, contest) {
            (LogEntry::Ballot(ballot), Some(contest)) => Some((ballot.expected_id(contest), contest)),
            _ => None,
        };
        Ok(Self { entry, leaf: leaf_hash(line), ballot_id })
    }

    /// The decoded entry.
    #[must_use]
    pub fn entry(&self) -> &LogEntry<'a> {
        &self.entry
    }

    /// The leaf hash of the line.
    #[must_use]
    pub fn leaf(&self) -> &Hash {
        &self.leaf
    }

    /// The decoded entry, by value.
    pub(crate) fn into_entry(self) -> LogEntry<'a> {
        self.entry
    }

    /// The recomputed id, if it was recomputed for the contest of this log.
    pub(crate) fn ballot_id_in(&self, tally: &Tally) -> Option<BallotId> {
        let (id, contest) = self.ballot_id?;
        tally.header().is_some_and(|header| header.contest == *contest).then_some(id)
    }
}

/// Returns the document that a `certified` entry names, or `None` for any other entry.
///
/// The entry is refused unless it names the result of the log before it.
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
    /// Creates the replay of an empty log with this origin.
    ///
    /// Full tiles stay in memory until [`Replay::changed_tiles`] takes them.
    #[must_use]
    pub fn new(origin: &str) -> Self {
        Self { origin: origin.to_owned(), tree: Tree::new(), tally: Tally::new(), certified: None }
    }

    /// Creates the replay of an empty log, without tiles. It needs only the memory of the tally.
    #[must_use]
    pub fn without_tiles(origin: &str) -> Self {
        Self { tree: Tree::without_tiles(), ..Self::new(origin) }
    }

    /// Checks whether `line` may be the next one of the log. Nothing changes.
    ///
    /// # Errors
    /// [`ReplayProblem`], as from [`Replay::push`].
    pub fn admit(&self, line: &[u8]) -> Result<(), ReplayProblem> {
        let prepared = PreparedLine::new(line, None).map_err(ReplayProblem::Entry)?;
        self.check(&prepared).map(|_| ()).map_err(ReplayProblem::Refusal)
    }

    /// Processes the next line, and returns its log index.
    ///
    /// # Errors
    /// [`ReplayError`] if the line is not a valid entry or is refused. Then nothing has changed.
    pub fn push(&mut self, line: &[u8]) -> Result<u64, ReplayError> {
        match PreparedLine::new(line, None) {
            Ok(prepared) => self.push_prepared(&prepared),
            Err(error) => Err(ReplayError::unencodable(self.size(), error)),
        }
    }

    /// Processes the next line, which is prepared already. Returns its log index.
    ///
    /// # Errors
    /// [`ReplayError`] if the entry is refused. Then nothing has changed.
    pub fn push_prepared(&mut self, prepared: &PreparedLine<'_>) -> Result<u64, ReplayError> {
        let refused = |refusal| ReplayError { index: self.size(), problem: ReplayProblem::Refusal(refusal) };
        let (admitted, certified) = self.check(prepared).map_err(refused)?;
        if certified.is_some() {
            self.certified = certified;
        }
        self.tally.apply(&prepared.entry, admitted);
        Ok(self.tree.append(prepared.leaf))
    }

    /// Admits an entry. For a `certified` entry, also checks the result that it names and returns
    /// it.
    ///
    /// The entry must name the result of the log before it.
    fn check(&self, prepared: &PreparedLine<'_>) -> Result<(AdmittedEntry, Option<ResultDocument>), Refusal> {
        let admitted = admit(&self.tally, &prepared.entry, prepared.ballot_id_in(&self.tally))?;
        let LogEntry::Event(event, _) = &prepared.entry else { return Ok((admitted, None)) };
        let certified = verify_certified(&self.tally, event, &self.origin, || self.tree.root())?;
        Ok((admitted, certified))
    }

    /// The log's origin, which is its name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The number of log entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The root of the tree over the log entries.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// The tally of the log.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Takes the tiles that were filled or have grown since the last call.
    pub fn changed_tiles(&mut self) -> Vec<(TileId, Vec<u8>)> {
        self.tree.changed_tiles()
    }

    /// The live tally as JSON in two parts: before and after the number of `pending`.
    ///
    /// Both are empty before the first entry.
    #[must_use]
    pub fn tally_json(&self) -> (Vec<u8>, Vec<u8>) {
        let document = self.tally.tally_document(&self.tree.root());
        document.and_then(|document| document.json_around_pending().ok()).unwrap_or_default()
    }

    /// The document that was certified before the contest was reopened.
    ///
    /// `None` once another document is certified.
    #[must_use]
    pub fn result_before_reopening(&self) -> Option<&ResultDocument> {
        self.certified.as_ref().filter(|_| self.tally.phase() != Phase::Certified)
    }

    /// The result: the certified document, or a provisional one if the log is not certified.
    ///
    /// Before the closing it is the result of the count so far. `None` for the empty log. With
    /// `ties` = `earliest` the call may need a pass over all ballots.
    #[must_use]
    pub fn result(&self) -> Option<ResultDocument> {
        match self.tally.phase() {
            Phase::Certified => self.certified.clone(),
            _ => self.tally.provisional_result(&self.origin, &self.tree.root()),
        }
    }
}
