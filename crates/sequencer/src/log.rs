//! The state of one contest's log. A task takes it over from the ledger, and appends to it.

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

/// Number of entries that a replay reads from the ledger at once.
pub(crate) const CHUNK: usize = 8_192;
/// Longest time that a batch waits for the trimming of the batch before it.
const TRIM_TIMEOUT: Duration = Duration::from_millis(500);
/// Maximum number of decided ballots that the intake has not forgotten yet.
const MAX_DECIDED: usize = 1 << 16;

/// A contest's log: replayed state, signing key, and the ledger's state.
///
/// The contest's task owns it.
pub(crate) struct Log {
    contest: ContestId,
    key: SigningKey,
    /// Runs ahead of the ledger while a batch is built. It equals the ledger between batches.
    pub(crate) replay: Replay,
    /// The ledger's size and root; `None` before the opening.
    committed: Option<(u64, Hash)>,
    /// The part of the intake that is recorded.
    pub(crate) cursors: Cursors,
    /// Promised ballots that are decided. The next trimming makes the intake forget them.
    decided: Vec<BallotId>,
    /// Whether the intake still holds items that could have been trimmed.
    untrimmed: bool,
    /// Sends every published checkpoint.
    newest: watch::Sender<NewestCheckpoint>,
}

/// Reads the unread part of the ledger, and checks it against the ledger's checkpoint and the
/// published ones.
///
/// After [`LoadError::Store`] reading can continue later.
pub(crate) async fn catch_up(reader: &mut LogReader, stores: &Stores) -> Result<(), LoadError> {
    let contest = reader.contest().clone();
    // The published checkpoints must be read before the head. A checkpoint is committed before it
    // is published, so an active former holder never makes the ledger look older than it is. A
    // cosigned checkpoint was published too, and may be the only one that is left.
    let cosigned = stores.published_checkpoints.cosigned(&contest).await?;
    let published: Vec<String> =
        stores.published_checkpoints.highest(&contest).await?.into_iter().chain(cosigned).collect();
    let head = stores.database.head(&contest).await?;
    reader.set_end(head, &published)?;
    while reader.replay().size() < reader.size() {
        let at = reader.replay().size();
        let limit = usize::try_from(reader.size() - at).unwrap_or(CHUNK).min(CHUNK);
        let entries = stores.database.entries(&contest, at, limit).await?;
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            reader.push(&entry)?;
        }
        // The ledger has these tiles already.
        reader.changed_tiles();
        tokio::task::yield_now().await;
    }
    reader.check()
}

impl Log {
    /// Reads to the end of the ledger and continues the log from there.
    ///
    /// Only the holder of the lease may call it.
    pub(crate) async fn take_over(
        mut reader: LogReader,
        stores: &Stores,
    ) -> Result<(Self, LoggedDefinition), LoadError> {
        catch_up(&mut reader, stores).await?;
        let (contest, is_published) = (reader.contest().clone(), reader.is_published());
        let WholeLog { key, replay, definition, head } = reader.finish()?;
        let newest = watch::Sender::new(None);
        let (committed, cursors) = match head {
            None => (None, Cursors::default()),
            Some(head) => {
                // The process was killed between a commit and its publication. The committed
                // checkpoint may be published.
                if !is_published {
                    stores.database.ensure_durable(&contest).await?;
                    stores.published_checkpoints.record_before_publish(&contest, &head.checkpoint).await?;
                }
                newest.send_replace(Some(Arc::from(head.checkpoint)));
                (Some((head.size, head.root)), head.cursors)
            }
        };
        // The process may have been killed before the trimming too.
        let untrimmed = committed.is_some();
        let log = Self { contest, key, replay, committed, cursors, decided: Vec::new(), untrimmed, newest };
        Ok((log, definition))
    }

    /// Replaces this state by a newly loaded one. Receivers of [`Log::newest`] stay connected.
    pub(crate) fn replace_by(&mut self, mut other: Self) {
        std::mem::swap(&mut self.newest, &mut other.newest);
        *self = other;
    }

    /// Returns a receiver of the newest published checkpoint.
    pub(crate) fn newest(&self) -> watch::Receiver<NewestCheckpoint> {
        self.newest.subscribe()
    }

    /// The ledger's size and root; `None` before the opening.
    pub(crate) fn committed(&self) -> Option<(u64, Hash)> {
        self.committed
    }

    /// The ledger's size and root. Before the opening these are zero and the empty root.
    pub(crate) fn head(&self) -> (u64, Hash) {
        self.committed.unwrap_or_else(|| (0, self.replay.root()))
    }

    /// Repeats side effects of commits that failed: it trims the intake and republishes the
    /// checkpoint.
    ///
    /// Trimming repeats if it failed before. The newest checkpoint is recorded as published again
    /// if the record is missing or older. Redis can lose it in a flush, and go back in a failover.
    /// Returns whether the checkpoint was recorded again.
    pub(crate) async fn trim_and_republish(
        &mut self,
        stores: &Stores,
        session: &Session,
    ) -> Result<bool, StoreError> {
        let Some((size, root)) = self.committed else { return Ok(false) };
        // If trimming fails, the next call tries again.
        drop(self.trim_again(stores, session).await);
        let published = stores.published_checkpoints.highest(&self.contest).await?;
        let published =
            published.and_then(|note| Checkpoint::open(note.as_bytes(), self.key.verifier()).ok());
        if published.is_some_and(|published| published.size >= size) {
            return Ok(false);
        }
        tracing::warn!(contest = %self.contest, size, "the highest published checkpoint is missing: recording it again");
        let checkpoint = self.key.sign(size, root);
        stores.published_checkpoints.record_before_publish(&self.contest, &checkpoint).await?;
        self.newest.send_replace(Some(Arc::from(checkpoint)));
        Ok(true)
    }

    /// Removes the recorded items from the intake.
    ///
    /// Only memory depends on it, so the wait is short.
    async fn trim(&self, stores: &Stores, session: &Session) -> Result<(), StoreError> {
        let trim = stores.intake.trim(session, &self.cursors, &self.decided);
        let timed_out = |_| Err(StoreError::Unknown("trimming the intake took too long".to_owned()));
        tokio::time::timeout(TRIM_TIMEOUT, trim).await.unwrap_or_else(timed_out)
    }

    /// Whether the intake still holds recorded items.
    pub(crate) fn is_untrimmed(&self) -> bool {
        self.untrimmed
    }

    /// Removes the recorded items from the intake if an earlier trimming failed.
    ///
    /// After that the backlog holds only waiting items.
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

    /// Commits a batch with the intake's cursors behind it, and returns the decisions.
    ///
    /// The caller may report the decisions from then on. After an error this state must not be used
    /// again, because the ledger's content is unknown.
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
        // If trimming has failed, later batches do not wait for it. `trim_and_republish` tries
        // again.
        let trims_now = batch.cursors.is_some() && !self.untrimmed;
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
        // The intake remembers the ballots beyond this limit until the contest is closed.
        self.decided.truncate(MAX_DECIDED);
        let trim = async { if trims_now { self.trim(stores, session).await } else { Ok(()) } };
        let publishing = stores.published_checkpoints.record_before_publish(&self.contest, &checkpoint);
        let (trimmed, published) = tokio::join!(trim, publishing);
        if trims_now {
            self.note_trimmed(&trimmed);
        }
        published?;
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
