//! A clock that the test sets.

use acclaim_store::Clock;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// A clock that stands still until the test moves it.
#[derive(Debug)]
pub struct ManualClock(watch::Sender<ClockState>);

#[derive(Debug, Clone, Copy)]
struct ClockState {
    time: Timestamp,
    /// How far the clock was set forward.
    jump: SignedDuration,
}

impl ManualClock {
    /// A clock with this time.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        Self(watch::Sender::new(ClockState { time, jump: SignedDuration::ZERO }))
    }

    /// Sets the time, and wakes the sleepers that waited for it.
    pub fn set(&self, time: Timestamp) {
        self.0.send_modify(|state| state.time = time);
    }

    /// Sets the clock forward by `by`, or back if it is negative. No time passes.
    pub fn jump_by(&self, by: SignedDuration) {
        self.0.send_modify(|state| {
            state.jump += by;
            state.time = state.time.saturating_add(by).unwrap_or(Timestamp::MAX);
        });
    }

    /// Lets this much time pass.
    pub fn advance(&self, by: SignedDuration) {
        let now = self.now();
        self.set(now.saturating_add(by).unwrap_or(Timestamp::MAX));
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.borrow().time
    }

    fn jump(&self) -> SignedDuration {
        self.0.borrow().jump
    }

    async fn sleep_until(&self, time: Timestamp) {
        let mut state = self.0.subscribe();
        // The sender is a field of `self`, so it is never closed.
        let _reached = state.wait_for(|state| state.time >= time).await;
    }
}
