//! The engine without a listener: it connects the stores, the sequencer and the API.
//!
//! It runs embedded on a data directory, or as one process of a cluster on Redis and Postgres.

use std::{future::Future, sync::Arc, thread, time::Duration};

use acclaim_api::Api;
use acclaim_contest::Instant;
use acclaim_sequencer::{LoadError, Sequencer};
use acclaim_store::{
    Clock as _, Database, Hub, Keyring, StoreError, Stores,
    keyring::{KeyringError, Secret},
    keys::{Role as KeyRole, StaffKey},
    staff_keys,
};
use acclaim_store_postgres::PostgresDatabase;
use acclaim_store_redis::{Redis, RedisIntake, RedisPublishedCheckpoints, notice_bridge};
use acclaim_store_sqlite::{DataDirectory, LocalIntake};
use anyhow::{Context as _, Result};
use axum::Router;
use clap::ValueEnum;
use tokio::{
    runtime::Runtime,
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::{
    clock::{self, SystemClock},
    config::{Cluster, Config},
};

/// The work that a process of a cluster does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Answers requests and records ballots.
    All,
    /// Answers requests.
    Api,
    /// Records ballots; answers only health checks and metrics.
    Sequencer,
}

/// A running engine. [`Engine::stop`] stops it.
pub struct Engine {
    api: Api,
    role: Role,
    operator_key: String,
    database: Arc<dyn Database>,
    stop: watch::Sender<bool>,
    sequencer: Option<JoinHandle<()>>,
    background: JoinSet<()>,
    /// The tasks that carry notices between processes. Empty when embedded.
    notice_bridge: JoinSet<()>,
    /// The threads for recording. Declared before `directory`, because fields are dropped in order:
    /// these threads stop using the directory before it is unlocked for other processes.
    _recording: RecordingRuntime,
    /// The data directory, which is locked while the engine runs. `None` in a cluster.
    directory: Option<DataDirectory>,
}

/// The time that the threads for recording get to stop and release their resources.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// The maximum number of the sequencer's threads for blocking work, for example reads of the
/// embedded database.
const RECORDING_BLOCKING_THREADS: usize = 16;

/// Separate threads for the sequencer, and for the tasks that stores start.
///
/// A batch is recorded in about ten steps, one after the other. On shared threads, each step would
/// wait behind all requests that are ready at that moment. The more requests there are, the longer
/// this wait would be.
struct RecordingRuntime(Option<Runtime>);

impl RecordingRuntime {
    fn new() -> Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads((cores / 2).max(1)).thread_name("recording").enable_all();
        builder.max_blocking_threads(RECORDING_BLOCKING_THREADS);
        Ok(Self(Some(builder.build()?)))
    }

    /// Runs `work` on these threads. The tasks that it spawns stay on them.
    ///
    /// # Errors
    /// If the threads have ended, or if `work` panics.
    async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T> {
        let runtime = self.0.as_ref().context("the threads for recording have ended")?;
        Ok(runtime.spawn(work).await?)
    }
}

impl Drop for RecordingRuntime {
    fn drop(&mut self) {
        let Some(runtime) = self.0.take() else { return };
        // A task must not wait for a runtime, but it can wait for a thread.
        let ending = thread::spawn(move || runtime.shutdown_timeout(SHUTDOWN_TIMEOUT));
        let _ended = ending.join();
    }
}

/// The stores, and the resources that must live as long as they do.
struct Backends {
    stores: Stores,
    /// The same stores for the sequencer, with their own connections to the database.
    recording_stores: Stores,
    keyring: Arc<Keyring>,
    notice_bridge: JoinSet<()>,
    directory: Option<DataDirectory>,
}

