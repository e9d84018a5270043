//! The inbox of a contest's task. It notes whether commands may wait, and whether the contest's row
//! may have changed.

use acclaim_contest::ContestId;
use acclaim_store::hub::Notice;
use tokio::sync::broadcast::{
    Receiver,
    error::{RecvError, TryRecvError},
};

/// The hub has ended, and so does the process.
pub(crate) struct HubClosed;

/// The notices of one contest and the flags that follow from them.
pub(crate) struct Inbox {
    contest: ContestId,
    notices: Receiver<Notice>,
    /// Whether the command table may hold new commands.
    commands_wait: bool,
    /// Whether another part may have changed the contest's row.
    is_record_stale: bool,
}

impl Inbox {
    /// Returns an inbox for notices from now on.
    ///
    /// Both flags are set, because the inbox has not seen the earlier notices.
    pub(crate) fn new(contest: &ContestId, notices: Receiver<Notice>) -> Self {
        Self { contest: contest.clone(), notices, commands_wait: true, is_record_stale: true }
    }

    /// Returns whether the command table may hold new commands, and clears the flag.
    pub(crate) fn take_commands_wait(&mut self) -> bool {
        std::mem::take(&mut self.commands_wait)
    }

    /// Notes that commands may wait, if `may_wait`.
    pub(crate) fn note_commands(&mut self, may_wait: bool) {
        self.commands_wait |= may_wait;
    }

    /// Whether another part may have changed the contest's row.
    pub(crate) fn is_record_stale(&self) -> bool {
        self.is_record_stale
    }

    /// Sets whether the contest's row may have changed. `false` means that it was just read.
    pub(crate) fn set_record_stale(&mut self, is_stale: bool) {
        self.is_record_stale = is_stale;
    }

    /// Waits for a notice that concerns the contest, and takes the notices that are already behind
    /// it.
    ///
    /// If the future is dropped, no notice is lost.
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
                // The contest has changed, or notices were missed and anything may have changed.
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

/// Whether a contest's task must act on a notice.
pub(crate) fn concerns(notice: &Result<Notice, RecvError>, contest: &ContestId) -> bool {
    match notice {
        Ok(Notice::CommandQueued(id) | Notice::ContestChanged(id)) => id == contest,
        Ok(Notice::Missed) | Err(_) => true,
        Ok(_) => false,
    }
}
