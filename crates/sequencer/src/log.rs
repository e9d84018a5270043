//! The state of one contest's log, and the two things done with it: building it from the ledger, at once or step by step behind another
//! process, and appending.

use std::time::Duration;

use acclaim_ballot_log::{Checkpoint, Hash, SigningKey};
use acclaim_contest::{BallotId, ContestId};
use acclaim_store::{
    StoreError, Stores,
    hub::Decided,
    intake::{Cursors, Session},
    ledger::{Append, ContestChange, Head},
};
use acclaim_tally::Replay;

use crate::{Context, batch::Batch};

/// Entries asked of the ledger at once while replaying.
pub(crate) const CHUNK: usize = 8_192;

/// How long a batch waits for the trimming of the one before.
const PATIENCE: Duration = Duration::from_millis(500);
/// Ballots whose decision the intake is still to be told of, at most.
const MOST_DECIDED: usize = 1 << 16;

/// Why a contest's log cannot be continued.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored is not a log that anyone would accept.
    #[error("the log of {contest} is damaged: {problem}")]
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
    SetBack {
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

/// A contest's log: replayed state, signing key, and where the ledger stands. Owned by the contest's task.
pub(crate) struct Log {
    contest: ContestId,
    key: SigningKey,
    /// Runs ahead of the ledger while a batch is built; equals it between batches.
    pub(crate) replay: Replay,
    /// The ledger's size and root; `None` before the opening.
    committed: Option<(u64, Hash)>,
    /// How far the intake is recorded.
    pub(crate) cursors: Cursors,
    /// Promised ballots that are decided; the intake is to forget them with the next trimming.
    decided: Vec<BallotId>,
    /// Whether the intake holds what it could have been rid of.
    untrimmed: bool,
}

impl Log {
    /// The empty log of a contest, to be caught up with the ledger's.
    pub(crate) fn new(context: &Context, contest: &ContestId) -> Result<Self, LoadError> {
        let origin = context.keyring.origin(contest);
        let key = SigningKey::from_seed(&origin, &context.keyring.log_seed)
            .map_err(|error| LoadError::Key(format!("{origin}: {error}")))?;
        Ok(Self {
            contest: contest.clone(),
            key,
            replay: Replay::new(&origin),
            committed: None,
            cursors: Cursors::default(),
            decided: Vec::new(),
            untrimmed: false,
        })
    }

    /// Replays what the ledger holds beyond this state, and checks it against the ledger's checkpoint and the highest one shown. Returns the
    /// ledger's checkpoint if it has not been shown. After any error but [`LoadError::Store`] the state is good for nothing.
    pub(crate) async fn catch_up(&mut self, stores: &Stores) -> Result<Option<String>, LoadError> {
        // In this order: a commit comes before its showing, so that a former holder at work never makes the ledger look older than it is.
        let shown = stores.shown.highest(&self.contest).await?;
        let shown = shown.as_deref().map(|note| self.open(note)).transpose()?;
        let head = stores.database.head(&self.contest).await?;
        let size = head.as_ref().map_or(0, |head| head.size);
        let seen = shown.as_ref().map_or(0, |shown| shown.size).max(self.replay.size());
        if seen > size {
            return Err(LoadError::SetBack { contest: self.contest.clone(), size, shown: seen });
        }
        self.replay_up_to(size, stores, shown.as_ref()).await?;
        let Some(head) = head else { return Ok(None) };
        let checkpoint = self.open(&head.checkpoint)?;
        if (checkpoint.size, checkpoint.root) != (size, self.replay.root()) || head.root != checkpoint.root {
            return Err(self.damaged("its entries do not hash to the root of its checkpoint"));
        }
        self.committed = Some((head.size, head.root));
        self.cursors = head.cursors;
        Ok(shown.is_none_or(|shown| shown.size < size).then_some(head.checkpoint))
    }

    /// The same for the holder of the lease, who shows what was committed without being shown: what is in the ledger may be.
    pub(crate) async fn take_over(&mut self, stores: &Stores) -> Result<(), LoadError> {
        match self.catch_up(stores).await? {
            Some(checkpoint) => Ok(stores.shown.about_to_show(&self.contest, &checkpoint).await?),
            None => Ok(()),
        }
    }

    async fn replay_up_to(
        &mut self,
        size: u64,
        stores: &Stores,
        shown: Option<&Checkpoint>,
    ) -> Result<(), LoadError> {
        while self.replay.size() < size {
            let at = self.replay.size();
            let most = usize::try_from(size - at).unwrap_or(CHUNK).min(CHUNK);
            let entries = stores.database.entries(&self.contest, at, most).await?;
            if entries.is_empty() {
                return Err(self.damaged(format!("entry {at} is missing")));
            }
            for entry in entries {
                self.replay.push(&entry).map_err(|error| self.damaged(error.to_string()))?;
                let differs =
                    |shown: &Checkpoint| shown.size == self.replay.size() && shown.root != self.replay.root();
                if shown.is_some_and(differs) {
                    return Err(self.damaged("it is not the log of the checkpoint last shown"));
                }
            }
            // The ledger has them.
            self.replay.changed_tiles();
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn open(&self, note: &str) -> Result<Checkpoint, LoadError> {
        Checkpoint::open(note.as_bytes(), self.key.verifier())
            .map_err(|error| self.damaged(error.to_string()))
    }

    fn damaged(&self, problem: impl Into<String>) -> LoadError {
        LoadError::Damaged { contest: self.contest.clone(), problem: problem.into() }
    }

    /// Size and root as the ledger has them.
    pub(crate) fn head(&self) -> (u64, Hash) {
        self.committed.unwrap_or_else(|| (0, self.replay.root()))
    }

    /// Makes up for what went wrong beside the ledger: trims what could not be trimmed, and keeps the newest checkpoint again if what was shown was
    /// forgotten, as a flushed Redis does. Says whether it was.
    pub(crate) async fn make_up(&mut self, stores: &Stores, session: &Session) -> Result<bool, StoreError> {
        let Some((size, root)) = self.committed else { return Ok(false) };
        if self.untrimmed {
            let trimmed = self.trim(stores, session).await;
            self.note_trimmed(&trimmed);
        }
        if stores.shown.highest(&self.contest).await?.is_some() {
            return Ok(false);
        }
        tracing::warn!(contest = %self.contest, size, "the highest checkpoint shown was forgotten");
        stores.shown.about_to_show(&self.contest, &self.key.sign(size, root)).await?;
        Ok(true)
    }

    /// Rids the intake of what is recorded. Nothing depends on it but memory, so nobody waits long for it.
    async fn trim(&self, stores: &Stores, session: &Session) -> Result<(), StoreError> {
        let trimming = stores.intake.trim(session, &self.cursors, &self.decided);
        let late = |_| Err(StoreError::Unknown("trimming took too long".to_owned()));
        tokio::time::timeout(PATIENCE, trimming).await.unwrap_or_else(late)
    }

    fn note_trimmed(&mut self, trimmed: &Result<(), StoreError>) {
        match trimmed {
            Ok(()) => self.decided.clear(),
            Err(error) => {
                tracing::warn!(contest = %self.contest, %error, "the intake is not trimmed");
                // Beyond this the intake remembers them until the contest is closed.
                self.decided.truncate(MOST_DECIDED);
            }
        }
        self.untrimmed = trimmed.is_err();
    }

    /// Commits a batch with the intake's cursors behind it, and returns what can be told to the world from now on. After an error
    /// nothing of this state may be used again: what the ledger holds is not known.
    pub(crate) async fn commit(
        &mut self,
        stores: &Stores,
        session: &Session,
        mut batch: Batch,
        contest: Option<ContestChange>,
    ) -> Result<Decided, StoreError> {
        let size = self.replay.size();
        let root = self.replay.root();
        let checkpoint = self.key.sign(size, root);
        let (moved, turnout) = (batch.cursors.is_some(), batch.take_turnout());
        let cursors = batch.cursors.unwrap_or_else(|| self.cursors.clone());
        let append = Append {
            expected: self.committed,
            head: Head { size, root, checkpoint: checkpoint.clone(), cursors: cursors.clone() },
            entries: batch.entries,
            ballots: batch.ballots,
            marks: batch.marks,
            rejected: batch.rejected,
            turnout,
            tiles: self.replay.changed_tiles(),
            contest,
            commands: batch.commands.clone(),
        };
        stores.database.append(&self.contest, append).await?;
        self.committed = Some((size, root));
        self.cursors = cursors;
        self.decided.extend(batch.promised);
        let trimming = async { if moved { self.trim(stores, session).await } else { Ok(()) } };
        let showing = stores.shown.about_to_show(&self.contest, &checkpoint);
        let (trimmed, shown) = tokio::join!(trimming, showing);
        if moved {
            self.note_trimmed(&trimmed);
        }
        shown?;
        Ok(Decided {
            contest: self.contest.clone(),
            size,
            root,
            ballots: batch.outcomes,
            commands: batch.commands,
        })
    }
}
