//! Staff commands. Each command is queued in the database until the sequencer decides it. Its
//! outcome is answered once it is published.

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

/// Time between two reads of the database while a command is queued, in case a notice was missed.
const ASK_INTERVAL: Duration = Duration::from_secs(1);

/// A command that is in the log.
#[derive(Debug, Clone, Copy)]
pub struct RecordedCommand {
    /// Index of the command's first log entry.
    pub index: u64,
    /// Number of log entries that the command made.
    pub entries: u64,
    /// Size of the log with these entries.
    pub size: u64,
    /// Root of the log with these entries.
    pub root: Hash,
}

/// The reason why a command is not in the log, or is not known to be.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The staff key has used the `Idempotency-Key` for another request.
    #[error("the staff key has used this Idempotency-Key for another request")]
    IdempotencyKeyUsed,
    /// The contest's rules or phase do not allow the command.
    #[error("{detail}")]
    Refused {
        /// Stable code in kebab-case.
        code: String,
        /// A sentence.
        detail: String,
        /// The undecided categories, if a certification is refused; empty otherwise.
        undecided: Vec<UndecidedCategory>,
    },
    /// The command was not decided before the deadline.
    #[error("the command is still queued")]
    NotConfirmed,
    /// The process ends.
    #[error("the server is stopping")]
    Stopping,
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CommandError {
    /// Returns the refusal of a command that was not queued.
    #[must_use]
    pub fn refused(code: &str, detail: impl Into<String>) -> Self {
        Self::Refused { code: code.to_owned(), detail: detail.into(), undecided: Vec::new() }
    }
}

/// Queues commands and waits for their outcomes.
pub struct StaffCommands {
    stores: Stores,
    directory: Arc<Directory>,
    /// Longest time that a command may take.
    deadline: Duration,
}

impl StaffCommands {
    /// Returns the staff commands of these stores.
    #[must_use]
    pub fn new(stores: Stores, directory: Arc<Directory>, deadline: Duration) -> Self {
        Self { stores, directory, deadline }
    }

    /// Queues a command of a staff key and waits for its outcome.
    ///
    /// A repeated request is the same command. Before it returns, the directory reads the contest
    /// again.
    ///
    /// # Errors
    /// Every [`CommandError`]. After [`CommandError::NotConfirmed`] the command is still queued.
    pub async fn execute(
        &self,
        id: &ContestId,
        request: RequestId,
        command: Command,
    ) -> Result<RecordedCommand, CommandError> {
        // The subscription comes first, so that the notice cannot be missed.
        let notices = self.stores.hub.subscribe();
        let received = self.stores.clock.now();
        let RequestId { by, key } = request.clone();
        let queued = QueuedCommand { key, by, command, received };
        let outcome = match self.stores.database.queue_command(id, &queued).await? {
            QueueOutcome::Known(Some(outcome)) if self.is_published(id, &outcome).await? => outcome,
            QueueOutcome::IdempotencyKeyUsed => return Err(CommandError::IdempotencyKeyUsed),
            QueueOutcome::New | QueueOutcome::Known(_) => {
                self.stores.hub.send(Notice::CommandQueued(id.clone()));
                let wait = self.wait_for_outcome(id, &request, notices);
                timeout(self.deadline, wait).await.map_err(|_| CommandError::NotConfirmed)??
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

    /// Whether an outcome from the database is published and may be answered.
    async fn is_published(&self, contest: &ContestId, outcome: &CommandOutcome) -> Result<bool, StoreError> {
        Ok(match outcome {
            CommandOutcome::Recorded { size, .. } => {
                published_log_size(&self.stores, contest).await? >= *size
            }
            CommandOutcome::Refused { .. } => true,
        })
    }

    async fn wait_for_outcome(
        &self,
        contest: &ContestId,
        request: &RequestId,
        mut notices: Receiver<Notice>,
    ) -> Result<CommandOutcome, CommandError> {
        loop {
            let must_read = match timeout(ASK_INTERVAL, notices.recv()).await {
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
            if must_read
                && let Some(outcome) = self.stores.database.command_outcome(contest, request).await?
                && self.is_published(contest, &outcome).await?
            {
                return Ok(outcome);
            }
        }
    }
}
