//! The system's clock.

use acclaim_store::Clock;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

/// The wall clock can be set: long waits look at it again in between.
const LONGEST_SLEEP: SignedDuration = SignedDuration::from_secs(1);

/// The time now, by the system's clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where the time comes in")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }

    async fn sleep_until(&self, time: Timestamp) {
        loop {
            let left = time.duration_since(now());
            if left <= SignedDuration::ZERO {
                return;
            }
            tokio::time::sleep(Duration::try_from(left.min(LONGEST_SLEEP)).unwrap_or_default()).await;
        }
    }
}
