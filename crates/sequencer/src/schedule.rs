//! The instants of a contest: when it opens, when it closes, and when newly issued passes are
//! checked.
//!
//! A clock that jumps forward must not open or close a contest, because both are permanent. If the
//! clock reached an instant only through a jump, the contest's task waits. It continues when the
//! clock is right, when the process restarts, or when an organiser closes the contest.

use std::{sync::Arc, time::Duration};

use acclaim_contest::{Instant, Phase};
use acclaim_store::{Clock, ContestRecord, Hub, Intake, Stores, clock::MIN_JUMP, hub::Recording};
use jiff::{SignedDuration, Timestamp};

/// Delay before the clock is checked again.
pub(crate) const RETRY_DELAY: Duration = Duration::from_secs(1);
/// Time between two checks for newly issued passes while voting goes on. They are written into the
/// log.
const ISSUED_INTERVAL: SignedDuration = SignedDuration::from_mins(1);
/// Delay before a contest that could not open tries again.
const OPENING_DELAY: SignedDuration = SignedDuration::from_secs(1);

/// The schedule of one contest.
pub(crate) struct Schedule {
    hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
    intake: Arc<dyn Intake>,
    /// Time after the closing instant during which a ballot that arrived in time can still be on
    /// its way.
    grace: SignedDuration,
    /// The instant of a closing that an organiser has requested, until it is done.
    closing: Option<Instant>,
    /// When issued passes were last checked.
    issued_checked: Timestamp,
    /// The reason why the contest did not open at its instant, and when it tries again.
    refused_opening: Option<(String, Timestamp)>,
    clock_jump: ClockJump,
}

/// The known facts about a clock that was set while the process ran.
#[derive(Default)]
struct ClockJump {
    /// Clock jump that was measured before the contest's next instant. It gives no reason to doubt
    /// that instant.
    accepted: SignedDuration,
    /// Whether an organiser has requested to close the contest.
    closing_is_confirmed: bool,
    /// Whether the contest waits for the clock to be set right.
    is_waiting: bool,
}

impl Schedule {
    /// Returns the schedule of a task that starts now. It accepts the current clock.
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

    /// Takes the clock state of the former task, after a task has loaded its log again.
    pub(crate) fn keep_clock_of(&mut self, former: &mut Self) {
        self.clock_jump = std::mem::take(&mut former.clock_jump);
    }

    /// The instant of a closing that was requested and is not done.
    pub(crate) fn requested_closing(&self) -> Option<Instant> {
        self.closing
    }

    /// Notes that an organiser has requested to close the contest. From then on the clock is not
    /// doubted.
    pub(crate) fn confirm_closing(&mut self) {
        self.clock_jump.closing_is_confirmed = true;
    }

    /// Notes that a requested closing is in the database.
    pub(crate) fn set_closing(&mut self, at: Instant) {
        self.closing = Some(at);
    }

    /// Returns the earliest time, by this process's clock, at which the intake is sealed.
    ///
    /// At this time no ballot that arrived in time can still be on its way to the intake. API
    /// processes use the intake's clock. If that clock is behind, sealing waits for it.
    fn sealing_time(&self, record: &ContestRecord) -> Timestamp {
        let skew = self.intake.status().slowest.min(SignedDuration::ZERO);
        let grace = self.grace.saturating_sub(skew);
        record.state.closes.timestamp().saturating_add(grace).unwrap_or(Timestamp::MAX)
    }

    /// Returns when the contest opens by schedule, or tries again.
    fn opening_time(&self, record: &ContestRecord) -> Timestamp {
        let retry_at = self.refused_opening.as_ref().map_or(Timestamp::MIN, |(_, retry_at)| *retry_at);
        retry_at.max(record.definition.opens.timestamp())
    }

    /// Notes why the contest cannot open, and when it tries again. Returns whether the reason is
    /// new.
    pub(crate) fn note_opening_obstacle(&mut self, why: &str, now: Timestamp) -> bool {
        let is_news = self.refused_opening.as_ref().is_none_or(|(known, _)| known != why);
        let retry_at = now.saturating_add(OPENING_DELAY).unwrap_or(Timestamp::MAX);
        self.refused_opening = Some((why.to_owned(), retry_at));
        is_news
    }

    /// Forgets the reason after a change of the draft, so that the contest may open.
    pub(crate) fn forget_refusal(&mut self) {
        self.refused_opening = None;
    }

    /// Whether issued passes must be checked.
    ///
    /// After the clock was set back, the last check lies in the future and a check is due.
    pub(crate) fn is_issued_due(&self, now: Timestamp) -> bool {
        now < self.issued_checked || now.duration_since(self.issued_checked) >= ISSUED_INTERVAL
    }

    /// Notes that issued passes are checked now.
    pub(crate) fn note_issued_checked(&mut self) {
        self.issued_checked = self.clock.now();
    }

    /// Returns when the clock gives the next reason to act.
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

    /// Whether the contest waits for the clock to be set right.
    pub(crate) fn is_waiting_for_clock(&self) -> bool {
        self.clock_jump.is_waiting
    }

    /// Whether the contest must open or close now.
    ///
    /// That is true if the time has really passed. If the clock reached the instant only through a
    /// jump, `/readyz` and the log report it.
    pub(crate) fn is_due(&mut self, record: &ContestRecord) -> bool {
        let (instant, acts_from, what) = match record.state.phase {
            Phase::Draft => (record.definition.opens.timestamp(), self.opening_time(record), "open"),
            Phase::Open | Phase::Suspended => {
                (record.state.closes.timestamp(), self.sealing_time(record), "close")
            }
            Phase::Closed | Phase::Frozen | Phase::Certified => return false,
        };
        // The jump is read before the time. A clock that is set right between the two has not
        // reached the instant.
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
