//! From a voter's selections to a ballot, and from the ballot to what became of it: what casting one and casting many share.

use std::{pin::Pin, sync::Arc, time::Duration};

use acclaim_ballot_log::{Hash, LogEntry, NewBallot};
use acclaim_contest::{
    BallotId, ContestId,
    ballot::{SelectionError, SelectionReason},
    pass::Pass,
};
use acclaim_store::{
    StoreError, Stores,
    clock::MIN_JUMP,
    hub::{BallotOutcome, Rejection},
    intake::{Item, Slot, Submission, SubmitOutcome},
    ledger::RecordedBallot,
};
use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::Sleep;

use crate::{
    directory::Contest,
    own_votes::OwnVotes,
    readiness::MAX_SKEW,
    recorded::find_recorded,
    sheet::{PeriodError, check_period, slots},
    submission_queue::{Answer, CapacityPermits, Permit, SubmissionQueue, Waiter},
    window::{Window, WindowError, check_open, check_window},
};

/// How long a ballot waits for an intake that is not ready: just after the opening it is for some milliseconds.
const REBUILD_TIMEOUT: Duration = Duration::from_secs(1);
/// Between two attempts meanwhile.
const RETRY_DELAY: Duration = Duration::from_millis(20);
/// Rejections of one voter that are kept, about.
const MAX_REJECTIONS: usize = 100;
/// The code with which the log refuses a ballot while voting is suspended.
pub const SUSPENDED: &str = "voting-suspended";

/// What a voter asks to cast.
#[derive(Debug)]
pub struct NewVotes<'a> {
    /// Category and entry of each vote, in any order.
    pub selections: Vec<(&'a str, &'a str)>,
    /// The id of the voter's own standing ballot that this one takes the place of.
    pub replaces: Option<&'a str>,
    /// The day or the ballot's number, where the contest has periods.
    pub period: Option<&'a str>,
}

