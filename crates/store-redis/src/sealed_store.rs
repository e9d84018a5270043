//! Values of a contest's log that are stored outside the ledger: checkpoints and publications, each
//! only of the largest size.
//!
//! A value is sealed, and begins with its size. A value with a wrong seal counts as absent, and the
//! next saved value replaces it.

use acclaim_store::{StoreError, error::Result};
use redis::{Cmd, FromRedisValue as _, cmd};

use crate::{
    Redis,
    connection::{Script, read_error, write_error},
    sealed,
};

/// Digits of a size.
const DIGITS: usize = 16;
/// Number of forged values in a row after which saving fails.
const MAX_ATTEMPTS: usize = 3;

/// Saves and loads sealed values.
pub(crate) struct SealedStore {
    redis: Redis,
    key: [u8; 32],
    script: Script,
}

impl SealedStore {
    pub(crate) fn new(redis: &Redis, key: [u8; 32]) -> Self {
        Self { redis: redis.clone(), key, script: Script::new(include_str!("scripts/keep.lua")) }
    }

    /// Saves bytes with a size under a key, unless a value of a larger size is stored there.
    ///
    /// # Errors
    /// `Unavailable` if another program keeps writing forged values there. Otherwise as for any
    /// write.
    pub(crate) async fn save(&self, place: &str, size: u64, bytes: &[u8]) -> Result<()> {
        let sealed = sealed::seal(&self.key, place, &[format!("{size:0DIGITS$}").as_bytes(), bytes].concat());
        let mut forged = Vec::new();
        for _ in 0..MAX_ATTEMPTS {
            let args = |command: &mut Cmd| {
                command.arg(&sealed).arg(&forged);
            };
            let answer =
                self.redis.0.connection.call(&self.script, &[place], &args).await.map_err(write_error)?;
            let stored = Option::<Vec<u8>>::from_redis_value(answer);
            match stored.map_err(|error| StoreError::Corrupt(format!("redis: {error}")))? {
                Some(other) if self.open(place, &other).is_none() => forged = other,
                _ => return Ok(()),
            }
        }
        Err(StoreError::Unavailable(format!("redis: another program keeps writing {place}")))
    }

    /// Returns the bytes stored under a key, without their size; `None` if there are none.
    pub(crate) async fn load(&self, place: &str) -> Result<Option<Vec<u8>>> {
        let sealed: Option<Vec<u8>> =
            self.redis.0.connection.run(cmd("GET").arg(place)).await.map_err(read_error)?;
        let bytes = sealed.as_ref().and_then(|sealed| self.open(place, sealed));
        Ok(bytes.and_then(|bytes| bytes.get(DIGITS..)).map(<[u8]>::to_vec))
    }

    pub(crate) async fn forget(&self, place: &str) -> Result<()> {
        self.redis.0.connection.run(cmd("UNLINK").arg(place)).await.map_err(write_error)
    }

    /// Returns the sealed bytes, or `None` if the seal is wrong. A wrong seal is reported as
    /// forged.
    fn open<'a>(&self, place: &str, sealed: &'a [u8]) -> Option<&'a [u8]> {
        let bytes = sealed::open(&self.key, place, sealed);
        if bytes.is_none() {
            self.redis.0.report_forged(place, 1);
        }
        bytes
    }
}
