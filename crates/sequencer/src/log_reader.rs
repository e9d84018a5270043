//! Reading a log as it is stored: every entry is admitted and hashed, and the end compared with its checkpoint and with those shown.

use acclaim_ballot_log::{Checkpoint, LogEntry, SigningKey, TileId, entry::LoggedDefinition};
use acclaim_contest::ContestId;
use acclaim_store::{Keyring, StoreError, ledger::Head};
use acclaim_tally::{PreparedLine, Replay, ReplayError};

/// Why a contest's log cannot be continued.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored is not a log that anyone would accept.
    #[error(
        "the log of {contest} is damaged: {problem}. Restore the newest backup, or serve the other contests with \
         `acclaim serve --without {contest}`"
    )]
    Damaged {
        /// Which contest.
        contest: ContestId,
        /// What is wrong.
        problem: String,
    },
    /// The world has seen more than the ledger holds.
    #[error(
        "the log of {contest} is older than what has been shown of it: it has {size} entries, but a checkpoint over {shown} was shown. \
         The database was set back; restore the newest backup"
    )]
    RolledBack {
        /// Which contest.
        contest: ContestId,
        /// Entries in the ledger.
        size: u64,
        /// Size of the highest checkpoint shown.
        shown: u64,
    },
    /// The installation's name or keys do not make a log.
    #[error("{0}")]
    Key(String),
}

impl LoadError {
    /// Damage that a store reports is that contest's.
    pub(crate) fn of_contest(self, contest: &ContestId) -> Self {
        match self {
            Self::Store(StoreError::Corrupt(problem)) => Self::Damaged { contest: contest.clone(), problem },
            other => other,
        }
    }
}

/// A log on the way through, entry by entry; also further when the log has grown.
pub struct LogReader {
    contest: ContestId,
    key: SigningKey,
    replay: Replay,
    definition: LoggedDefinition,
    head: Option<Head>,
    /// Checkpoints that the log must contain.
    shown: Vec<Checkpoint>,
}

/// A log that was read to its end.
pub struct WholeLog {
    /// The key that signs its checkpoints.
    pub key: SigningKey,
    /// The log, replayed.
    pub replay: Replay,
    /// The definition as the log has it.
    pub definition: LoggedDefinition,
    /// Where it ends; `None` before the opening.
    pub head: Option<Head>,
}

impl LogReader {
    /// Before the first entry.
    ///
    /// # Errors
    /// [`LoadError::Key`]
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
            shown: Vec::new(),
        })
    }

    /// Before the first entry of a log that ends at `head`, `None` before the opening, and of which these checkpoints were shown.
    ///
    /// # Errors
    /// [`LoadError::Key`], and as [`LogReader::set_end`].
    pub fn begin(
        keyring: &Keyring,
        contest: &ContestId,
        head: Option<Head>,
        shown: &[String],
    ) -> Result<Self, LoadError> {
        let mut reading = Self::new(keyring, contest)?;
        reading.set_end(head, shown)?;
        Ok(reading)
    }

    /// Says where the log ends by now, and which checkpoints were shown of it.
    ///
    /// # Errors
    /// [`LoadError::RolledBack`] if more was shown, or has been read, than there is; [`LoadError::Damaged`] for a checkpoint of another key.
    pub fn set_end(&mut self, head: Option<Head>, shown: &[String]) -> Result<(), LoadError> {
        self.shown = shown.iter().map(|note| self.open(note)).collect::<Result<_, _>>()?;
        self.head = head;
        let size = self.size();
        let seen = self.shown.iter().map(|shown| shown.size).max().unwrap_or(0).max(self.replay.size());
        if seen > size {
            return Err(LoadError::RolledBack { contest: self.contest.clone(), size, shown: seen });
        }
        Ok(())
    }

    /// Whose log it is.
    #[must_use]
    pub fn contest(&self) -> &ContestId {
        &self.contest
    }

    /// Entries in the whole log.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.size)
    }

    /// What has been read so far.
    #[must_use]
    pub fn replay(&self) -> &Replay {
        &self.replay
    }

    /// Whether a checkpoint over the whole log was shown.
    #[must_use]
    pub fn is_published(&self) -> bool {
        self.shown.iter().any(|shown| shown.size == self.size())
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// [`LoadError::Damaged`] if it is not admitted, or makes another log than the one shown.
    pub fn push(&mut self, entry: &[u8]) -> Result<(), LoadError> {
        let prepared = PreparedLine::new(entry, None)
            .map_err(|error| self.damaged(ReplayError::unencodable(self.replay.size(), error).to_string()))?;
        self.replay.push_prepared(&prepared).map_err(|error| self.damaged(error.to_string()))?;
        if let LogEntry::Event(event, _) = prepared.entry() {
            self.definition.fold(event).map_err(|problem| self.damaged(problem))?;
        }
        let (size, root) = (self.replay.size(), &self.replay);
        if self.shown.iter().any(|shown| shown.size == size && shown.root != root.root()) {
            return Err(self.damaged("it is not the log of the checkpoint last shown".to_owned()));
        }
        Ok(())
    }

    /// The tiles that entries taken since the last call have changed, whole.
    pub fn changed_tiles(&mut self) -> Vec<(TileId, Vec<u8>)> {
        self.replay.changed_tiles()
    }

    /// Compares the end with the head.
    ///
    /// # Errors
    /// [`LoadError::Damaged`] unless all entries were there and are those that the head's checkpoint signs.
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

    /// Ends.
    ///
    /// # Errors
    /// As [`LogReader::check`].
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
