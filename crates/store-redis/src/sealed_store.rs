//! What is kept of a contest's log outside the ledger, of the largest size only: checkpoints and publications.
//!
//! A value is sealed, and begins with its size. What nobody of ours has sealed is as good as nothing, and gives way to the next that is kept.

use acclaim_store::{StoreError, error::Result};
use redis::{Cmd, FromRedisValue as _, cmd};

use crate::{
    Redis,
    connection::{Script, read_error, write_error},
    sealed,
};

/// Digits of a size.
const DIGITS: usize = 16;
/// Forged values that may come one after the other before keeping is given up.
const MAX_ATTEMPTS: usize = 3;

/// Keeps, and reads what is kept.
pub(crate) struct SealedStore {
    redis: Redis,
    key: [u8; 32],
    script: Script,
}

impl SealedStore {
    pub(crate) fn new(redis: &Redis, key: [u8; 32]) -> Self {
        Self { redis: redis.clone(), key, script: Script::new(include_str!("scripts/keep.lua")) }
    }

    /// Keeps bytes of a size at a place, unless something larger is kept there.
    pub(crate) async fn save(&self, place: &str, size: u64, bytes: &[u8]) -> Result<()> {
        let sealed = sealed::seal(&self.key, place, &[format!("{size:0DIGITS$}").as_bytes(), bytes].concat());
        let mut forged = Vec::new();
        for _ in 0..MAX_ATTEMPTS {
            let args = |command: &mut Cmd| {
                command.arg(&sealed).arg(&forged);
            };
            let answer =
                self.redis.0.connection.call(&self.script, &[place], &args).await.map_err(write_error)?;
            let kept = Option::<Vec<u8>>::from_redis_value(answer);
            match kept.map_err(|error| StoreError::Corrupt(format!("redis: {error}")))? {
                Some(other) if self.open(place, &other).is_none() => forged = other,
                _ => return Ok(()),
            }
        }
        Err(StoreError::Unavailable(format!("redis: somebody else writes {place} again and again")))
    }

    /// What is kept at a place.
    pub(crate) async fn load(&self, place: &str) -> Result<Option<Vec<u8>>> {
        let sealed: Option<Vec<u8>> =
            self.redis.0.connection.run(cmd("GET").arg(place)).await.map_err(read_error)?;
        let ours = sealed.as_ref().and_then(|sealed| self.open(place, sealed));
        Ok(ours.and_then(|bytes| bytes.get(DIGITS..)).map(<[u8]>::to_vec))
    }

    pub(crate) async fn forget(&self, place: &str) -> Result<()> {
        self.redis.0.connection.run(cmd("UNLINK").arg(place)).await.map_err(write_error)
    }

    /// What is sealed, if it is ours.
    fn open<'a>(&self, place: &str, sealed: &'a [u8]) -> Option<&'a [u8]> {
        let ours = sealed::open(&self.key, place, sealed);
        if ours.is_none() {
            self.redis.0.report_forged(place, 1);
        }
        ours
    }
}
