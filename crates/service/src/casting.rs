//! From a voter's selections to a ballot, and from the ballot to its outcome. Casting one ballot
//! and casting many share this module.

mod encoding;
mod outcome;

use std::{pin::Pin, sync::Arc, time::Duration};

use acclaim_ballot_log::{Hash, LogEntry};
use acclaim_contest::{BallotId, ContestId, pass::Pass};
use acclaim_store::{
    StoreError, Stores,
    clock::MIN_JUMP,
    hub::{BallotOutcome, Rejection},
    intake::{Item, Slot, Submission, SubmitOutcome},
};
use jiff::Timestamp;
use tokio::time::Sleep;

use self::encoding::{EncodedBallot, write_ballot};
pub use self::{
    encoding::NewVotes,
    outcome::{CastError, CastOutcome, NewRecord, SUSPENDED, rejection_error},
};
use crate::{
    directory::Contest,
    own_votes::OwnVotes,
    readiness::MAX_SKEW,
    recorded::find_recorded,
    sheet::slots,
    submission_queue::{Answer, CapacityPermits, Permit, SubmissionQueue, Waiter},
    window::{WindowError, check_open},
};

#[cfg(fuzzing)]
pub use self::encoding::entry_of;

/// Longest time that a ballot waits for an intake that is not ready.
///
/// The intake is not ready for some milliseconds after the opening.
const REBUILD_TIMEOUT: Duration = Duration::from_secs(1);
/// Delay between two attempts to submit a ballot.
const RETRY_DELAY: Duration = Duration::from_millis(20);
/// Approximate maximum of stored rejections per voter.
const MAX_REJECTIONS: usize = 100;

/// A ballot ready to be sent, or an answer that needs no sending.
#[derive(Debug)]
pub enum PreparedBallot {
    /// The ballot must be sent.
    Ready(Box<Submission>),
    /// The ballot was recorded before.
    Done(Box<CastOutcome>),
}

/// A ballot on its way to the sequencer.
pub struct PendingBallot {
    item: Item,
    waiter: Waiter,
}

/// The settings of casting.
#[derive(Debug, Clone, Copy)]
pub struct CastingSettings {
    /// Whether a ballot may be answered `accepted` before it is recorded.
    ///
    /// The intake must then have its own clock, and must keep its ballots when processes end.
    pub may_accept: bool,
    /// Age of the backlog from which ballots are answered `accepted`.
    ///
    /// This applies to requests that did not ask for it, too.
    pub lag_bound: Duration,
}

/// Casts ballots.
pub struct Casting {
    stores: Stores,
    queue: Arc<SubmissionQueue>,
    own_votes: OwnVotes,
    settings: CastingSettings,
}

impl Casting {
    /// Returns the casting on these stores, with this queue.
    #[must_use]
    pub fn new(
        stores: Stores,
        queue: Arc<SubmissionQueue>,
        own_votes: OwnVotes,
        settings: CastingSettings,
    ) -> Self {
        Self { stores, queue, own_votes, settings }
    }

    /// Returns the permits for a contest's waiting ballots.
    #[must_use]
    pub fn permits(&self, contest: &ContestId) -> Arc<CapacityPermits> {
        self.queue.permits(contest)
    }

    /// Refuses ballots while this process's clock differs from every clock of the intake.
    ///
    /// # Errors
    /// [`CastError::WrongClock`] if it does.
    pub fn check_clock(&self) -> Result<(), CastError> {
        // An embedded intake uses this process's clock.
        if self.settings.may_accept && self.stores.intake.status().nearest.abs() > MAX_SKEW {
            return Err(CastError::WrongClock);
        }
        Ok(())
    }

    /// Checks a ballot by all rules that this process knows.
    ///
    /// # Errors
    /// - [`CastError::Period`], [`CastError::MalformedReplaces`], [`CastError::Selection`],
    ///   [`CastError::Unwritable`]: the ballot is invalid.
    /// - [`CastError::Window`], [`CastError::ClockSetForward`]: the contest takes no ballot at this
    ///   time.
    /// - [`CastError::Store`]: a store failed.
    pub async fn prepare(
        &self,
        contest: &Contest,
        pass: Pass,
        votes: NewVotes<'_>,
        arrived: Timestamp,
    ) -> Result<PreparedBallot, CastError> {
        let with_slots = self.stores.intake.has_slot_table();
        let EncodedBallot { item, slots, current_check } =
            write_ballot(contest, pass, votes, arrived, with_slots)?;
        let Err(refusal) = self.check_open(contest, arrived).and(current_check) else {
            return Ok(PreparedBallot::Ready(Box::new(Submission { item, slots })));
        };
        // The ballot may repeat one that was recorded before the window closed, the day ended, or
        // an entry was withdrawn.
        match find_recorded(&self.stores, contest.id(), item.ballot).await? {
            Some((recorded, leaf_hash)) => {
                Ok(PreparedBallot::Done(Box::new(CastOutcome::AlreadyRecorded(recorded, leaf_hash))))
            }
            None => Err(refusal),
        }
    }

