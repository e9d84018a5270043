//! An intake with planned faults, which can also stop draining for a while.

use std::sync::Arc;

use acclaim_contest::BallotId;
use acclaim_store::{
    Intake,
    error::Result,
    intake::{
        Backlog, Cursors, DrainOutcome, IntakeStatus, Session, Slot, Submission, SubmitOutcome, Survivors,
    },
};
use async_trait::async_trait;
use jiff::SignedDuration;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::faults::{FaultPlan, Step};

/// An intake with planned faults, which can also stop draining for a while.
pub struct FaultyIntake {
    inner: Arc<dyn Intake>,
    faults: Arc<FaultPlan>,
    stalled: watch::Sender<bool>,
    skew: Mutex<SignedDuration>,
}

impl FaultyIntake {
    /// Wraps a working intake. It works until a fault is planned.
    #[must_use]
    pub fn new(inner: Arc<dyn Intake>, faults: Arc<FaultPlan>) -> Self {
        Self { inner, faults, stalled: watch::Sender::new(false), skew: Mutex::default() }
    }

    /// The working intake.
    #[must_use]
    pub fn inner(&self) -> &dyn Intake {
        &*self.inner
    }

    /// Sets how far its clock is ahead.
    pub fn set_skew(&self, skew: SignedDuration) {
        *self.skew.lock() = skew;
    }

    /// Stops draining, also for a call that already waits.
    pub fn stall(&self) {
        self.stalled.send_replace(true);
    }

    /// Continues draining, with everything that was submitted meanwhile.
    pub fn resume(&self) {
        self.stalled.send_replace(false);
    }

    /// Returns when it is stalled, or when it is not stalled.
    ///
    /// The sender lives as long as `self`, so the wait cannot fail.
    async fn wait_until_stalled(&self, stalled: bool) {
        drop(self.stalled.subscribe().wait_for(|now| *now == stalled).await);
    }
}

#[async_trait]
impl Intake for FaultyIntake {
    async fn submit(&self, session: &Session, submissions: &[Submission]) -> Result<Vec<SubmitOutcome>> {
        self.faults.run_step(Step::Submit, self.inner.submit(session, submissions)).await
    }

    async fn drain(&self, session: &Session, after: &Cursors, limit: usize) -> Result<DrainOutcome> {
        loop {
            self.wait_until_stalled(false).await;
            let drain = self.faults.run_step(Step::Drain, self.inner.drain(session, after, limit));
            tokio::select! {
                biased;
                () = self.wait_until_stalled(true) => {}
                outcome = drain => return outcome,
            }
        }
    }

    async fn trim(&self, session: &Session, through: &Cursors, promised: &[BallotId]) -> Result<()> {
        self.faults.run_step(Step::Trim, self.inner.trim(session, through, promised)).await
    }

    async fn seal(&self, session: &Session) -> Result<Option<Cursors>> {
        self.faults.run_step(Step::Seal, self.inner.seal(session)).await
    }

    async fn begin(&self, session: &Session) -> Result<Cursors> {
        self.faults.run_step(Step::Begin, self.inner.begin(session)).await
    }

    async fn survivors(&self, session: &Session) -> Result<Survivors> {
        self.faults.run_step(Step::Survivors, self.inner.survivors(session)).await
    }

    async fn drop_survivors(&self, session: &Session, taken: &[u64]) -> Result<()> {
        self.faults.run_step(Step::DropSurvivors, self.inner.drop_survivors(session, taken)).await
    }

    fn has_slot_table(&self) -> bool {
        self.inner.has_slot_table()
    }

    async fn mark_slots_taken(&self, session: &Session, slots: &[Slot]) -> Result<()> {
        self.faults.run_step(Step::MarkSlots, self.inner.mark_slots_taken(session, slots)).await
    }

    async fn open(&self, session: &Session) -> Result<()> {
        self.faults.run_step(Step::Open, self.inner.open(session)).await
    }

    async fn forget(&self, session: &Session) -> Result<()> {
        self.inner.forget(session).await
    }

    async fn backlog(&self, session: &Session) -> Result<Backlog> {
        self.inner.backlog(session).await
    }

    async fn has_promised_ballot(&self, session: &Session, ballot: BallotId) -> Result<bool> {
        self.inner.has_promised_ballot(session, ballot).await
    }

    fn status(&self) -> IntakeStatus {
        let skew = *self.skew.lock();
        IntakeStatus { skew, nearest: skew, slowest: skew, ..self.inner.status() }
    }
}
