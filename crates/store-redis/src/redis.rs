//! A process's access to Redis: connected, checked, and checked again every second.

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

/// Between two looks at the servers' settings and clocks. A reconnection is followed by a look within this time.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// What an installation can set.
#[derive(Clone)]
pub struct Settings {
    /// `redis://` or `rediss://` (TLS), with a password if there is one; several of one cluster, separated by commas.
    pub urls: String,
    /// Certificates, in PEM, of the authority that vouches for the servers at `rediss://` addresses; the system's authorities if there are none.
    pub authority: Option<Vec<u8>>,
    /// Whether settings that can lose accepted ballots are tolerated.
    pub allow_weak: bool,
    /// Most ballots that may wait in one shard.
    pub capacity: u64,
}

impl Settings {
    /// The defaults on these servers.
    #[must_use]
    pub fn new(urls: impl Into<String>) -> Self {
        Self { urls: urls.into(), authority: None, allow_weak: false, capacity: 1_000_000 }
    }
}

/// A process's access to Redis. Clones share it; the last one to go ends what runs beside.
#[derive(Clone)]
pub struct Redis(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) connection: Connection,
    pub(crate) servers: Servers,
    pub(crate) capacity: u64,
    /// Written by the task that looks.
    condition: Mutex<IntakeStatus>,
    /// See [`IntakeStatus::forged`].
    forged: AtomicU64,
    /// Wakes the drains. Written by the carrier.
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
    /// [`RedisConnectError`]: no address, no authority, unreachable, or weak and not allowed to be.
    pub async fn connect(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, RedisConnectError> {
        let unreachable = |servers: String| move |error| RedisConnectError::Unreachable { servers, error };
        let servers = Servers::parse(&settings.urls, settings.authority.as_deref())?;
        let connection = servers.connect().await.map_err(unreachable(servers.to_string()))?;
        let mut looker = ServerMonitor::default();
        let findings = looker
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
            condition: Mutex::new(findings.status(settings.allow_weak)),
            forged: AtomicU64::new(0),
            drain_waiters: DrainWaiters::default(),
            watcher: Mutex::default(),
        });
        let watched = Arc::downgrade(&shared);
        let allow_weak = settings.allow_weak;
        let watcher = tokio::spawn(async move {
            loop {
                tokio::time::sleep(CHECK_INTERVAL).await;
                let Some(shared) = watched.upgrade() else { return };
                let mut is_late = false;
                let condition = match looker.check_servers(&shared.connection, || clock.now()).await {
                    Ok(findings) => findings.status(allow_weak),
                    Err(error) => {
                        is_late = error.is_timeout();
                        let refuses = Some(format!("redis does not answer: {error}"));
                        IntakeStatus { refuses, ..shared.status() }
                    }
                };
                shared.note(condition);
                // A late answer does not end a connection by itself, and it may be the connection that is at fault.
                if is_late && let Err(error) = shared.connection.reconnect(&shared.servers).await {
                    tracing::warn!(%error, "redis cannot be connected to anew");
                }
            }
        });
        *shared.watcher.lock() = Some(watcher.abort_handle());
        Ok(Self(shared))
    }
}

impl Shared {
    pub(crate) fn status(&self) -> IntakeStatus {
        let condition = self.condition.lock().clone();
        IntakeStatus { forged: self.forged.load(Ordering::Relaxed), ..condition }
    }

    /// Notes what was found at a place that no process of ours wrote there.
    pub(crate) fn report_forged(&self, place: &str, count: u64) {
        tracing::error!(place, count, "forged: no process of the installation wrote this");
        self.forged.fetch_add(count, Ordering::Relaxed);
    }

    /// Whether ballots may be trusted to it.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match self.status().refuses {
            Some(why) => Err(StoreError::Unavailable(why)),
            None => Ok(()),
        }
    }

    fn note(&self, condition: IntakeStatus) {
        let mut known = self.condition.lock();
        if known.refuses != condition.refuses {
            match &condition.refuses {
                Some(why) => tracing::error!(why, "the intake takes no ballots"),
                None => tracing::info!("the intake takes ballots again"),
            }
        }
        if known.full.is_empty() != condition.full.is_empty() {
            if condition.full.is_empty() {
                tracing::info!("redis has memory again");
            } else {
                tracing::error!(servers = ?condition.full, "redis has no memory left: ballots are refused");
            }
        }
        if known.away != condition.away {
            tracing::warn!(away = ?condition.away, "servers of the intake that do not answer");
        }
        *known = condition;
    }
}
