//! Time-outs and pauses for slow shards, so that a slow shard does not delay the others.

use std::{collections::HashMap, time::Duration};

use acclaim_contest::ContestId;
use acclaim_store::intake::Session;
use parking_lot::Mutex;
use tokio::time::Instant;

/// The first time-out of a shard, if there are several shards.
const INITIAL_TIMEOUT: Duration = Duration::from_millis(250);
/// The largest time-out. A slow shard gets more time after each failure, so that it can answer at
/// last.
const MAX_TIMEOUT: Duration = Duration::from_secs(3);
/// After a time-out the shard is skipped for this many times its time-out, so that the other shards
/// seldom wait.
const PAUSE_FACTOR: u32 = 3;

/// See the [module](self).
#[derive(Default)]
pub(crate) struct ShardBackoff(Mutex<HashMap<(ContestId, u16), (Duration, Instant)>>);

impl ShardBackoff {
    /// Returns how long to wait for a shard, or `None` while the shard is skipped.
    pub(crate) fn timeout(&self, session: &Session, shard: u16) -> Option<Duration> {
        match self.0.lock().get(&(session.contest.clone(), shard)) {
            None => Some(INITIAL_TIMEOUT),
            Some((timeout, next_attempt)) => (Instant::now() >= *next_attempt).then_some(*timeout),
        }
    }

    /// Records whether a shard missed its time-out.
    pub(crate) fn record(&self, session: &Session, shard: u16, late: bool) {
        let key = (session.contest.clone(), shard);
        let mut all = self.0.lock();
        if late {
            let before = all.get(&key).map_or(INITIAL_TIMEOUT, |(timeout, _)| *timeout);
            all.insert(key, ((before * 2).min(MAX_TIMEOUT), Instant::now() + before * PAUSE_FACTOR));
        } else {
            all.remove(&key);
        }
    }
}
