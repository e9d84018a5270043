//! A clock driven by hand.

use acclaim_store::Clock;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// Stands still until it is told to move.
#[derive(Debug)]
pub struct ManualClock(watch::Sender<ClockState>);

#[derive(Debug, Clone, Copy)]
struct ClockState {
    time: Timestamp,
    /// How far it was set forward.
    jump: SignedDuration,
}

impl ManualClock {
    /// Shows this time.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        Self(watch::Sender::new(ClockState { time, jump: SignedDuration::ZERO }))
    }

    /// Shows another time; whoever sleeps until then wakes.
    pub fn set(&self, time: Timestamp) {
        self.0.send_modify(|shown| shown.time = time);
    }

    /// Sets the clock forward by so much, or back: no time passes meanwhile.
    pub fn jump_by(&self, by: SignedDuration) {
        self.0.send_modify(|shown| {
            shown.jump += by;
            shown.time = shown.time.saturating_add(by).unwrap_or(Timestamp::MAX);
        });
    }

    /// Moves on by so much.
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
        let mut shown = self.0.subscribe();
        // The sender lives in `self`: it is never closed.
        let _reached = shown.wait_for(|shown| shown.time >= time).await;
    }
}
