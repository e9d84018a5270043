//! A contest's instants: when it opens and closes, and when passes issued meanwhile are looked at.
//!
//! A clock that jumps forward must not open or close a contest: both are for ever. Where the clock has come to an instant
//! only by jumping, the contest's task waits until the clock is right, the process is started again, or an organiser
//! closes the contest.

use std::{sync::Arc, time::Duration};

use acclaim_contest::{Instant, Phase};
use acclaim_store::{Clock, ContestRecord, Hub, Intake, Stores, clock::MIN_JUMP, hub::Recording};
use jiff::{SignedDuration, Timestamp};

/// How long until the clock is looked at again.
pub(crate) const RETRY_DELAY: Duration = Duration::from_secs(1);
/// How often passes issued meanwhile are written into the log while voting goes on.
const ISSUED_INTERVAL: SignedDuration = SignedDuration::from_mins(1);
/// How long a contest that could not open waits before it tries again.
const OPENING_DELAY: SignedDuration = SignedDuration::from_secs(1);

/// See the [module](self).
pub(crate) struct Schedule {
    hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
    intake: Arc<dyn Intake>,
    /// How long after the closing a ballot that arrived in time can still be on its way.
    grace: SignedDuration,
    /// The instant of a closing that an organiser has asked for, until it is done.
    closing: Option<Instant>,
    /// When passes issued were last looked at.
    issued_checked: Timestamp,
    /// Why the contest did not open at its instant, and when it tries again.
    refused_opening: Option<(String, Timestamp)>,
    clock_jump: ClockJump,
}

/// What is known of a clock that was set while the process ran.
#[derive(Default)]
struct ClockJump {
    /// How far the clock had jumped when the contest's next instant was still ahead: no reason to doubt that instant.
    accepted: SignedDuration,
    /// Whether an organiser has asked to close the contest.
    closing_is_confirmed: bool,
    /// Whether the contest waits for the clock.
    is_waiting: bool,
}

impl Schedule {
    /// For a task that begins now: the clock is taken as it is.
    pub(crate) fn new(stores: &Stores, grace: Duration, closing: Option<Instant>) -> Self {
        Self {
            hub: Arc::clone(&stores.hub),
            clock: Arc::clone(&stores.clock),
            intake: Arc::clone(&stores.intake),
            grace: SignedDuration::try_from(grace).unwrap_or(SignedDuration::MAX),
            closing,
            issued_checked: stores.clock.now(),
            refused_opening: None,
            clock_jump: ClockJump { accepted: stores.clock.jump(), ..ClockJump::default() },
        }
    }

    /// For a task that has loaded its log again: what was known of the clock before is known still.
    pub(crate) fn keep_clock_of(&mut self, former: &mut Self) {
        self.clock_jump = std::mem::take(&mut former.clock_jump);
    }

    /// The instant of a closing that was asked for and is not done.
    pub(crate) fn requested_closing(&self) -> Option<Instant> {
        self.closing
    }

    /// An organiser has asked to close the contest: the clock is not doubted any more.
    pub(crate) fn confirm_closing(&mut self) {
        self.clock_jump.closing_is_confirmed = true;
    }

    /// The closing that was asked for is in the database.
    pub(crate) fn set_closing(&mut self, at: Instant) {
        self.closing = Some(at);
    }

    /// From then on, by this process's clock, no ballot that arrived in time can still be on its way to the intake. API processes keep to the intake's
    /// clock: where that is behind, the sealing waits for it.
    fn sealing_time(&self, record: &ContestRecord) -> Timestamp {
        let behind = self.intake.status().slowest.min(SignedDuration::ZERO);
        let grace = self.grace.saturating_sub(behind);
        record.state.closes.timestamp().saturating_add(grace).unwrap_or(Timestamp::MAX)
    }

    /// When the contest opens by itself, or tries again.
    fn opening_time(&self, record: &ContestRecord) -> Timestamp {
        let again = self.refused_opening.as_ref().map_or(Timestamp::MIN, |(_, again)| *again);
        again.max(record.definition.opens.timestamp())
    }

