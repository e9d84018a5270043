//! The time, as an argument.

use async_trait::async_trait;
use jiff::Timestamp;

/// Tells the time and waits for it. The system's clock in `cli`, a hand-driven one in tests.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Returns at `time` or soon after; at once if it has passed. Dropping the future is harmless.
    async fn sleep_until(&self, time: Timestamp);
}
