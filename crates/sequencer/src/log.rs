//! The state of one contest's log, and the two things done with it: taking it over from the ledger, and appending.

use std::{sync::Arc, time::Duration};

use acclaim_ballot_log::{Checkpoint, Hash, SigningKey, entry::LoggedDefinition};
use acclaim_contest::{BallotId, ContestId};
use acclaim_store::{
    StoreError, Stores,
    contests::ContestChange,
    hub::Decisions,
    intake::{Cursors, Session},
    ledger::{Append, Head},
};
use acclaim_tally::Replay;
use tokio::sync::watch;

use crate::{
    batch::Batch,
    log_reader::{LoadError, LogReader, WholeLog},
    witnessing::NewestCheckpoint,
};

/// Entries asked of the ledger at once while replaying.
pub(crate) const CHUNK: usize = 8_192;
/// How long a batch waits for the trimming of the one before.
const TRIM_TIMEOUT: Duration = Duration::from_millis(500);
/// Ballots whose decision the intake is still to be told of, at most.
const MAX_DECIDED: usize = 1 << 16;

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
    /// Tells of every checkpoint shown.
    newest: watch::Sender<NewestCheckpoint>,
}

/// Reads what the ledger holds beyond what was read before, and checks it against the ledger's checkpoint and the highest one shown. After
/// [`LoadError::Store`] reading can go on later.
pub(crate) async fn catch_up(reading: &mut LogReader, stores: &Stores) -> Result<(), LoadError> {
    let contest = reading.contest().clone();
    // In this order: a commit comes before its showing, so that a former holder at work never makes the ledger look older than it is.
    // What was cosigned was shown too, and may be all that is left of it.
    let cosigned = stores.published_checkpoints.cosigned(&contest).await?;
    let shown: Vec<String> =
        stores.published_checkpoints.highest(&contest).await?.into_iter().chain(cosigned).collect();
    let head = stores.database.head(&contest).await?;
    reading.set_end(head, &shown)?;
    while reading.replay().size() < reading.size() {
        let at = reading.replay().size();
        let most = usize::try_from(reading.size() - at).unwrap_or(CHUNK).min(CHUNK);
        let entries = stores.database.entries(&contest, at, most).await?;
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            reading.push(&entry)?;
        }
        // The ledger has them.
        reading.changed_tiles();
        tokio::task::yield_now().await;
    }
    reading.check()
}

impl Log {
    /// Reads to the ledger's end and goes on from there: for the holder of the lease.
    pub(crate) async fn take_over(
        mut reading: LogReader,
        stores: &Stores,
    ) -> Result<(Self, LoggedDefinition), LoadError> {
        catch_up(&mut reading, stores).await?;
        let (contest, is_published) = (reading.contest().clone(), reading.is_published());
        let WholeLog { key, replay, definition, head } = reading.finish()?;
        let newest = watch::Sender::new(None);
        let (committed, cursors) = match head {
            None => (None, Cursors::default()),
            Some(head) => {
                // Killed between a commit and its showing: what is in the ledger may be shown.
                if !is_published {
                    stores.database.ensure_durable(&contest).await?;
                    stores.published_checkpoints.record_before_publish(&contest, &head.checkpoint).await?;
                }
                newest.send_replace(Some(Arc::from(head.checkpoint)));
                (Some((head.size, head.root)), head.cursors)
            }
        };
        // Perhaps killed before the trimming too.
        let untrimmed = committed.is_some();
        let log = Self { contest, key, replay, committed, cursors, decided: Vec::new(), untrimmed, newest };
        Ok((log, definition))
    }

    /// Becomes what was read anew; whoever follows this follows that.
    pub(crate) fn replace_by(&mut self, mut other: Self) {
        std::mem::swap(&mut self.newest, &mut other.newest);
        *self = other;
    }

    /// Follows the newest checkpoint shown.
    pub(crate) fn newest(&self) -> watch::Receiver<NewestCheckpoint> {
        self.newest.subscribe()
    }