/// Why a ballot is not recorded, or is not known to be.
#[derive(Debug, thiserror::Error)]
pub enum CastError {
    /// The contest does not take ballots at that time.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// Only the clock says that it came too late, and the clock was set forward.
    #[error("the server's clock was set past the closing: the operator has to look at it")]
    ClockSetForward,
    /// What it replaces is no id.
    #[error("`replaces` is {0}")]
    MalformedReplaces(String),
    /// The contest's rules do not allow the selections.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The period is not the one to vote in.
    #[error(transparent)]
    Period(#[from] PeriodError),
    /// It does not fit an entry of the log.
    #[error("{0}")]
    Unwritable(String),
    /// This process's clock is not the intake's: it would take late ballots, or refuse ballots
    /// that are in time.
    #[error("the clock of this process is wrong, so it takes no ballots; another process may")]
    WrongClock,
    /// The sequencer or the ledger says that it is not in the log.
    #[error("the ballot was rejected")]
    Rejected(Rejection),
    /// Too much waits.
    #[error("too many ballots wait to be recorded")]
    QueueFull,
    /// The process ends.
    #[error("the server is stopping")]
    Stopping,
    /// It was not decided in time.
    #[error("the ballot was not confirmed in time")]
    NotConfirmed,
    /// The sequencer knows it, and the ledger has not shown it yet.
    #[error("the ballot is known but not found")]
    NotFound,
    /// The intake has lost what it had.
    #[error("the intake is being rebuilt from the ledger")]
    Rebuilding,
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of a ballot.
#[derive(Debug)]
pub enum CastOutcome {
    /// It is in the log now.
    Recorded(NewRecord),
    /// It was in the log before: what it is now, with the hash of its leaf.
    AlreadyRecorded(RecordedBallot, Hash),
    /// It is kept, and will be recorded or rejected.
    Accepted(BallotId),
}

/// A ballot that was recorded while its request waited.
#[derive(Debug)]
pub struct NewRecord {
    /// Its id.
    pub ballot: BallotId,
    /// Its index in the log.
    pub index: u64,
    /// The hash of its leaf.
    pub leaf_hash: Hash,
    /// Size of the log with it.
    pub size: u64,
    /// Root of the log with it.
    pub root: Hash,
    /// Whether another request that waited for the same ballot counts as the one that had it recorded.
    pub is_repetition: bool,
}

/// The error of a rejection.
#[must_use]
pub fn rejection_error(contest: &Contest, rejection: Rejection) -> CastError {
    let window = Window::of(contest);
    match rejection {
        Rejection::OutsideWindow => {
            check_window(contest, Timestamp::MAX).err().unwrap_or(WindowError::Closed(window)).into()
        }
        Rejection::Refused(code, _) if code == SUSPENDED => WindowError::Suspended(window).into(),
        other => CastError::Rejected(other),
    }
}

/// A ballot with its id and final bytes.
struct EncodedBallot {
    item: Item,
    /// None if nobody would look them up, or if the ballot replaces another: the sequencer knows what it frees.
    slots: Vec<Slot>,
    /// What is wrong with it now, though it may have been recorded before: the day, or a selection.
    now: Result<(), CastError>,
}

fn write_ballot(
    contest: &Contest,
    pass: Pass,
    votes: NewVotes<'_>,
    arrived: Timestamp,
    with_slots: bool,
) -> Result<EncodedBallot, CastError> {
    let NewVotes { mut selections, replaces, period } = votes;
    let rules = &contest.record.definition.rules;
    let right_day = check_period(contest, period, arrived)?;
    let replaces = replaces
        .map(|id| id.parse::<BallotId>().map_err(|error| CastError::MalformedReplaces(error.to_string())))
        .transpose()?;
    let checked = contest.validator.check(&mut selections);
    match &checked {
        Ok(()) => {}
        // Such a ballot may have been recorded before; every other fault is one for good.
        Err(error) if error.reason == SelectionReason::Withdrawn => {}
        Err(error) => return Err(error.clone().into()),
    }
    let channel = pass.channel.as_ref().map(AsRef::as_ref);
    let ballot = NewBallot {
        voter: pass.voter,
        channel,
        period,
        replaces,
        at: &rules.ballot.cast_time.truncate(arrived),
        selections: selections.iter().copied(),
    };
    let mut entry = Vec::with_capacity(160 + 24 * selections.len());
    let id =
        ballot.write(contest.id(), &mut entry).map_err(|error| CastError::Unwritable(error.to_string()))?;
    let categories = selections.iter().map(|(category, _)| *category);
    let slots = match replaces {
        None if with_slots => slots(pass.voter, channel, period, categories),
        _ => Vec::new(),
    };
    let entry = Bytes::from(entry);
    let item = Item { ballot: id, arrived, promised: false, group: pass.group, entry };
    let now = right_day.map_err(CastError::from).and(checked.map_err(CastError::from));
    Ok(EncodedBallot { item, slots, now })
}

/// The entry that a ballot is written as, if nothing but its time speaks against it. Open to the fuzz targets alone.
///
/// # Errors
/// What its voter would be told.
#[cfg(fuzzing)]
pub fn entry_of(
    contest: &Contest,
    pass: Pass,
    votes: NewVotes<'_>,
    arrived: Timestamp,
) -> Result<Bytes, CastError> {
    write_ballot(contest, pass, votes, arrived, true).map(|written| written.item.entry)
}

/// A ballot ready to be sent, or the answer that needs no sending.
#[derive(Debug)]
pub enum PreparedBallot {
    /// To be sent.
    Ready(Box<Submission>),
    /// It was recorded before.
    Done(Box<CastOutcome>),
}

/// A ballot on its way to the sequencer.
pub struct PendingBallot {
    item: Item,
    waiter: Waiter,
}

/// How ballots are cast.
#[derive(Debug, Clone, Copy)]
pub struct CastingSettings {
    /// Whether a ballot may be answered `accepted` before it is recorded. The intake then has a
    /// clock of its own and keeps its ballots when processes end.
    pub may_accept: bool,
    /// If the backlog is older, ballots are answered `accepted` although their requests did not
    /// ask for it.
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
    /// On these stores, by this queue.
    #[must_use]
    pub fn new(
        stores: Stores,
        queue: Arc<SubmissionQueue>,
        own_votes: OwnVotes,
        settings: CastingSettings,
    ) -> Self {
        Self { stores, queue, own_votes, settings }
    }

    /// The places for a contest's ballots that wait for their answers.
    #[must_use]
    pub fn permits(&self, contest: &ContestId) -> Arc<CapacityPermits> {
        self.queue.permits(contest)
    }

    /// Refuses ballots while this process's clock is wrong by every clock of the intake.
    ///
    /// # Errors
    /// [`CastError::WrongClock`].
    pub fn check_clock(&self) -> Result<(), CastError> {
        // An embedded intake uses this process's clock.
        if self.settings.may_accept && self.stores.intake.status().nearest.abs() > MAX_SKEW {
            return Err(CastError::WrongClock);
        }
        Ok(())
    }

    /// Checks a ballot by all that is known here.
    ///
    /// # Errors
    /// Whatever is wrong with it by itself or with its time.
    pub async fn prepare(
        &self,
        contest: &Contest,
        pass: Pass,
        votes: NewVotes<'_>,
        arrived: Timestamp,
    ) -> Result<PreparedBallot, CastError> {
        let with_slots = self.stores.intake.has_slot_table();
        let EncodedBallot { item, slots, now } = write_ballot(contest, pass, votes, arrived, with_slots)?;
        let Err(refusal) = self.check_open(contest, arrived).and(now) else {
            return Ok(PreparedBallot::Ready(Box::new(Submission { item, slots })));
        };
        // It may be the repetition of one that was recorded before the window closed, the day ended, or an entry was withdrawn.
        match find_recorded(&self.stores, contest.id(), item.ballot).await? {
            Some((recorded, leaf_hash)) => {
                Ok(PreparedBallot::Done(Box::new(CastOutcome::AlreadyRecorded(recorded, leaf_hash))))
            }
            None => Err(refusal),
        }
    }

    /// Whether the contest takes ballots that arrive at this time, by a clock that may have been set forward while the process ran: a voter is not told that
    /// voting has ended because of that alone.
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

    /// Whether a ballot may be answered `accepted` before it is recorded. `respond_async`: the
    /// request asks for it; otherwise the backlog must be old.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn can_promise(
        &self,
        contest: &Contest,
        offer: &Submission,
        respond_async: bool,
    ) -> Result<bool, StoreError> {
        let lags = || self.queue.lag(contest.id()) > self.settings.lag_bound;
        // A server that is away may come back with settings that lose ballots. Nothing is promised
        // before they are checked.
        let keeps = || self.stores.intake.status().away.is_empty();
        let may = self.settings.may_accept && (respond_async || lags()) && keeps();
        Ok(may && (lags() || !self.is_often_rejected(contest, offer).await?))
    }

    /// Whether so many of the voter's promised ballots were rejected that no more are promised: each rejection is kept, so that the voter can ask for it.
    /// What is not promised is answered once it is decided, and leaves nothing behind.
    async fn is_often_rejected(&self, contest: &Contest, offer: &Submission) -> Result<bool, StoreError> {
        let prefix = offer.item.ballot.prefix();
        let kept =
            self.stores.database.count_rejections_with_prefix(contest.id(), prefix, MAX_REJECTIONS).await?;
        Ok(kept >= MAX_REJECTIONS)
    }

    /// Sends a ballot on its way. `promised`: its voter is told `accepted` once the intake has it.
    ///
    /// # Errors
    /// [`CastError::QueueFull`]; then nothing was kept.
    pub fn send(
        &self,
        contest: &Contest,
        mut offer: Submission,
        promised: bool,
        permit: Permit,
    ) -> Result<PendingBallot, CastError> {
        offer.item.promised = promised;
        let item = offer.item.clone();
        let waiter = self.queue.enqueue(contest, offer, permit).ok_or(CastError::QueueFull)?;
        Ok(PendingBallot { item, waiter })
    }

    /// Sends a ballot again with these slots; without any, for the sequencer to decide whatever the intake remembers.
    fn send_again(
        &self,
        contest: &Contest,
        sent: PendingBallot,
        slots: Vec<Slot>,
    ) -> Result<PendingBallot, CastError> {
        let PendingBallot { item, waiter } = sent;
        let permit = waiter.into_permit().ok_or(CastError::QueueFull)?;
        let promised = item.promised;
        self.send(contest, Submission { item, slots }, promised, permit)
    }

    /// The slots with which a ballot was written.
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

    /// Waits for what becomes of a ballot that was sent, until the end.
    ///
    /// # Errors
    /// Why it is not recorded, or not known to be.
    pub async fn outcome(
        &self,
        contest: &Contest,
        mut sent: PendingBallot,
        mut end: Pin<&mut Sleep>,
    ) -> Result<CastOutcome, CastError> {
        let ballot = sent.item.ballot;
        let patience = tokio::time::Instant::now() + REBUILD_TIMEOUT;
        let mut was_taken = false;
        loop {
            let answer = tokio::select! {
                biased;
                answer = sent.waiter.answer() => answer.ok_or(CastError::Stopping)?,
                () = end.as_mut() => return Err(CastError::NotConfirmed),
            };
            let submitted = match answer {
                Answer::Decided { outcome, size, root, is_repetition } => {
                    return self.decided(contest, ballot, outcome, (size, root), is_repetition).await;
                }
                Answer::InLedger => return self.recorded_before(contest, ballot).await,
                Answer::Kept => return Ok(CastOutcome::Accepted(ballot)),
                Answer::Failed(error) => return Err(error.into()),
                Answer::NotKept(submitted) => submitted,
            };
            match submitted {
                SubmitOutcome::SlotTaken => {
                    if let Some(done) = self.ask_ledger(contest, &sent.item).await? {
                        return Ok(done);
                    }
                    was_taken = true;
                    sent = self.send_again(contest, sent, Vec::new())?;
                }
                SubmitOutcome::Full | SubmitOutcome::Buffered => return Err(CastError::QueueFull),
                // It may be the copy of one that was on its way before the closing.
                SubmitOutcome::Sealed => match self.ask_ledger(contest, &sent.item).await? {
                    Some(done) => return Ok(done),
                    None if !was_taken => return Err(rejection_error(contest, Rejection::OutsideWindow)),
                    None => {
                        tokio::time::sleep(RETRY_DELAY).await;
                        sent = self.send_again(contest, sent, Vec::new())?;
                    }
                },
                SubmitOutcome::Rebuilding if tokio::time::Instant::now() < patience => {
                    tokio::time::sleep(RETRY_DELAY).await;
                    // With its slots again: nothing was kept, nor looked up.
                    let slots = self.slots_of(&sent.item);
                    sent = self.send_again(contest, sent, slots)?;
                }
                SubmitOutcome::Rebuilding => return Err(CastError::Rebuilding),
            }
        }
    }

    async fn decided(
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
            BallotOutcome::Same => self.recorded_before(contest, ballot).await,
            BallotOutcome::Rejected(rejection) => Err(rejection_error(contest, rejection)),
        }
    }

