//! What a contest's task hears of its contest: that commands may wait, and that the contest may have been changed by others.

use acclaim_contest::ContestId;
use acclaim_store::hub::Notice;
use tokio::sync::broadcast::{
    Receiver,
    error::{RecvError, TryRecvError},
};

/// The hub has ended: so does the process.
pub(crate) struct HubClosed;

/// See the [module](self).
pub(crate) struct Inbox {
    contest: ContestId,
    notices: Receiver<Notice>,
    /// Whether the command table may hold something new.
    commands_wait: bool,
    /// Whether the contest may have been changed by somebody else.
    is_record_stale: bool,
}

impl Inbox {
    /// Of what is heard from now on; what was before may hold anything.
    pub(crate) fn new(contest: &ContestId, notices: Receiver<Notice>) -> Self {
        Self { contest: contest.clone(), notices, commands_wait: true, is_record_stale: true }
    }

    /// Whether the command table may hold something new.
    pub(crate) fn take_commands_wait(&mut self) -> bool {
        std::mem::take(&mut self.commands_wait)
    }

    /// There may be commands, if `may_wait`.
    pub(crate) fn note_commands(&mut self, may_wait: bool) {
        self.commands_wait |= may_wait;
    }

    /// Whether the contest may have been changed by somebody else.
    pub(crate) fn is_record_stale(&self) -> bool {
        self.is_record_stale
    }

    /// The contest was read, or may be another one.
    pub(crate) fn set_record_stale(&mut self, may: bool) {
        self.is_record_stale = may;
    }

    /// Waits for a notice that concerns the contest, and takes in those that have come behind it. Loses none if it is dropped.
    pub(crate) async fn wait_for_notice(&mut self) -> Result<(), HubClosed> {
        let first = loop {
            let notice = self.notices.recv().await;
            if concerns(&notice, &self.contest) {
                break notice;
            }
        };
        self.commands_wait = true;
        let mut next = Some(first);
        while let Some(notice) = next {
            match notice {
                Ok(Notice::CommandQueued(_)) => {}
                Err(RecvError::Closed) => return Err(HubClosed),
                // The contest has changed, or anything may have.
                other => self.is_record_stale |= concerns(&other, &self.contest),
            }
            next = match self.notices.try_recv() {
                Ok(notice) => Some(Ok(notice)),
                Err(TryRecvError::Lagged(missed)) => Some(Err(RecvError::Lagged(missed))),
                Err(TryRecvError::Empty | TryRecvError::Closed) => None,
            };
        }
        Ok(())
    }
}

/// Whether a notice is a reason for a contest's task to act.
pub(crate) fn concerns(notice: &Result<Notice, RecvError>, contest: &ContestId) -> bool {
    match notice {
        Ok(Notice::CommandQueued(id) | Notice::ContestChanged(id)) => id == contest,
        Ok(Notice::Missed) | Err(_) => true,
        Ok(_) => false,
    }
}