    /// The ledger's size and root; `None` before the opening.
    pub(crate) fn committed(&self) -> Option<(u64, Hash)> {
        self.committed
    }

    /// Size and root as the ledger has them.
    pub(crate) fn head(&self) -> (u64, Hash) {
        self.committed.unwrap_or_else(|| (0, self.replay.root()))
    }

    /// Makes up for what went wrong beside the ledger: trims what could not be trimmed, and keeps the newest checkpoint again if what was shown was
    /// forgotten, as a flushed Redis does, or is an older one, as after a failover. Says whether it was.
    pub(crate) async fn trim_and_republish(
        &mut self,
        stores: &Stores,
        session: &Session,
    ) -> Result<bool, StoreError> {
        let Some((size, root)) = self.committed else { return Ok(false) };
        // Where it fails, the next round tries again.
        drop(self.trim_again(stores, session).await);
        let shown = stores.published_checkpoints.highest(&self.contest).await?;
        let shown = shown.and_then(|note| Checkpoint::open(note.as_bytes(), self.key.verifier()).ok());
        if shown.is_some_and(|shown| shown.size >= size) {
            return Ok(false);
        }
        tracing::warn!(contest = %self.contest, size, "the highest checkpoint shown was forgotten");
        let checkpoint = self.key.sign(size, root);
        stores.published_checkpoints.record_before_publish(&self.contest, &checkpoint).await?;
        self.newest.send_replace(Some(Arc::from(checkpoint)));
        Ok(true)
    }

    /// Rids the intake of what is recorded. Nothing depends on it but memory, so nobody waits long for it.
    async fn trim(&self, stores: &Stores, session: &Session) -> Result<(), StoreError> {
        let trimming = stores.intake.trim(session, &self.cursors, &self.decided);
        let late = |_| Err(StoreError::Unknown("trimming took too long".to_owned()));
        tokio::time::timeout(TRIM_TIMEOUT, trimming).await.unwrap_or_else(late)
    }

    /// Whether the intake still holds what is recorded.
    pub(crate) fn is_untrimmed(&self) -> bool {
        self.untrimmed
    }

    /// Rids the intake of what is recorded and could not be trimmed when it was. After that the backlog has only what waits.
    pub(crate) async fn trim_again(&mut self, stores: &Stores, session: &Session) -> Result<(), StoreError> {
        if !self.untrimmed {
            return Ok(());
        }
        let trimmed = self.trim(stores, session).await;
        self.note_trimmed(&trimmed);
        trimmed
    }

    fn note_trimmed(&mut self, trimmed: &Result<(), StoreError>) {
        match trimmed {
            Ok(()) => self.decided.clear(),
            Err(error) => {
                tracing::warn!(contest = %self.contest, %error, "the intake is not trimmed");
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
    ) -> Result<Decisions, StoreError> {
        let size = self.replay.size();
        let root = self.replay.root();
        let checkpoint = self.key.sign(size, root);
        // Where trimming fails the next batches do not wait for it: `trim_and_republish` tries again.
        let trims = batch.cursors.is_some() && !self.untrimmed;
        let turnout = batch.take_turnout();
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
        // Beyond this the intake remembers them until the contest is closed.
        self.decided.truncate(MAX_DECIDED);
        let trimming = async { if trims { self.trim(stores, session).await } else { Ok(()) } };
        let showing = stores.published_checkpoints.record_before_publish(&self.contest, &checkpoint);
        let (trimmed, shown) = tokio::join!(trimming, showing);
        if trims {
            self.note_trimmed(&trimmed);
        }
        shown?;
        self.newest.send_replace(Some(Arc::from(checkpoint)));
        Ok(Decisions {
            contest: self.contest.clone(),
            size,
            root,
            ballots: batch.outcomes,
            commands: batch.commands,
        })
    }
}