impl Engine {
    /// Starts the engine. Reads and checks every log that this process will sequence.
    ///
    /// # Errors
    /// - A setting is unusable.
    /// - The data directory is in use, is not writable or has another version.
    /// - A server of the cluster cannot be reached, has another version or has unsafe settings.
    /// - A key cannot be opened.
    /// - A log is damaged, or is older than a published checkpoint of it.
    pub async fn start(config: &Config, role: Role) -> Result<Self> {
        // A process of any role checks these settings, so that a mistake shows at the first start.
        let (witnesses, settings) = (config.witnesses()?, config.api()?);
        // The first call starts the comparison of the wall clock with a clock that cannot be set.
        let _first_jump = SystemClock.jump();
        let recording = RecordingRuntime::new()?;
        let Backends { stores, recording_stores, keyring, notice_bridge, directory } =
            recording.run(open_backends(config.clone(), role)).await??;
        let database = Arc::clone(&stores.database);
        let operator_key = staff_keys::random_token()?;
        let hash = *blake3::hash(operator_key.as_bytes()).as_bytes();
        let api = Api::new(stores, Arc::clone(&keyring), settings, Some(hash)).await?;
        // These tasks subscribe to notices before the sequencer publishes any.
        let background = api.background(&recording_stores.database);
        let (stop, stopping) = watch::channel(false);
        let sequencer = match role {
            Role::Api => None,
            Role::All | Role::Sequencer => {
                let settings = acclaim_sequencer::Settings { witnesses, ..config.sequencer() };
                let starting = Sequencer::start(recording_stores, keyring, settings, stopping);
                let start = async { Ok::<_, LoadError>(tokio::spawn(starting.await?.run())) };
                Some(recording.run(start).await??)
            }
        };
        Ok(Self {
            api,
            role,
            operator_key,
            database,
            stop,
            sequencer,
            background,
            notice_bridge,
            _recording: recording,
            directory,
        })
    }

    /// Returns the routes of the complete HTTP API. A process that only sequences has only health
    /// and metrics.
    pub fn router(&self) -> Router {
        self.router_with(Router::new())
    }

    /// Returns the routes of [`Engine::router`] with `others` added. A process that only sequences
    /// ignores `others`.
    pub fn router_with(&self, others: Router) -> Router {
        match self.role {
            Role::Sequencer => acclaim_api::operation(self.api.clone()),
            Role::All | Role::Api => acclaim_api::router(self.api.clone(), others),
        }
    }

    /// Returns the routes for health and metrics, which answer in full to every client.
    pub fn operation_router(&self) -> Router {
        acclaim_api::operation_in_full(self.api.clone())
    }

    /// Returns an operator's bearer token, which is valid in this process only, for its own
    /// requests.
    #[must_use]
    pub fn operator_key(&self) -> &str {
        &self.operator_key
    }

    /// Makes the first staff key of an embedded installation, and returns it.
    ///
    /// Returns `None` if the installation has or had a staff key, and in a cluster, where the
    /// command `acclaim key create` makes the first key.
    ///
    /// # Errors
    /// If the database fails, or if the system gives no random bytes.
    pub async fn first_key(&self) -> Result<Option<String>> {
        if self.directory.is_none() || !self.database.staff_keys().await?.is_empty() {
            return Ok(None);
        }
        let key = staff_keys::random_token()?;
        let first = StaffKey {
            name: "first-operator".to_owned(),
            role: KeyRole::Operator,
            contests: None,
            panel: None,
            created: Instant::at_or_before(clock::now()),
            expires: None,
            revoked: None,
        };
        add_key(&*self.database, &key, &first).await?;
        Ok(Some(key))
    }

    /// Writes the engine's URL into the lock's file, for processes that find the data directory
    /// locked.
    ///
    /// # Errors
    /// If the lock's file cannot be written.
    pub fn record_url(&mut self, url: &str) -> Result<()> {
        match &mut self.directory {
            Some(directory) => Ok(directory.record_url(url)?),
            None => Ok(()),
        }
    }

