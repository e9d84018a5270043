//! The whole engine: stores, sequencer and API wired together, without a listener. Embedded on a data directory, or one process of a cluster on
//! Redis and Postgres.

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

/// What a process of a cluster does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Answers requests and sequences.
    All,
    /// Answers requests.
    Api,
    /// Sequences; answers only questions of operation.
    Sequencer,
}

/// See the [module](self).
pub struct Engine {
    api: Api,
    role: Role,
    operator_key: String,
    database: Arc<dyn Database>,
    stop: watch::Sender<bool>,
    sequencer: Option<JoinHandle<()>>,
    background: JoinSet<()>,
    /// Carries notices between processes; empty when embedded.
    notice_bridge: JoinSet<()>,
    /// Declared before the directory: whoever works there has let go of it before others may have it.
    _recording: RecordingRuntime,
    /// Locked as long as the engine runs; none in a cluster.
    directory: Option<DataDirectory>,
}

/// How long recording may take to let go of what it has.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Threads of the sequencer for work that blocks, such as its reads of the embedded database.
const RECORDING_BLOCKING_THREADS: usize = 16;

/// Threads of their own for the sequencer, and for what stores begin at the start. A batch is recorded in some ten steps, one after the other; each
/// would wait behind whatever requests are ready at that moment, and the more there are, the longer.
struct RecordingRuntime(Option<Runtime>);

impl RecordingRuntime {
    fn new() -> Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads((cores / 2).max(1)).thread_name("recording").enable_all();
        builder.max_blocking_threads(RECORDING_BLOCKING_THREADS);
        Ok(Self(Some(builder.build()?)))
    }

    /// Does something there; what it spawns stays there.
    async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T> {
        let runtime = self.0.as_ref().context("the threads for recording have ended")?;
        Ok(runtime.spawn(work).await?)
    }
}

impl Drop for RecordingRuntime {
    fn drop(&mut self) {
        let Some(runtime) = self.0.take() else { return };
        // From within a task a runtime may not be waited for, but a thread may.
        let ending = thread::spawn(move || runtime.shutdown_timeout(SHUTDOWN_TIMEOUT));
        let _ended = ending.join();
    }
}

/// Stores with what has to live as long as they do.
struct Backends {
    stores: Stores,
    /// The sequencer's: the same stores, with connections of its own to the database.
    recording_stores: Stores,
    keyring: Arc<Keyring>,
    notice_bridge: JoinSet<()>,
    directory: Option<DataDirectory>,
}

impl Engine {
    /// Starts: reads and checks every log that this process is to sequence.
    ///
    /// # Errors
    /// When the directory is in use, of another version or not writable, a server is away, of another version or unsafe, a key does not open, or a
    /// log is damaged or older than what has been shown of it.
    pub async fn start(config: &Config, role: Role) -> Result<Self> {
        // Every process checks them: a mistake shows at the first start, whatever its role.
        let (witnesses, settings) = (config.witnesses()?, config.api()?);
        // From now on the clock is compared with one that nobody sets.
        let _none_yet = SystemClock.jump();
        let recording = RecordingRuntime::new()?;
        let Backends { stores, recording_stores, keyring, notice_bridge, directory } =
            recording.run(open_backends(config.clone(), role)).await??;
        let database = Arc::clone(&stores.database);
        let operator_key = staff_keys::random_token()?;
        let hash = *blake3::hash(operator_key.as_bytes()).as_bytes();
        let api = Api::new(stores, Arc::clone(&keyring), settings, Some(hash)).await?;
        // Listening before the sequencer speaks.
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

    /// The complete HTTP API, or of a sequencer what concerns operation.
    pub fn router(&self) -> Router {
        self.router_with(Router::new())
    }

    /// The same, with other routes beside it.
    pub fn router_with(&self, others: Router) -> Router {
        match self.role {
            Role::Sequencer => acclaim_api::operation(self.api.clone()),
            Role::All | Role::Api => acclaim_api::router(self.api.clone(), others),
        }
    }

    /// Health and metrics, in full to everyone.
    pub fn operation_router(&self) -> Router {
        acclaim_api::operation_in_full(self.api.clone())
    }

    /// A bearer token valid in this process only, for its own requests.
    #[must_use]
    pub fn operator_key(&self) -> &str {
        &self.operator_key
    }

    /// Makes an embedded installation's first staff key; `None` if there has been one, or in a cluster, where `acclaim key create` does.
    ///
    /// # Errors
    /// When the database fails.
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

    /// Tells others who find the data directory locked where the engine listens.
    ///
    /// # Errors
    /// When the lock's file cannot be written.
    pub fn record_url(&mut self, url: &str) -> Result<()> {
        match &mut self.directory {
            Some(directory) => Ok(directory.record_url(url)?),
            None => Ok(()),
        }
    }

    /// Lets the sequencer finish what it is at, and ends.
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
    // A process that does both gives the sequencer a quarter: it uses few connections, and no request takes them.
    let all = cluster.postgres.connections;
    let for_recording = match role {
        Role::All => (all / 4).max(1),
        Role::Sequencer => all,
        // For what is read beside requests.
        Role::Api => 2,
    };
    cluster.postgres.connections =
        if role == Role::All { all.saturating_sub(for_recording).max(1) } else { all };
    let database = PostgresDatabase::connect(&cluster.postgres).await?;
    let recording_database = Arc::new(database.with_connections(for_recording));
    let database: Arc<dyn Database> = Arc::new(database);
    let keyring = Arc::new(open_keyring(&*database, config).await?);
    let redis = Redis::connect(&cluster.redis, Arc::new(SystemClock)).await?;
    let (hub, outlet) = Hub::with_outbox();
    let hub = Arc::new(hub);
    let key = keyring.notice_key();
    let notice_bridge =
        notice_bridge::start_notice_bridge(&redis, key, Arc::clone(&hub), outlet, Arc::clone(&database) as _)
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

/// Processes that start at once may found the installation's keys together: who comes second reads those of the first.
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
/// When the name is in use or the database fails.
pub async fn add_key(
    database: &(impl acclaim_store::Keys + ?Sized),
    key: &str,
    staff: &StaffKey,
) -> Result<()> {
    database.add_staff_key(staff_keys::hash(key), staff).await.context("the key was not added")
}
