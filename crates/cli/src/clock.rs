//! The system's clock, and the detection of its jumps.

use std::{sync::OnceLock, time::Duration};

use acclaim_store::Clock;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

/// The system's clock as a [`Clock`] of the stores.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

/// The times of the wall clock and of the steady clock at the first call of [`SystemClock::jump`].
static START: OnceLock<(Timestamp, Duration)> = OnceLock::new();

/// Returns the time of a clock that cannot be set. On Linux this clock also runs while the machine
/// sleeps.
fn steady_time() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The interval at which a long wait reads the wall clock again, because the wall clock can be set.
const CLOCK_CHECK_INTERVAL: SignedDuration = SignedDuration::from_secs(1);

/// Returns the present time of the system's clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the only place that reads the system's clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }

    fn jump(&self) -> SignedDuration {
        let (first, first_steady) = *START.get_or_init(|| (now(), steady_time()));
        let passed = steady_time().saturating_sub(first_steady);
        now().duration_since(first).saturating_sub(SignedDuration::try_from(passed).unwrap_or_default())
    }

    async fn sleep_until(&self, time: Timestamp) {
        loop {
            let remaining = time.duration_since(now());
            if remaining <= SignedDuration::ZERO {
                return;
            }
            tokio::time::sleep(Duration::try_from(remaining.min(CLOCK_CHECK_INTERVAL)).unwrap_or_default())
                .await;
        }
    }
}
