//! The system's clock.

use acclaim_store::Clock;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use std::{sync::OnceLock, time::Duration};

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

/// What both clocks showed when the process first asked.
static START: OnceLock<(Timestamp, Duration)> = OnceLock::new();

/// A clock that nobody can set, and that goes on while the machine sleeps where the system has such a one.
fn steady_time() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The wall clock can be set: long waits look at it again in between.
const CLOCK_CHECK_INTERVAL: SignedDuration = SignedDuration::from_secs(1);

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

    fn jump(&self) -> SignedDuration {
        let (first, first_unsettable) = *START.get_or_init(|| (now(), steady_time()));
        let passed = steady_time().saturating_sub(first_unsettable);
        now().duration_since(first).saturating_sub(SignedDuration::try_from(passed).unwrap_or_default())
    }

    async fn sleep_until(&self, time: Timestamp) {
        loop {
            let left = time.duration_since(now());
            if left <= SignedDuration::ZERO {
                return;
            }
            tokio::time::sleep(Duration::try_from(left.min(CLOCK_CHECK_INTERVAL)).unwrap_or_default()).await;
        }
    }
}
