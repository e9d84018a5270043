//! A clock that jumps forward must not open or close a contest: both are for ever. Where the clock has come to an instant
//! only by jumping, the contest's task waits until the clock is right, the process is started again, or an organiser
//! closes the contest.

use acclaim_contest::Phase;
use std::time::Duration;

use acclaim_store::{clock::MIN_JUMP, hub::Recording};
use jiff::{SignedDuration, Timestamp};

use crate::contest::ContestTask;

/// How long until the clock is looked at again.
pub(crate) const RETRY_DELAY: Duration = Duration::from_secs(1);

/// What the contest's task knows of the clock.
#[derive(Default)]
pub(crate) struct ClockJump {
    /// How far the clock had jumped when the contest's next instant was still ahead: no reason to doubt that instant.
    accepted: SignedDuration,
    /// Whether an organiser has asked to close the contest.
    pub(crate) closing_is_confirmed: bool,
    /// Whether the contest waits for the clock.
    pub(crate) is_waiting: bool,
}

impl ClockJump {
    /// For a task that begins now: the clock is taken as it is.
    pub(crate) fn accepting(jump: SignedDuration) -> Self {
        Self { accepted: jump, ..Self::default() }
    }
}

impl ContestTask {
    /// Whether the contest is to open or close now, because the time for it has passed and not the clock alone. If the
    /// clock alone has, says so in `/readyz` and the log.
    pub(crate) fn is_due(&mut self) -> bool {
        let (instant, acts_from, what) = match self.record.state.phase {
            Phase::Draft => (self.record.definition.opens.timestamp(), self.opening_time(), "open"),
            Phase::Open | Phase::Suspended => {
                (self.record.state.closes.timestamp(), self.sealing_time(), "close")
            }
            Phase::Closed | Phase::Frozen | Phase::Certified => return false,
        };
        let clock = &self.context.stores.clock;
        // In this order: a clock that is set right in between has not reached the instant.
        let (jump, now) = (clock.jump(), clock.now());
        if now < instant {
            self.clock_jump.accepted = jump;
            self.stop_waiting();
            return false;
        }
        if self.is_by_jump(jump, now, instant) {
            self.wait_for_clock(jump, instant, what);
            return false;
        }
        self.stop_waiting();
        acts_from <= now
    }

    fn is_by_jump(&self, jump: SignedDuration, now: Timestamp, instant: Timestamp) -> bool {
        let jump = jump.saturating_sub(self.clock_jump.accepted);
        let without_jump = now.saturating_sub(jump).unwrap_or(Timestamp::MIN);
        jump >= MIN_JUMP && without_jump < instant && !self.clock_jump.closing_is_confirmed
    }

    fn wait_for_clock(&mut self, jump: SignedDuration, instant: Timestamp, what: &str) {
        if std::mem::replace(&mut self.clock_jump.is_waiting, true) {
            return;
        }
        let why = format!(
            "the clock jumped forward by {} s while this process ran, past the instant {instant} at which the contest is \
             to {what}: it does not {what} yet. If the clock is wrong, set it right, and voting goes on. If it is right, \
             start the process again",
            jump.saturating_sub(self.clock_jump.accepted).as_secs()
        );
        tracing::error!(contest = %self.id(), why, "the clock jumped");
        self.set_recording(Recording::Failing(why));
    }

    fn stop_waiting(&mut self) {
        if std::mem::take(&mut self.clock_jump.is_waiting) {
            self.set_recording(Recording::Well);
        }
    }
}
