//! The clock, passed as an argument.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

/// The smallest jump of a clock that puts the time in doubt. A smaller one is an ordinary
/// correction.
pub const MIN_JUMP: SignedDuration = SignedDuration::from_secs(60);

/// Returns the time and waits for a time.
///
/// `cli` uses the system's clock. Tests use a clock that they advance themselves.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;

    /// How far the clock was set forward while the process ran.
    ///
    /// This is the time that passed by this clock, minus the time that passed by a clock that
    /// cannot be set. It is negative if the clock was set back. It is zero for a clock without a
    /// second clock to compare it with.
    fn jump(&self) -> SignedDuration {
        SignedDuration::ZERO
    }

    /// Returns at `time` or soon after, and immediately if `time` has passed.
    ///
    /// The future can be dropped safely.
    async fn sleep_until(&self, time: Timestamp);
}
