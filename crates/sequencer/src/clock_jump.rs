//! A clock that jumps forward must not open or close a contest: both are for ever. Where the clock has come to an instant
//! only by jumping while the process ran, the contest's task waits until the clock is right, the process is started
//! again, or an organiser closes the contest.

use acclaim_store::hub::Recording;
use jiff::{SignedDuration, Timestamp};

use crate::contest::ContestTask;

/// A smaller jump is an ordinary correction of the clock.
const MIN_JUMP: SignedDuration = SignedDuration::from_secs(60);
/// How long until the clock is looked at again.
const RETRY_DELAY: SignedDuration = SignedDuration::from_secs(1);

/// What the contest's task knows of the clock.
#[derive(Default)]
pub(crate) struct ClockJump {
    /// Whether an organiser has asked to close the contest.
    pub(crate) closing_is_confirmed: bool,
    /// When the clock is looked at again, while the contest waits for it.
    pub(crate) retry: Option<Timestamp>,
}

impl ContestTask {
    /// Whether the instant at which the contest is to open or close was reached by time passing, and not by the clock
    /// alone. If not, says so in `/readyz` and the log.
    pub(crate) fn is_reached(&mut self, instant: Timestamp, what: &str) -> bool {
        let clock = &self.context.stores.clock;
        // In this order: a clock that is set right in between has not reached the instant.
        let (jump, now) = (clock.jump(), clock.now());
        if now < instant {
            return false;
        }
        let without_jump = now.saturating_sub(jump).unwrap_or(Timestamp::MIN);
        if jump < MIN_JUMP || without_jump >= instant || self.clock_jump.closing_is_confirmed {
            if self.clock_jump.retry.take().is_some() {
                self.set_recording(Recording::Well);
            }
            return true;
        }
        if self.clock_jump.retry.is_none() {
            let why = format!(
                "the clock jumped forward by {} s while this process ran, past the instant {instant} at which the \
                 contest is to {what}: it does not {what} yet. If the clock is wrong, set it right, and voting goes \
                 on. If it is right, start the process again",
                jump.as_secs()
            );
            tracing::error!(contest = %self.id(), why, "the clock jumped");
            self.set_recording(Recording::Failing(why));
        }
        self.clock_jump.retry = now.saturating_add(RETRY_DELAY).ok();
        false
    }
}
