//! The state of one contest's log, and the two things done with it: building it from the ledger, and appending.

use acclaim_ballot_log::{Hash, SigningKey};
use acclaim_contest::ContestId;
use acclaim_store::{
    StoreError, Stores,
    hub::Decided,
    intake::{Cursors, Session},
    ledger::{Append, ContestChange, Head},
};
use acclaim_tally::Replay;

use crate::{
    Context,
    batch::Batch,
    reading::{LoadError, Reading},
};

/// Entries asked of the ledger at once while replaying.
pub(crate) const CHUNK: usize = 8_192;

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
}

impl Log {
    /// Replays the ledger and checks it against its own checkpoint and the highest one shown.
    pub(crate) async fn load(context: &Context, contest: &ContestId) -> Result<Self, LoadError> {
        let Context { stores, keyring, .. } = context;
        let database = &stores.database;
        // In this order: a commit comes before its showing, so that a former holder at work never makes the ledger look older than it is.
        let shown = stores.shown.highest(contest).await?;
        let head = database.head(contest).await?;
        let mut reading = Reading::begin(keyring, contest, head, shown.as_slice())?;
        while reading.replay().size() < reading.size() {
            let at = reading.replay().size();
            let most = usize::try_from(reading.size() - at).unwrap_or(CHUNK).min(CHUNK);
            let entries = database.entries(contest, at, most).await?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                reading.push(&entry)?;
            }
            tokio::task::yield_now().await;
        }
        let is_shown = reading.is_shown();
        let (key, replay, head) = reading.finish()?;
        let (committed, cursors) = match head {
            None => (None, Cursors::default()),
            Some(head) => {
                // Killed between a commit and its showing: what is in the ledger may be shown.
                if !is_shown {
                    stores.shown.about_to_show(contest, &head.checkpoint).await?;
                }
                (Some((head.size, head.root)), head.cursors)
            }
        };
        Ok(Self { contest: contest.clone(), key, replay, committed, cursors })
    }

    /// Size and root as the ledger has them.
    pub(crate) fn head(&self) -> (u64, Hash) {
        self.committed.unwrap_or_else(|| (0, self.replay.root()))
    }

    /// Keeps the newest checkpoint again if what was shown was forgotten, as a flushed Redis does.
    pub(crate) async fn show_again(&self, stores: &Stores) -> Result<(), StoreError> {
        let Some((size, root)) = self.committed else { return Ok(()) };
        if stores.shown.highest(&self.contest).await?.is_none() {
            tracing::warn!(contest = %self.contest, size, "the highest checkpoint shown was forgotten");
            stores.shown.about_to_show(&self.contest, &self.key.sign(size, root)).await?;
        }
        Ok(())
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
        // Trimming first: an intake without memory gets some back, and the ledger holds what is trimmed.
        if moved {
            stores.intake.trim(session, &self.cursors, &batch.promised).await?;
        }
        stores.shown.about_to_show(&self.contest, &checkpoint).await?;
        Ok(Decided {
            contest: self.contest.clone(),
            size,
            root,
            ballots: batch.outcomes,
            commands: batch.commands,
        })
    }
}