    /// Checks that the contest takes ballots that arrive at this time.
    ///
    /// The clock may have been set forward while the process ran. If only this jump ends the
    /// voting, the error is [`CastError::ClockSetForward`] and not the end of voting.
    fn check_open(&self, contest: &Contest, arrived: Timestamp) -> Result<(), CastError> {
        let Err(error) = check_open(contest, arrived) else { return Ok(()) };
        let jump = self.stores.clock.jump();
        let without_jump = arrived.saturating_sub(jump).unwrap_or(arrived);
        let is_closed = matches!(error, WindowError::Closed(_));
        if !is_closed || jump < MIN_JUMP || check_open(contest, without_jump).is_err() {
            return Err(error.into());
        }
        Err(CastError::ClockSetForward)
    }

    /// Whether a ballot may be answered `accepted` before it is recorded.
    ///
    /// Either the request asks for it with `respond_async`, or the backlog is old.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn can_promise(
        &self,
        contest: &Contest,
        submission: &Submission,
        respond_async: bool,
    ) -> Result<bool, StoreError> {
        let is_lagging = || self.queue.lag(contest.id()) > self.settings.lag_bound;
        // An unavailable server may return with settings that lose ballots. Nothing is promised
        // until its settings are checked.
        let keeps_ballots = || self.stores.intake.status().away.is_empty();
        let may_promise = self.settings.may_accept && (respond_async || is_lagging()) && keeps_ballots();
        Ok(may_promise && (is_lagging() || !self.is_often_rejected(contest, submission).await?))
    }

    /// Whether too many of the voter's promised ballots were rejected to promise more.
    ///
    /// Each rejection of a promised ballot is stored, so that the voter can read it. A ballot
    /// without a promise is answered when it is decided, and stores nothing.
    async fn is_often_rejected(
        &self,
        contest: &Contest,
        submission: &Submission,
    ) -> Result<bool, StoreError> {
        let prefix = submission.item.ballot.prefix();
        let rejection_count =
            self.stores.database.count_rejections_with_prefix(contest.id(), prefix, MAX_REJECTIONS).await?;
        Ok(rejection_count >= MAX_REJECTIONS)
    }

    /// Sends a ballot to the intake. If `promised`, its voter gets `accepted` as soon as the intake
    /// has it.
    ///
    /// # Errors
    /// [`CastError::QueueFull`] if too many ballots wait. The ballot is then not kept.
    pub fn send(
        &self,
        contest: &Contest,
        mut submission: Submission,
        promised: bool,
        permit: Permit,
    ) -> Result<PendingBallot, CastError> {
        submission.item.promised = promised;
        let item = submission.item.clone();
        let waiter = self.queue.enqueue(contest, submission, permit).ok_or(CastError::QueueFull)?;
        Ok(PendingBallot { item, waiter })
    }

    /// Sends a ballot again with these slots.
    ///
    /// Without slots the intake keeps the ballot even if it remembers them as taken, and the
    /// sequencer decides.
    fn send_again(
        &self,
        contest: &Contest,
        pending: PendingBallot,
        slots: Vec<Slot>,
    ) -> Result<PendingBallot, CastError> {
        let PendingBallot { item, waiter } = pending;
        let permit = waiter.into_permit().ok_or(CastError::QueueFull)?;
        let promised = item.promised;
        self.send(contest, Submission { item, slots }, promised, permit)
    }

    /// Returns the slots with which a ballot was written.
    fn slots_of(&self, item: &Item) -> Vec<Slot> {
        if let Ok(LogEntry::Ballot(ballot)) = LogEntry::decode(&item.entry)
            && self.stores.intake.has_slot_table()
            && ballot.replaces.is_none()
        {
            let categories = ballot.selections.iter().map(|(category, _)| category);
            return slots(ballot.voter, ballot.channel, ballot.period, categories);
        }
        Vec::new()
    }

    /// Waits for the outcome of a ballot that was sent, until `end`.
    ///
    /// # Errors
    /// Every [`CastError`] of sending and deciding: the ballot is not recorded, or is not known to
    /// be.
    pub async fn outcome(
        &self,
        contest: &Contest,
        mut pending: PendingBallot,
        mut end: Pin<&mut Sleep>,
    ) -> Result<CastOutcome, CastError> {
        let ballot = pending.item.ballot;
        let retry_until = tokio::time::Instant::now() + REBUILD_TIMEOUT;
        let mut was_taken = false;
        loop {
            let answer = tokio::select! {
                biased;
                answer = pending.waiter.answer() => answer.ok_or(CastError::Stopping)?,
                () = end.as_mut() => return Err(CastError::NotConfirmed),
            };
            let submit_outcome = match answer {
                Answer::Decided { outcome, size, root, is_repetition } => {
                    return self.handle_decision(contest, ballot, outcome, (size, root), is_repetition).await;
                }
                Answer::InLedger => return self.read_recorded(contest, ballot).await,
                Answer::Kept => return Ok(CastOutcome::Accepted(ballot)),
                Answer::Failed(error) => return Err(error.into()),
                Answer::NotKept(submit_outcome) => submit_outcome,
            };
            match submit_outcome {
                SubmitOutcome::SlotTaken => {
                    if let Some(done) = self.find_in_ledger(contest, &pending.item).await? {
                        return Ok(done);
                    }
                    was_taken = true;
                    pending = self.send_again(contest, pending, Vec::new())?;
                }
                SubmitOutcome::Full | SubmitOutcome::Buffered => return Err(CastError::QueueFull),
                // The ballot may be a copy of one that was submitted before the closing.
                SubmitOutcome::Sealed => match self.find_in_ledger(contest, &pending.item).await? {
                    Some(done) => return Ok(done),
                    None if !was_taken => return Err(rejection_error(contest, Rejection::OutsideWindow)),
                    None => {
                        tokio::time::sleep(RETRY_DELAY).await;
                        pending = self.send_again(contest, pending, Vec::new())?;
                    }
                },
                SubmitOutcome::Rebuilding if tokio::time::Instant::now() < retry_until => {
                    tokio::time::sleep(RETRY_DELAY).await;
                    // The slots are sent again, because the intake neither kept nor looked up
                    // anything.
                    let slots = self.slots_of(&pending.item);
                    pending = self.send_again(contest, pending, slots)?;
                }
                SubmitOutcome::Rebuilding => return Err(CastError::Rebuilding),
            }
        }
    }

    async fn handle_decision(
        &self,
        contest: &Contest,
        ballot: BallotId,
        outcome: BallotOutcome,
        (size, root): (u64, Hash),
        is_repetition: bool,
    ) -> Result<CastOutcome, CastError> {
        match outcome {
            BallotOutcome::Recorded { index, leaf_hash } => {
                Ok(CastOutcome::Recorded(NewRecord { ballot, index, leaf_hash, size, root, is_repetition }))
            }
            BallotOutcome::Same => self.read_recorded(contest, ballot).await,
            BallotOutcome::Rejected(rejection) => Err(rejection_error(contest, rejection)),
        }
    }

    /// Returns the state of a ballot that the ledger is known to have.
    async fn read_recorded(&self, contest: &Contest, ballot: BallotId) -> Result<CastOutcome, CastError> {
        let found = find_recorded(&self.stores, contest.id(), ballot).await?;
        found
            .map(|(recorded, leaf_hash)| CastOutcome::AlreadyRecorded(recorded, leaf_hash))
            .ok_or(CastError::NotFound)
    }

    /// Looks up in the ledger a ballot whose slots the intake reports as taken.
    ///
    /// `None` if the slots are free, if a pending ballot fills them, or if the voter has too many
    /// ballots to read here. The sequencer then decides.
    async fn find_in_ledger(&self, contest: &Contest, item: &Item) -> Result<Option<CastOutcome>, CastError> {
        let find_record = async || {
            let found = find_recorded(&self.stores, contest.id(), item.ballot).await?;
            Ok::<_, CastError>(
                found.map(|(recorded, leaf_hash)| CastOutcome::AlreadyRecorded(recorded, leaf_hash)),
            )
        };
        if let Some(done) = find_record().await? {
            return Ok(Some(done));
        }
        // This process has just written the entry, so it is a ballot.
        let Ok(LogEntry::Ballot(ballot)) = LogEntry::decode(&item.entry) else { return Ok(None) };
        match self.own_votes.filled(contest, &ballot).await? {
            // This same ballot may have been recorded between the two lookups, and fill the slots
            // itself.
            Some(categories) if !categories.is_empty() => match find_record().await? {
                Some(done) => Ok(Some(done)),
                None => Err(rejection_error(contest, Rejection::AlreadyVoted(categories))),
            },
            // No ballot fills the slots, or the voter has so many ballots that the sequencer
            // decides faster.
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