    /// What a ballot is that the ledger is known to have.
    async fn recorded_before(&self, contest: &Contest, ballot: BallotId) -> Result<CastOutcome, CastError> {
        let found = find_recorded(&self.stores, contest.id(), ballot).await?;
        found
            .map(|(recorded, leaf_hash)| CastOutcome::AlreadyRecorded(recorded, leaf_hash))
            .ok_or(CastError::NotFound)
    }

    /// What the ledger knows of a ballot whose slots the intake calls taken; `None` if they are free, or filled by one on its way, or if that
    /// is for the sequencer to tell.
    async fn ask_ledger(&self, contest: &Contest, item: &Item) -> Result<Option<CastOutcome>, CastError> {
        let again = async || {
            let found = find_recorded(&self.stores, contest.id(), item.ballot).await?;
            Ok::<_, CastError>(
                found.map(|(recorded, leaf_hash)| CastOutcome::AlreadyRecorded(recorded, leaf_hash)),
            )
        };
        if let Some(again) = again().await? {
            return Ok(Some(again));
        }
        // Written by this process a moment ago: it is a ballot.
        let Ok(LogEntry::Ballot(ballot)) = LogEntry::decode(&item.entry) else { return Ok(None) };
        match self.own_votes.filled(contest, &ballot).await? {
            // What fills them may be this ballot, recorded between the two looks.
            Some(categories) if !categories.is_empty() => match again().await? {
                Some(again) => Ok(Some(again)),
                None => Err(rejection_error(contest, Rejection::AlreadyVoted(categories))),
            },
            // Nothing, or so many ballots that the sequencer knows sooner.
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use acclaim_test_support::conformance::definition;
    use jiff::SignedDuration;
    use prometheus::{Histogram, HistogramOpts, IntGauge};

    use super::*;
    use crate::{fixture::Fixture, long_reads::LongReads, submission_queue::QueueMetrics};

    fn casting(fixture: &Fixture, may_accept: bool) -> Casting {
        let metrics = QueueMetrics {
            waiting: IntGauge::new("waiting", "waiting").unwrap(),
            batch_size: Histogram::with_opts(HistogramOpts::new("batch_size", "batch size")).unwrap(),
        };
        let (stores, directory) = (fixture.stores.clone(), Arc::clone(&fixture.directory));
        let queue = Arc::new(SubmissionQueue::new(stores.clone(), directory, 1, metrics));
        let own_votes = OwnVotes::new(stores.clone(), LongReads::default());
        let settings = CastingSettings { may_accept, lag_bound: Duration::from_secs(5) };
        Casting::new(stores, queue, own_votes, settings)
    }

    #[tokio::test]
    async fn refuses_ballots_while_clock_is_skewed() {
        let fixture = Fixture::new().await;
        let clustered = casting(&fixture, true);
        for (millis, is_taken) in [(0, true), (250, true), (-250, true), (251, false), (-251, false)] {
            fixture.intake.set_skew(SignedDuration::from_millis(millis));
            assert_eq!(clustered.check_clock().is_ok(), is_taken, "{millis}");
        }
        // An embedded intake uses this process's clock.
        assert!(casting(&fixture, false).check_clock().is_ok());
    }

    #[tokio::test]
    async fn accepts_before_recording_only_in_a_cluster_and_only_if_asked() {
        let fixture = Fixture::new().await;
        let contest = &fixture.directory.contest(&definition("photos").id).unwrap();
        let (arrived, entry) = (Timestamp::UNIX_EPOCH, Bytes::new());
        let item = Item { ballot: BallotId([0; 16]), arrived, promised: false, group: None, entry };
        let offer = Submission { item, slots: Vec::new() };
        for (may_accept, respond_async) in [(true, true), (true, false), (false, true), (false, false)] {
            let promised = casting(&fixture, may_accept).can_promise(contest, &offer, respond_async).await;
            assert_eq!(promised.unwrap(), may_accept && respond_async, "{may_accept} {respond_async}");
        }
    }

    #[tokio::test]
    async fn answers_suspension_for_ballot_refused_by_log() {
        let photos = definition("photos");
        let contest = &Fixture::new().await.directory.contest(&photos.id).unwrap();
        // As the sequencer words what `admit` refuses.
        let slipped = Rejection::Refused("voting-suspended".to_owned(), "while suspended".to_owned());
        let CastError::Window(slipped) = rejection_error(contest, slipped) else {
            panic!("it is another error")
        };
        let window = Window { opens: photos.opens, closes: photos.closes };
        assert_eq!(slipped, WindowError::Suspended(window));
        let other = rejection_error(contest, Rejection::Refused("cast-time".to_owned(), "late".to_owned()));
        assert!(matches!(other, CastError::Rejected(Rejection::Refused(..))));
    }
}
