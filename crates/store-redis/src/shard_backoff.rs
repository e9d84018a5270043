//! Shards that take too long to say what they hold: the others' ballots go on without them.

use std::{collections::HashMap, time::Duration};

use acclaim_contest::ContestId;
use acclaim_store::intake::Session;
use parking_lot::Mutex;
use tokio::time::Instant;

/// How long one of several shards may take at first.
const INITIAL_TIMEOUT: Duration = Duration::from_millis(250);
/// And at most: a slow one gets more time, so that it is heard in the end.
const MAX_TIMEOUT: Duration = Duration::from_secs(3);
/// A late one is left alone for so many times its patience, so that the others seldom wait.
const PAUSE_FACTOR: u32 = 3;

/// See the [module](self).
#[derive(Default)]
pub(crate) struct ShardBackoff(Mutex<HashMap<(ContestId, u16), (Duration, Instant)>>);

impl ShardBackoff {
    /// How long to wait for a shard; `None` if it is not to be asked yet.
    pub(crate) fn timeout(&self, session: &Session, shard: u16) -> Option<Duration> {
        match self.0.lock().get(&(session.contest.clone(), shard)) {
            None => Some(INITIAL_TIMEOUT),
            Some((timeout, again)) => (Instant::now() >= *again).then_some(*timeout),
        }
    }

    /// Notes whether a shard was late.
    pub(crate) fn note(&self, session: &Session, shard: u16, late: bool) {
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
