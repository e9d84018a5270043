//! A clock driven by hand.

use acclaim_store::Clock;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// Stands still until it is told to move.
#[derive(Debug)]
pub struct ManualClock(watch::Sender<Timestamp>);

impl ManualClock {
    /// Shows this time.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        Self(watch::Sender::new(time))
    }

    /// Shows another time; whoever sleeps until then wakes.
    pub fn set(&self, time: Timestamp) {
        self.0.send_replace(time);
    }

    /// Moves on by so much.
    pub fn advance(&self, by: SignedDuration) {
        let now = *self.0.borrow();
        self.set(now.saturating_add(by).unwrap_or(Timestamp::MAX));
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    async fn sleep_until(&self, time: Timestamp) {
        let mut shown = self.0.subscribe();
        // The sender lives in `self`: it is never closed.
        let _reached = shown.wait_for(|now| *now >= time).await;
    }
}
