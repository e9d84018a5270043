//! Staff commands: each waits in the database until the sequencer has worked it off; the outcome is told once it is shown.

use std::{sync::Arc, time::Duration};

use acclaim_ballot_log::Hash;
use acclaim_contest::ContestId;
use acclaim_store::{
    RequestId, StoreError, Stores,
    command::{Command, CommandOutcome, QueueOutcome, QueuedCommand, UndecidedCategory},
    hub::Notice,
};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::timeout,
};

use crate::{directory::Directory, recorded::published_log_size};

/// While a command waits, the database is asked so often in case a notice was missed.
const ASK_INTERVAL: Duration = Duration::from_secs(1);

/// A command that is in the log.
#[derive(Debug, Clone, Copy)]
pub struct RecordedCommand {
    /// Index of its first entry.
    pub index: u64,
    /// How many entries it made.
    pub entries: u64,
    /// Size of the log with them.
    pub size: u64,
    /// Root of the log with them.
    pub root: Hash,
}

/// Why a command is not in the log, or not known to be.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The staff key has used the `Idempotency-Key` for something else.
    #[error("the staff key has used this Idempotency-Key for another request")]
    IdempotencyKeyUsed,
    /// The contest's rules or phase do not allow it.
    #[error("{detail}")]
    Refused {
        /// Stable, kebab-case.
        code: String,
        /// A sentence.
        detail: String,
        /// Of a certification: what is not decided.
        undecided: Vec<UndecidedCategory>,
    },
    /// It was not decided in time.
    #[error("the command waits still")]
    NotConfirmed,
    /// The process ends.
    #[error("the server is stopping")]
    Stopping,
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CommandError {
    /// A refusal before the command was queued.
    #[must_use]
    pub fn refused(code: &str, detail: impl Into<String>) -> Self {
        Self::Refused { code: code.to_owned(), detail: detail.into(), undecided: Vec::new() }
    }
}

/// Queues commands and waits for their outcomes.
pub struct StaffCommands {
    stores: Stores,
    directory: Arc<Directory>,
    /// How long a command may take.
    deadline: Duration,
}

impl StaffCommands {
    /// On these stores.
    #[must_use]
    pub fn new(stores: Stores, directory: Arc<Directory>, deadline: Duration) -> Self {
        Self { stores, directory, deadline }
    }

    /// Queues a command of a staff key and waits for its outcome. Repeated, it is the same command. What follows is asked of the contest as it is then.
    ///
    /// # Errors
    /// [`CommandError`]
    pub async fn execute(
        &self,
        id: &ContestId,
        request: RequestId,
        command: Command,
    ) -> Result<RecordedCommand, CommandError> {
        // Listening first: the notice cannot be missed.
        let notices = self.stores.hub.subscribe();
        let received = self.stores.clock.now();
        let RequestId { by, key } = request.clone();
        let queued = QueuedCommand { key, by, command, received };
        let outcome = match self.stores.database.queue_command(id, &queued).await? {
            QueueOutcome::Known(Some(outcome)) if self.is_published(id, &outcome).await? => outcome,
            QueueOutcome::IdempotencyKeyUsed => return Err(CommandError::IdempotencyKeyUsed),
            QueueOutcome::New | QueueOutcome::Known(_) => {
                self.stores.hub.send(Notice::CommandQueued(id.clone()));
                let waited = self.outcome_of(id, &request, notices);
                timeout(self.deadline, waited).await.map_err(|_| CommandError::NotConfirmed)??
            }
        };
        self.directory.refresh(id).await?;
        match outcome {
            CommandOutcome::Recorded { index, entries, size, root } => {
                let root = root
                    .parse()
                    .map_err(|_| StoreError::Corrupt(format!("an outcome's root is `{root}`")))?;
                Ok(RecordedCommand { index, entries, size, root })
            }
            CommandOutcome::Refused { code, detail, undecided } => {
                Err(CommandError::Refused { code, detail, undecided })
            }
        }
    }

    /// Whether what the database tells may be told.
    async fn is_published(&self, contest: &ContestId, outcome: &CommandOutcome) -> Result<bool, StoreError> {
        Ok(match outcome {
            CommandOutcome::Recorded { size, .. } => {
                published_log_size(&self.stores, contest).await? >= *size
            }
            CommandOutcome::Refused { .. } => true,
        })
    }

    async fn outcome_of(
        &self,
        contest: &ContestId,
        request: &RequestId,
        mut notices: Receiver<Notice>,
    ) -> Result<CommandOutcome, CommandError> {
        loop {
            let missed = match timeout(ASK_INTERVAL, notices.recv()).await {
                Ok(Ok(Notice::Decided(decided))) if decided.contest == *contest => {
                    match decided.commands.iter().find(|(decided, _)| decided == request) {
                        Some((_, outcome)) => return Ok(outcome.clone()),
                        None => false,
                    }
                }
                Err(_) | Ok(Ok(Notice::Missed) | Err(RecvError::Lagged(_))) => true,
                Ok(Ok(_)) => false,
                Ok(Err(RecvError::Closed)) => return Err(CommandError::Stopping),
            };
            if missed
                && let Some(outcome) = self.stores.database.command_outcome(contest, request).await?
                && self.is_published(contest, &outcome).await?
            {
                return Ok(outcome);
            }
        }
    }
}
