//! Stores that fail or stall on demand.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use acclaim_ballot_log::TileId;
use acclaim_contest::{BallotId, ContestId, Instant, definition::Definition};
use acclaim_store::{
    Commands, ContestRecord, Contests, Database, Intake, Keys, Leases, Ledger, StoreError,
    command::{CommandOutcome, Queued, QueuedCommand},
    contests::Counted,
    error::Result,
    hub::Rejection,
    intake::{Backlog, Condition, Cursors, Drained, Offer, Session, Slot, Submitted, Survivors},
    keys::StaffKey,
    ledger::{Append, Head, RecordedBallot, Turnout},
};
use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;

/// What goes wrong with one append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails before anything is done.
    LostBefore,
    /// It is done, and reported as failed.
    DoneButReportedFailed,
    /// It is done, and its outcome is not known.
    DoneButUnknown,
    /// It is not done, and its outcome is not known.
    LostAndUnknown,
}

/// A database whose appends go wrong as planned.
pub struct FaultyDatabase {
    inner: Arc<dyn Database>,
    planned: Mutex<Vec<Fault>>,
}

impl FaultyDatabase {
    /// Around a database that works.
    #[must_use]
    pub fn new(inner: Arc<dyn Database>) -> Self {
        Self { inner, planned: Mutex::default() }
    }

    /// The next appends go wrong so, one after the other; those after them work.
    pub fn plan(&self, faults: impl IntoIterator<Item = Fault>) {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        planned.extend(faults);
        planned.reverse();
    }