    /// Notes why the contest cannot open, until it tries again; whether that is news.
    pub(crate) fn note_opening_obstacle(&mut self, why: &str, now: Timestamp) -> bool {
        let is_news = self.refused_opening.as_ref().is_none_or(|(known, _)| known != why);
        let again = now.saturating_add(OPENING_DELAY).unwrap_or(Timestamp::MAX);
        self.refused_opening = Some((why.to_owned(), again));
        is_news
    }

    /// The draft is another one: it may open.
    pub(crate) fn forget_refusal(&mut self) {
        self.refused_opening = None;
    }

    /// Whether passes issued are to be looked at. After a clock was set back that instant lies ahead.
    pub(crate) fn is_issued_due(&self, now: Timestamp) -> bool {
        now < self.issued_checked || now.duration_since(self.issued_checked) >= ISSUED_INTERVAL
    }

    /// Passes issued are looked at now.
    pub(crate) fn note_issued_checked(&mut self) {
        self.issued_checked = self.clock.now();
    }

    /// When the clock gives the next reason to act.
    pub(crate) fn next_instant(&self, record: &ContestRecord) -> Option<Timestamp> {
        match record.state.phase {
            Phase::Draft | Phase::Open | Phase::Suspended if self.clock_jump.is_waiting => None,
            Phase::Draft => Some(self.opening_time(record)),
            Phase::Open | Phase::Suspended => {
                let issued = self.issued_checked.saturating_add(ISSUED_INTERVAL).unwrap_or(Timestamp::MAX);
                Some(self.sealing_time(record).min(issued))
            }
            Phase::Closed | Phase::Frozen | Phase::Certified => None,
        }
    }

    /// Whether the contest waits for the clock.
    pub(crate) fn is_waiting_for_clock(&self) -> bool {
        self.clock_jump.is_waiting
    }

    /// Whether the contest is to open or close now, because the time for it has passed and not the clock alone. If the
    /// clock alone has, says so in `/readyz` and the log.
    pub(crate) fn is_due(&mut self, record: &ContestRecord) -> bool {
        let (instant, acts_from, what) = match record.state.phase {
            Phase::Draft => (record.definition.opens.timestamp(), self.opening_time(record), "open"),
            Phase::Open | Phase::Suspended => {
                (record.state.closes.timestamp(), self.sealing_time(record), "close")
            }
            Phase::Closed | Phase::Frozen | Phase::Certified => return false,
        };
        // In this order: a clock that is set right in between has not reached the instant.
        let (jump, now) = (self.clock.jump(), self.clock.now());
        if now < instant {
            self.clock_jump.accepted = jump;
            self.stop_waiting(record);
            return false;
        }
        if self.is_by_jump(jump, now, instant) {
            self.wait_for_clock(record, jump, instant, what);
            return false;
        }
        self.stop_waiting(record);
        acts_from <= now
    }

    fn is_by_jump(&self, jump: SignedDuration, now: Timestamp, instant: Timestamp) -> bool {
        let jump = jump.saturating_sub(self.clock_jump.accepted);
        let without_jump = now.saturating_sub(jump).unwrap_or(Timestamp::MIN);
        jump >= MIN_JUMP && without_jump < instant && !self.clock_jump.closing_is_confirmed
    }

    fn wait_for_clock(
        &mut self,
        record: &ContestRecord,
        jump: SignedDuration,
        instant: Timestamp,
        what: &str,
    ) {
        if std::mem::replace(&mut self.clock_jump.is_waiting, true) {
            return;
        }
        let why = format!(
            "the clock jumped forward by {} s while this process ran, past the instant {instant} at which the contest is \
             to {what}: it does not {what} yet. If the clock is wrong, set it right, and voting goes on. If it is right, \
             start the process again",
            jump.saturating_sub(self.clock_jump.accepted).as_secs()
        );
        tracing::error!(contest = %record.id(), why, "the clock jumped");
        self.hub.set_recording(record.id(), Recording::Failing(why));
    }

    fn stop_waiting(&mut self, record: &ContestRecord) {
        if std::mem::take(&mut self.clock_jump.is_waiting) {
            self.hub.set_recording(record.id(), Recording::Healthy);
        }
    }
}
