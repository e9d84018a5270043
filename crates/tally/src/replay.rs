//! A log as it is replayed, entry by entry: the fold, the Merkle tree and the certified result, kept in step.
//!
//! The sequencer starts by replaying what is recorded and goes on with the same state; the auditor replays and compares.

use acclaim_ballot_log::{EntryError, Event, LogEntry, hash::Hash, leaf_hash, tile::TileId, tree::Tree};

use crate::{Phase, Refusal, ResultDocument, Tally};

/// See the [module](self).
#[derive(Debug, Clone)]
pub struct Replay {
    origin: String,
    tree: Tree,
    tally: Tally,
    /// The document that the newest `certified` entry names, unless the contest was reopened since.
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

    /// Takes the next line in and returns its index.
    ///
    /// # Errors
    /// [`ReplayError`]; nothing has changed then.
    pub fn push(&mut self, line: &[u8]) -> Result<u64, ReplayError> {
        let index = self.tree.size();
        let failed = |problem| ReplayError { index, problem };
        let entry = LogEntry::decode(line).map_err(|error| failed(ReplayProblem::Entry(error)))?;
        let certified =
            self.certified_by(&entry).map_err(|refusal| failed(ReplayProblem::Refusal(refusal)))?;
        self.tally.fold(&entry).map_err(|refusal| failed(ReplayProblem::Refusal(refusal)))?;
        match (&entry, certified) {
            (_, Some(document)) => self.certified = Some(document),
            (LogEntry::Event(event), None) if matches!(**event, Event::Reopened(_)) => self.certified = None,
            _ => {}
        }
        Ok(self.tree.append(leaf_hash(line)))
    }

    /// The document that a `certified` entry must name: the result at the log's end before it.
    fn certified_by(&self, entry: &LogEntry<'_>) -> Result<Option<ResultDocument>, Refusal> {
        let LogEntry::Event(event) = entry else { return Ok(None) };
        let Event::Certified { result, .. } = &**event else { return Ok(None) };
        self.tally.admit(entry)?;
        match self.tally.certified_result(&self.origin, &self.tree.root()) {
            Some(document) if document.sha256 == *result => Ok(Some(document)),
            Some(document) => Err(Refusal::AnotherResult { expected: document.sha256 }),
            None => Ok(None),
        }
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

    /// The live tally as JSON; `pending` is what waits beyond the log. Empty before the first entry.
    #[must_use]
    pub fn tally_json(&self, pending: u64) -> Vec<u8> {
        let document = self.tally.tally_document(&self.tree.root(), pending);
        // Texts and integers serialise without fail.
        document.and_then(|document| serde_json::to_vec(&document).ok()).unwrap_or_default()
    }

    /// The result: certified if the log says so, provisional from the closing on.
    #[must_use]
    pub fn result(&self) -> Option<ResultDocument> {
        match self.tally.phase() {
            Phase::Certified => self.certified.clone(),
            _ => self.tally.provisional_result(&self.origin, &self.tree.root()),
        }
    }
}
