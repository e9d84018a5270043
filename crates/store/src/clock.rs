//! The time, as an argument.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

/// A jump of a clock below this is an ordinary correction, and no reason to doubt the time.
pub const MIN_JUMP: SignedDuration = SignedDuration::from_secs(60);

/// Tells the time and waits for it. The system's clock in `cli`, a hand-driven one in tests.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// How far the clock was set forward while the process ran: what has passed by it, less what has passed by a clock
    /// that cannot be set. Negative if it was set back; zero for a clock that has no other beside it.
    fn jump(&self) -> SignedDuration {
        SignedDuration::ZERO
    }

    /// Returns at `time` or soon after; at once if it has passed. Dropping the future is harmless.
    async fn sleep_until(&self, time: Timestamp);
}
