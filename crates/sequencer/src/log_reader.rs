//! Reads a stored log.
//!
//! The reader admits and hashes every entry. At the end it compares the log with its checkpoint and
//! with the published checkpoints.

use acclaim_ballot_log::{Checkpoint, LogEntry, SigningKey, TileId, entry::LoggedDefinition};
use acclaim_contest::ContestId;
use acclaim_store::{Keyring, StoreError, ledger::Head};
use acclaim_tally::{PreparedLine, Replay, ReplayError};

/// The reason why a contest's log cannot be continued.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored log is not valid.
    #[error(
        "the log of {contest} is damaged: {problem}. Restore the newest backup, or serve the other contests with \
         `acclaim serve --without {contest}`"
    )]
    Damaged {
        /// The contest.
        contest: ContestId,
        /// The problem that was found.
        problem: String,
    },
    /// A published checkpoint is larger than the log in the ledger.
    #[error(
        "the log of {contest} is older than its published checkpoint: it has {size} entries, but a checkpoint over \
         {shown} entries was published. The database was set back; restore the newest backup"
    )]
    RolledBack {
        /// The contest.
        contest: ContestId,
        /// Number of entries in the ledger.
        size: u64,
        /// Size of the highest published checkpoint, or of the part that was read if that is
        /// larger.
        shown: u64,
    },
    /// The installation's name or keys do not make a log.
    #[error("{0}")]
    Key(String),
}

impl LoadError {
    /// Turns damage that a store reports into damage of this contest's log.
    pub(crate) fn of_contest(self, contest: &ContestId) -> Self {
        match self {
            Self::Store(StoreError::Corrupt(problem)) => Self::Damaged { contest: contest.clone(), problem },
            other => other,
        }
    }
}

/// Reads a log entry by entry.
///
/// If the log grows, [`LogReader::set_end`] sets the new end and reading continues.
pub struct LogReader {
    contest: ContestId,
    key: SigningKey,
    replay: Replay,
    definition: LoggedDefinition,
    head: Option<Head>,
    /// Checkpoints that the log must contain.
    published: Vec<Checkpoint>,
}

/// A log that was read to its end.
pub struct WholeLog {
    /// The key that signs the log's checkpoints.
    pub key: SigningKey,
    /// The replayed log.
    pub replay: Replay,
    /// The definition that the log contains.
    pub definition: LoggedDefinition,
    /// The end of the log; `None` before the opening.
    pub head: Option<Head>,
}

impl LogReader {
    /// Returns a reader that stands before the first entry.
    ///
    /// # Errors
    /// [`LoadError::Key`] if the installation's name or keys do not make a log.
    pub fn new(keyring: &Keyring, contest: &ContestId) -> Result<Self, LoadError> {
        let origin = keyring.origin(contest);
        let key = SigningKey::from_seed(&origin, &keyring.log_seed)
            .map_err(|error| LoadError::Key(format!("{origin}: {error}")))?;
        Ok(Self {
            contest: contest.clone(),
            key,
            replay: Replay::new(&origin),
            definition: LoggedDefinition::default(),
            head: None,
            published: Vec::new(),
        })
    }

    /// Returns a reader that stands before the first entry of a log with a known end.
    ///
    /// `head` is the end of the log, `None` before the opening. `published` holds the published
    /// checkpoints of the log, as notes.
    ///
    /// # Errors
    /// [`LoadError::Key`] as in [`LogReader::new`], and the errors of [`LogReader::set_end`].
    pub fn begin(
        keyring: &Keyring,
        contest: &ContestId,
        head: Option<Head>,
        published: &[String],
    ) -> Result<Self, LoadError> {
        let mut reader = Self::new(keyring, contest)?;
        reader.set_end(head, published)?;
        Ok(reader)
    }

    /// Sets the current end of the log and its published checkpoints.
    ///
    /// # Errors
    /// - [`LoadError::RolledBack`]: a published checkpoint, or the part that was read, is larger
    ///   than the log.
    /// - [`LoadError::Damaged`]: another key signed a published checkpoint.
    pub fn set_end(&mut self, head: Option<Head>, published: &[String]) -> Result<(), LoadError> {
        self.published = published.iter().map(|note| self.open(note)).collect::<Result<_, _>>()?;
        self.head = head;
        let size = self.size();
        let published_or_read =
            self.published.iter().map(|published| published.size).max().unwrap_or(0).max(self.replay.size());
        if published_or_read > size {
            return Err(LoadError::RolledBack {
                contest: self.contest.clone(),
                size,
                shown: published_or_read,
            });
        }
        Ok(())
    }

    /// The contest whose log is read.
    #[must_use]
    pub fn contest(&self) -> &ContestId {
        &self.contest
    }

    /// Number of entries in the whole log.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.size)
    }

    /// The replay of the entries read so far.
    #[must_use]
    pub fn replay(&self) -> &Replay {
        &self.replay
    }

    /// Whether a checkpoint over the whole log was published.
    #[must_use]
    pub fn is_published(&self) -> bool {
        self.published.iter().any(|published| published.size == self.size())
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// [`LoadError::Damaged`] if the entry is not admitted, or if the log differs from a published
    /// checkpoint of the same size.
    pub fn push(&mut self, entry: &[u8]) -> Result<(), LoadError> {
        let prepared = PreparedLine::new(entry, None)
            .map_err(|error| self.damaged(ReplayError::unencodable(self.replay.size(), error).to_string()))?;
        self.replay.push_prepared(&prepared).map_err(|error| self.damaged(error.to_string()))?;
        if let LogEntry::Event(event, _) = prepared.entry() {
            self.definition.fold(event).map_err(|problem| self.damaged(problem))?;
        }
        let (size, root) = (self.replay.size(), &self.replay);
        if self.published.iter().any(|published| published.size == size && published.root != root.root()) {
            return Err(self.damaged("it differs from a published checkpoint of the same size".to_owned()));
        }
        Ok(())
    }

    /// Returns the tiles that changed since the last call. Each tile is whole.
    pub fn changed_tiles(&mut self) -> Vec<(TileId, Vec<u8>)> {
        self.replay.changed_tiles()
    }

    /// Compares the end of the log with the head.
    ///
    /// # Errors
    /// [`LoadError::Damaged`] if entries are missing, or if their root is not the root that the
    /// head's checkpoint signs.
    pub fn check(&self) -> Result<(), LoadError> {
        if self.replay.size() != self.size() {
            return Err(self.damaged(format!("entry {} is missing", self.replay.size())));
        }
        if let Some(head) = &self.head {
            let checkpoint = self.open(&head.checkpoint)?;
            let root = self.replay.root();
            if (checkpoint.size, checkpoint.root) != (head.size, root) || head.root != root {
                return Err(self.damaged("its entries do not hash to the root of its checkpoint".to_owned()));
            }
        }
        Ok(())
    }

    /// Ends reading and returns the log.
    ///
    /// # Errors
    /// The errors of [`LogReader::check`].
    pub fn finish(mut self) -> Result<WholeLog, LoadError> {
        self.replay.changed_tiles();
        self.check()?;
        let Self { key, replay, definition, head, .. } = self;
        Ok(WholeLog { key, replay, definition, head })
    }

    fn open(&self, note: &str) -> Result<Checkpoint, LoadError> {
        Checkpoint::open(note.as_bytes(), self.key.verifier())
            .map_err(|error| self.damaged(error.to_string()))
    }

    fn damaged(&self, problem: String) -> LoadError {
        LoadError::Damaged { contest: self.contest.clone(), problem }
    }
}
