//! The sections `redis` and `postgres` of the configuration: the servers of a cluster.

use std::{
    fmt, fs,
    num::{NonZeroU16, NonZeroU32, NonZeroU64},
    path::PathBuf,
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// The intake of a cluster.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Redis {
    /// `redis://` or `rediss://`. Several addresses of one Redis Cluster are separated by commas.
    pub url: Option<String>,
    /// File with the certificates, in PEM, of the authority that signed the certificates of the
    /// servers at `rediss://`. Without it, the system's authorities are used.
    pub ca_file: Option<PathBuf>,
    /// Whether the server starts although settings of Redis can lose accepted ballots.
    pub allow_weak: bool,
    /// The number of intake shards of contests that open from now on.
    pub shards: NonZeroU16,
    /// The largest number of ballots that may wait in one shard.
    pub capacity: NonZeroU64,
}

impl Default for Redis {
    fn default() -> Self {
        let capacity = NonZeroU64::new(1_000_000).unwrap_or(NonZeroU64::MIN);
        Self { url: None, ca_file: None, allow_weak: false, shards: NonZeroU16::MIN, capacity }
    }
}

/// The ledger of a cluster.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Postgres {
    /// `postgres://user:password@host/database`.
    pub url: Option<String>,
    /// The largest number of connections of one process.
    pub connections: NonZeroU32,
}

impl Default for Postgres {
    fn default() -> Self {
        Self { url: None, connections: NonZeroU32::new(16).unwrap_or(NonZeroU32::MIN) }
    }
}

// These sections print no addresses, because addresses may hold passwords.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("allow_weak", &self.allow_weak).finish_non_exhaustive()
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("connections", &self.connections).finish_non_exhaustive()
    }
}

/// The settings of the servers of a cluster.
pub(crate) struct Cluster {
    pub(crate) redis: acclaim_store_redis::Settings,
    pub(crate) postgres: acclaim_store_postgres::Settings,
}

impl Cluster {
    /// Returns the settings of the cluster's servers, or `None` if the installation is embedded.
    ///
    /// # Errors
    /// If only one of `redis.url` and `postgres.url` is set, or if `redis.ca_file` cannot be read.
    pub(super) fn read(redis: &Redis, postgres: &Postgres) -> Result<Option<Self>> {
        match (&redis.url, &postgres.url) {
            (None, None) => Ok(None),
            (Some(url), Some(_)) => {
                Ok(Some(Self { redis: redis.settings(url)?, postgres: postgres.settings()? }))
            }
            _ => bail!(
                "a cluster needs both `redis.url` and `postgres.url`, and only one of them is configured"
            ),
        }
    }
}

impl Redis {
    fn settings(&self, url: &str) -> Result<acclaim_store_redis::Settings> {
        Ok(acclaim_store_redis::Settings {
            authority: self.authority()?,
            allow_weak: self.allow_weak,
            capacity: self.capacity.get(),
            ..acclaim_store_redis::Settings::new(url)
        })
    }

    fn authority(&self) -> Result<Option<Vec<u8>>> {
        let Some(file) = &self.ca_file else { return Ok(None) };
        fs::read(file).map(Some).with_context(|| format!("`redis.ca_file`: {}", file.display()))
    }
}

impl Postgres {
    /// Returns the settings of the database.
    ///
    /// # Errors
    /// If `postgres.url` is not set.
    pub(super) fn settings(&self) -> Result<acclaim_store_postgres::Settings> {
        let url = self.url.as_ref().context("`postgres.url` is not configured: set ACCLAIM_POSTGRES_URL")?;
        let connections = self.connections.get();
        Ok(acclaim_store_postgres::Settings { connections, ..acclaim_store_postgres::Settings::new(url) })
    }
}