    /// Faults that have not happened yet.
    #[must_use]
    pub fn left(&self) -> usize {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn next(&self) -> Option<Fault> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

#[async_trait]
impl Ledger for FaultyDatabase {
    async fn head(&self, contest: &ContestId) -> Result<Option<Head>> {
        self.inner.head(contest).await
    }

    async fn append(&self, contest: &ContestId, append: Append) -> Result<()> {
        let planned = || "planned".to_owned();
        match self.next() {
            None => self.inner.append(contest, append).await,
            Some(Fault::LostBefore) => Err(StoreError::Unavailable(planned())),
            Some(Fault::LostAndUnknown) => Err(StoreError::Unknown(planned())),
            Some(fault) => {
                self.inner.append(contest, append).await?;
                Err(match fault {
                    Fault::DoneButReportedFailed => StoreError::Unavailable(planned()),
                    _ => StoreError::Unknown(planned()),
                })
            }
        }
    }

    async fn entries(&self, contest: &ContestId, from: u64, most: usize) -> Result<Vec<Bytes>> {
        self.inner.entries(contest, from, most).await
    }

    async fn tile(&self, contest: &ContestId, tile: TileId) -> Result<Option<Vec<u8>>> {
        self.inner.tile(contest, tile).await
    }

    async fn ballot(&self, contest: &ContestId, ballot: BallotId) -> Result<Option<RecordedBallot>> {
        self.inner.ballot(contest, ballot).await
    }

    async fn rejection(&self, contest: &ContestId, ballot: BallotId) -> Result<Option<Rejection>> {
        self.inner.rejection(contest, ballot).await
    }

    async fn turnout(&self, contest: &ContestId) -> Result<Vec<Turnout>> {
        self.inner.turnout(contest).await
    }

    async fn ballots_with_prefix(&self, contest: &ContestId, prefix: [u8; 4]) -> Result<Vec<RecordedBallot>> {
        self.inner.ballots_with_prefix(contest, prefix).await
    }
}

#[async_trait]
impl Contests for FaultyDatabase {
    async fn contests(&self) -> Result<Vec<ContestRecord>> {
        self.inner.contests().await
    }

    async fn contest(&self, id: &ContestId) -> Result<Option<ContestRecord>> {
        self.inner.contest(id).await
    }

    async fn create_draft(&self, definition: &Definition, tag_key: &[u8]) -> Result<()> {
        self.inner.create_draft(definition, tag_key).await
    }

    async fn edit_draft(&self, definition: &Definition, revision: u64) -> Result<()> {
        self.inner.edit_draft(definition, revision).await
    }

    async fn delete_contest(&self, id: &ContestId) -> Result<()> {
        self.inner.delete_contest(id).await
    }

    async fn count_passes(
        &self,
        id: &ContestId,
        source: &str,
        key: &str,
        request: [u8; 32],
        more: u64,
    ) -> Result<Counted> {
        self.inner.count_passes(id, source, key, request, more).await
    }

    async fn passes(&self, id: &ContestId) -> Result<Vec<(String, u64)>> {
        self.inner.passes(id).await
    }
}

#[async_trait]
impl Commands for FaultyDatabase {
    async fn queue_command(&self, contest: &ContestId, command: &QueuedCommand) -> Result<Queued> {
        self.inner.queue_command(contest, command).await
    }

    async fn pending_commands(&self, contest: &ContestId) -> Result<Vec<QueuedCommand>> {
        self.inner.pending_commands(contest).await
    }

    async fn command_outcome(&self, contest: &ContestId, key: &str) -> Result<Option<CommandOutcome>> {
        self.inner.command_outcome(contest, key).await
    }
}

#[async_trait]
impl Keys for FaultyDatabase {
    async fn add_staff_key(&self, hash: [u8; 32], key: &StaffKey) -> Result<()> {
        self.inner.add_staff_key(hash, key).await
    }

    async fn staff_keys(&self) -> Result<Vec<StaffKey>> {
        self.inner.staff_keys().await
    }

    async fn staff_key(&self, hash: [u8; 32]) -> Result<Option<StaffKey>> {
        self.inner.staff_key(hash).await
    }

    async fn revoke_staff_key(&self, name: &str, at: Instant) -> Result<()> {
        self.inner.revoke_staff_key(name, at).await
    }

    async fn installation_values(&self) -> Result<Vec<(String, Vec<u8>)>> {
        self.inner.installation_values().await
    }

    async fn add_installation_value(&self, name: &str, value: &[u8]) -> Result<()> {
        self.inner.add_installation_value(name, value).await
    }
}

#[async_trait]
impl Leases for FaultyDatabase {
    async fn take_lease(&self, contest: &ContestId, holder: u64, lasts: Duration) -> Result<bool> {
        self.inner.take_lease(contest, holder, lasts).await
    }

    async fn give_lease_back(&self, contest: &ContestId, holder: u64) -> Result<()> {
        self.inner.give_lease_back(contest, holder).await
    }
}

/// An intake that can be made to hand nothing out for a while.
pub struct StalledIntake {
    inner: Arc<dyn Intake>,
    stalled: AtomicBool,
    resumed: Notify,
}

impl StalledIntake {
    /// Around an intake that works, and working at first.
    #[must_use]
    pub fn new(inner: Arc<dyn Intake>) -> Self {
        Self { inner, stalled: AtomicBool::new(false), resumed: Notify::new() }
    }

    /// Hands nothing out from now on.
    pub fn stall(&self) {
        self.stalled.store(true, Ordering::SeqCst);
    }

    /// Hands out again what has gathered.
    pub fn resume(&self) {
        self.stalled.store(false, Ordering::SeqCst);
        self.resumed.notify_waiters();
    }

    async fn wait(&self) {
        loop {
            let resumed = self.resumed.notified();
            if !self.stalled.load(Ordering::SeqCst) {
                return;
            }
            resumed.await;
        }
    }
}

#[async_trait]
impl Intake for StalledIntake {
    async fn submit(&self, session: &Session, offers: &[Offer]) -> Result<Vec<Submitted>> {
        self.inner.submit(session, offers).await
    }

    async fn drain(&self, session: &Session, after: &Cursors, most: usize) -> Result<Drained> {
        self.wait().await;
        self.inner.drain(session, after, most).await
    }

    async fn trim(&self, session: &Session, through: &Cursors, promised: &[BallotId]) -> Result<()> {
        self.inner.trim(session, through, promised).await
    }

    async fn seal(&self, session: &Session) -> Result<Option<Cursors>> {
        self.inner.seal(session).await
    }

    async fn begin(&self, session: &Session) -> Result<Cursors> {
        self.inner.begin(session).await
    }

    async fn survivors(&self, session: &Session) -> Result<Survivors> {
        self.inner.survivors(session).await
    }

    async fn drop_survivors(&self, session: &Session, taken: &[u64]) -> Result<()> {
        self.inner.drop_survivors(session, taken).await
    }

    fn remembers_slots(&self) -> bool {
        self.inner.remembers_slots()
    }

    async fn mark(&self, session: &Session, slots: &[Slot]) -> Result<()> {
        self.inner.mark(session, slots).await
    }

    async fn open(&self, session: &Session) -> Result<()> {
        self.inner.open(session).await
    }

    async fn forget(&self, session: &Session) -> Result<()> {
        self.inner.forget(session).await
    }

    async fn backlog(&self, session: &Session) -> Result<Backlog> {
        self.inner.backlog(session).await
    }

    async fn holds(&self, session: &Session, ballot: BallotId) -> Result<bool> {
        self.inner.holds(session, ballot).await
    }

    fn condition(&self) -> Condition {
        self.inner.condition()
    }
}
