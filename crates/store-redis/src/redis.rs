//! A process's access to Redis: the connection, and the checks of the servers every second.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use acclaim_store::{Clock, StoreError, intake::IntakeStatus};
use parking_lot::Mutex;
use tokio::task::AbortHandle;

use crate::{
    connection::{Connection, RedisConnectError, Servers},
    drain_waiters::DrainWaiters,
    durability::ServerMonitor,
};

/// Time between two checks of the servers' settings and clocks. A reconnection is checked within
/// this time.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The settings of an installation.
#[derive(Clone)]
pub struct Settings {
    /// Addresses: `redis://` or `rediss://` (TLS), with a password if one is needed. The addresses
    /// of one cluster are separated by commas.
    pub urls: String,
    /// Certificates, in PEM, of the authority that signed the certificates of the servers at
    /// `rediss://` addresses. `None`: the system's authorities.
    pub authority: Option<Vec<u8>>,
    /// Whether settings that can lose accepted ballots are allowed.
    pub allow_weak: bool,
    /// The largest number of ballots that can wait in one shard.
    pub capacity: u64,
}

impl Settings {
    /// The default settings with these addresses.
    #[must_use]
    pub fn new(urls: impl Into<String>) -> Self {
        Self { urls: urls.into(), authority: None, allow_weak: false, capacity: 1_000_000 }
    }
}

/// A process's access to Redis. Clones share it. When the last clone is dropped, the checks end.
#[derive(Clone)]
pub struct Redis(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) connection: Connection,
    pub(crate) servers: Servers,
    pub(crate) capacity: u64,
    /// The last known state. Only the task that checks the servers writes it.
    status: Mutex<IntakeStatus>,
    /// See [`IntakeStatus::forged`].
    forged: AtomicU64,
    /// Wakes the drains. The notice bridge calls it.
    pub(crate) drain_waiters: DrainWaiters,
    watcher: Mutex<Option<AbortHandle>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        let watcher = self.watcher.get_mut();
        if let Some(watcher) = watcher.take() {
            watcher.abort();
        }
    }
}

impl Redis {
    /// Connects and checks the servers' settings.
    ///
    /// # Errors
    /// - [`RedisConnectError::Address`] if an address is not valid.
    /// - [`RedisConnectError::Authority`] if the authority's certificates cannot be used.
    /// - [`RedisConnectError::Unreachable`] if the servers do not answer.
    /// - [`RedisConnectError::Weak`] if accepted ballots could be lost and this is not allowed.
    pub async fn connect(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, RedisConnectError> {
        let unreachable = |servers: String| move |error| RedisConnectError::Unreachable { servers, error };
        let servers = Servers::parse(&settings.urls, settings.authority.as_deref())?;
        let connection = servers.connect().await.map_err(unreachable(servers.to_string()))?;
        let mut monitor = ServerMonitor::default();
        let findings = monitor
            .check_servers(&connection, || clock.now())
            .await
            .map_err(unreachable(servers.to_string()))?;
        if !settings.allow_weak && !findings.weak.is_empty() {
            return Err(RedisConnectError::Weak(findings.weak));
        }
        for weakness in &findings.weak {
            tracing::warn!(weakness, "redis can lose accepted ballots");
        }
        let shared = Arc::new(Shared {
            connection,
            servers,
            capacity: settings.capacity,
            status: Mutex::new(findings.status(settings.allow_weak)),
            forged: AtomicU64::new(0),
            drain_waiters: DrainWaiters::default(),
            watcher: Mutex::default(),
        });
        let weak_shared = Arc::downgrade(&shared);
        let allow_weak = settings.allow_weak;
        let watcher = tokio::spawn(async move {
            loop {
                tokio::time::sleep(CHECK_INTERVAL).await;
                let Some(shared) = weak_shared.upgrade() else { return };
                let mut is_late = false;
                let status = match monitor.check_servers(&shared.connection, || clock.now()).await {
                    Ok(findings) => findings.status(allow_weak),
                    Err(error) => {
                        is_late = error.is_timeout();
                        let refuses = Some(format!("redis does not answer: {error}"));
                        IntakeStatus { refuses, ..shared.status() }
                    }
                };
                shared.set_status(status);
                // A late answer does not close the connection, although the connection can be the
                // cause.
                if is_late && let Err(error) = shared.connection.reconnect(&shared.servers).await {
                    tracing::warn!(%error, "reconnecting to redis failed");
                }
            }
        });
        *shared.watcher.lock() = Some(watcher.abort_handle());
        Ok(Self(shared))
    }
}

impl Shared {
    pub(crate) fn status(&self) -> IntakeStatus {
        let status = self.status.lock().clone();
        IntakeStatus { forged: self.forged.load(Ordering::Relaxed), ..status }
    }

    /// Counts and logs data that no process of the installation wrote.
    ///
    /// `place` is the contest, or the channel or key, where it was found.
    pub(crate) fn report_forged(&self, place: &str, count: u64) {
        tracing::error!(place, count, "forged: no process of the installation wrote this");
        self.forged.fetch_add(count, Ordering::Relaxed);
    }

    /// Checks that the intake takes ballots now.
    ///
    /// # Errors
    /// `Unavailable` with the reason if it takes none.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match self.status().refuses {
            Some(why) => Err(StoreError::Unavailable(why)),
            None => Ok(()),
        }
    }

    fn set_status(&self, status: IntakeStatus) {
        let mut current = self.status.lock();
        if current.refuses != status.refuses {
            match &status.refuses {
                Some(why) => tracing::error!(why, "the intake takes no ballots"),
                None => tracing::info!("the intake takes ballots again"),
            }
        }
        if current.full.is_empty() != status.full.is_empty() {
            if status.full.is_empty() {
                tracing::info!("redis has memory again");
            } else {
                tracing::error!(servers = ?status.full, "redis has no memory left: ballots are refused");
            }
        }
        if current.away != status.away {
            tracing::warn!(away = ?status.away, "the unreachable servers of the intake changed");
        }
        *current = status;
    }
}
