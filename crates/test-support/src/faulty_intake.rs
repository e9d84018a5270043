//! An intake whose steps go wrong as planned, and that can be made to hand nothing out for a while.

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

/// An intake whose steps go wrong as planned, and that can be made to hand nothing out for a while.
pub struct FaultyIntake {
    inner: Arc<dyn Intake>,
    faults: Arc<FaultPlan>,
    stalled: watch::Sender<bool>,
    skew: Mutex<SignedDuration>,
}

impl FaultyIntake {
    /// Around an intake that works, and working at first.
    #[must_use]
    pub fn new(inner: Arc<dyn Intake>, faults: Arc<FaultPlan>) -> Self {
        Self { inner, faults, stalled: watch::Sender::new(false), skew: Mutex::default() }
    }

    /// The intake that works.
    #[must_use]
    pub fn inner(&self) -> &dyn Intake {
        &*self.inner
    }

    /// Its clock is ahead by so much from now on.
    pub fn set_skew(&self, skew: SignedDuration) {
        *self.skew.lock() = skew;
    }

    /// Hands nothing out from now on, also to a call that waits already.
    pub fn stall(&self) {
        self.stalled.send_replace(true);
    }

    /// Hands out again what has gathered.
    pub fn resume(&self) {
        self.stalled.send_replace(false);
    }

    /// Returns once it is stalled, or is not any more. The sender lives as long as this does.
    async fn until_stalled(&self, stalled: bool) {
        drop(self.stalled.subscribe().wait_for(|now| *now == stalled).await);
    }
}

#[async_trait]
impl Intake for FaultyIntake {
    async fn submit(&self, session: &Session, offers: &[Submission]) -> Result<Vec<SubmitOutcome>> {
        self.faults.run_step(Step::Submit, self.inner.submit(session, offers)).await
    }

    async fn drain(&self, session: &Session, after: &Cursors, most: usize) -> Result<DrainOutcome> {
        loop {
            self.until_stalled(false).await;
            let drain = self.faults.run_step(Step::Drain, self.inner.drain(session, after, most));
            tokio::select! {
                biased;
                () = self.until_stalled(true) => {}
                drained = drain => return drained,
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
