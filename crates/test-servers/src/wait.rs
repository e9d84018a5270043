//! Waits for conditions that no notification reports: they are polled.
//!
//! The functions panic after a time-out, so that the test fails.

use std::{
    fmt::Display,
    thread,
    time::{Duration, Instant},
};

/// The usual time-out. Waits take milliseconds, and longer on a busy machine.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(20);

/// The first interval between two attempts. Each interval is twice the one before.
const MIN_INTERVAL: Duration = Duration::from_millis(1);

/// The longest interval between two attempts.
const MAX_INTERVAL: Duration = Duration::from_millis(20);

/// Waits until a condition holds, at most [`WAIT_TIMEOUT`].
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    retry(WAIT_TIMEOUT, || if condition() { Ok(()) } else { Err(what) });
}

/// As [`wait_until`], for a condition that is checked asynchronously.
pub async fn wait_until_async(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    retry_async(WAIT_TIMEOUT, async || if condition().await { Ok(()) } else { Err(what) }).await;
}

/// Makes attempts until one succeeds, and returns its value.
///
/// After the time-out it panics with the error of the last attempt. The error says what is missing.
#[track_caller]
pub fn retry<T, E: Display>(timeout: Duration, mut attempt: impl FnMut() -> Result<T, E>) -> T {
    let mut attempts = Attempts::start(timeout);
    loop {
        let interval = match attempt() {
            Ok(value) => return value,
            Err(error) => attempts.interval_after(&error),
        };
        // Sleeps: no notification says when an attempt can succeed.
        thread::sleep(interval);
    }
}

/// As [`retry`], for asynchronous attempts.
pub async fn retry_async<T, E: Display>(
    timeout: Duration,
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let mut attempts = Attempts::start(timeout);
    loop {
        let interval = match attempt().await {
            Ok(value) => return value,
            Err(error) => attempts.interval_after(&error),
        };
        // Sleeps: no notification says when an attempt can succeed.
        tokio::time::sleep(interval).await;
    }
}

/// The time-out of a wait, and the interval until its next attempt.
struct Attempts {
    started: Instant,
    timeout: Duration,
    interval: Duration,
}

impl Attempts {
    fn start(timeout: Duration) -> Self {
        Self { started: Instant::now(), timeout, interval: MIN_INTERVAL }
    }

    /// Returns the interval after a failed attempt.
    #[track_caller]
    fn interval_after(&mut self, error: &impl Display) -> Duration {
        assert!(self.started.elapsed() < self.timeout, "not within {:?}: {error}", self.timeout);
        let interval = self.interval;
        self.interval = MAX_INTERVAL.min(interval * 2);
        interval
    }
}