    /// Stops the engine, after the sequencer has finished its present step.
    pub async fn stop(self) {
        let _ended_before = self.stop.send(true);
        if let Some(sequencer) = self.sequencer {
            let _panicked = sequencer.await;
        }
        drop((self.background, self.notice_bridge));
    }
}

async fn open_backends(config: Config, role: Role) -> Result<Backends> {
    match config.cluster()? {
        None => embedded(&config).await,
        Some(cluster) => clustered(&config, cluster, role).await,
    }
}

async fn embedded(config: &Config) -> Result<Backends> {
    let directory = DataDirectory::lock(&config.data())?;
    let secret = directory.secret()?;
    let database = directory.database()?;
    let keyring = Arc::new(Keyring::open(&database, secret, config.installation.name.as_deref()).await?);
    let recording_database = Arc::new(database.for_recording());
    let stores = Stores {
        database: Arc::new(database),
        intake: Arc::new(LocalIntake::default()),
        published_checkpoints: Arc::new(directory.published_checkpoints()?),
        hub: Arc::new(Hub::default()),
        clock: Arc::new(SystemClock),
    };
    let recording_stores = Stores { database: recording_database, ..stores.clone() };
    let (notice_bridge, directory) = (JoinSet::new(), Some(directory));
    Ok(Backends { stores, recording_stores, keyring, notice_bridge, directory })
}

async fn clustered(config: &Config, mut cluster: Cluster, role: Role) -> Result<Backends> {
    // With the role `all`, the sequencer gets a quarter of the connections. It needs few, and
    // requests cannot take them.
    let all = cluster.postgres.connections;
    let for_recording = match role {
        Role::All => (all / 4).max(1),
        Role::Sequencer => all,
        // For the background tasks, which read beside requests.
        Role::Api => 2,
    };
    cluster.postgres.connections =
        if role == Role::All { all.saturating_sub(for_recording).max(1) } else { all };
    let database = PostgresDatabase::connect(&cluster.postgres).await?;
    let recording_database = Arc::new(database.with_connections(for_recording));
    let database: Arc<dyn Database> = Arc::new(database);
    let keyring = Arc::new(open_keyring(&*database, config).await?);
    let redis = Redis::connect(&cluster.redis, Arc::new(SystemClock)).await?;
    let (hub, outbox) = Hub::with_outbox();
    let hub = Arc::new(hub);
    let key = keyring.notice_key();
    let notice_bridge =
        notice_bridge::start_notice_bridge(&redis, key, Arc::clone(&hub), outbox, Arc::clone(&database) as _)
            .await;
    let stores = Stores {
        database,
        intake: Arc::new(RedisIntake::new(&redis, keyring.intake_key())),
        published_checkpoints: Arc::new(RedisPublishedCheckpoints::new(&redis, key)),
        hub,
        clock: Arc::new(SystemClock),
    };
    let recording_stores = Stores { database: recording_database, ..stores.clone() };
    Ok(Backends { stores, recording_stores, keyring, notice_bridge, directory: None })
}

/// Opens the installation's keys, or makes them at the first start of a cluster.
///
/// Several processes can start at the same moment and make the keys. The first one succeeds. Each
/// other process gets a conflict, and then reads the keys that the first one made.
async fn open_keyring(database: &dyn Database, config: &Config) -> Result<Keyring> {
    let mut attempts = 3;
    loop {
        let secret: Secret = config.secret()?;
        match Keyring::open(database, secret, config.installation.name.as_deref()).await {
            Err(KeyringError::Store(StoreError::Conflict(_))) if attempts > 0 => attempts -= 1,
            other => return Ok(other?),
        }
    }
}

/// Adds a staff key to a database.
///
/// # Errors
/// If the name is in use or the database fails.
pub async fn add_key(
    database: &(impl acclaim_store::Keys + ?Sized),
    key: &str,
    staff: &StaffKey,
) -> Result<()> {
    database.add_staff_key(staff_keys::hash(key), staff).await.context("the key was not added")
}
