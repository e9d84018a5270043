//! The whole engine, embedded: stores, sequencer and API wired together, without a listener.

use std::{net::SocketAddr, sync::Arc};

use acclaim_api::Api;
use acclaim_contest::Instant;
use acclaim_sequencer::Sequencer;
use acclaim_store::{
    Database, Hub, Keyring, Stores,
    keys::{Role, StaffKey},
};
use acclaim_store_sqlite::{DataDirectory, LocalIntake};
use anyhow::{Context as _, Result};
use axum::{Router, extract::connect_info::MockConnectInfo};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::{
    clock::{self, SystemClock},
    config::Config,
    random,
};

/// See the [module](self).
pub struct Engine {
    router: Router,
    operator_key: String,
    database: Arc<dyn Database>,
    stop: watch::Sender<bool>,
    sequencer: JoinHandle<()>,
    background: JoinSet<()>,
    /// Locked as long as the engine runs.
    directory: DataDirectory,
}

impl Engine {
    /// Starts on the configured data directory: reads and checks every log.
    ///
    /// # Errors
    /// When the directory is in use, of another version or not writable, a key does not open, or a log is damaged or older than what has been
    /// shown of it.
    pub async fn start(config: &Config) -> Result<Self> {
        let directory = DataDirectory::lock(&config.data())?;
        let secret = directory.secret()?;
        let database: Arc<dyn Database> = Arc::new(directory.database()?);
        let keyring = Arc::new(Keyring::open(&*database, secret, config.installation.name.as_deref()).await?);
        let stores = Stores {
            database: Arc::clone(&database),
            intake: Arc::new(LocalIntake::default()),
            shown: Arc::new(directory.shown()?),
            hub: Arc::new(Hub::default()),
            clock: Arc::new(SystemClock),
        };
        let operator_key = new_key()?;
        let hash = *blake3::hash(operator_key.as_bytes()).as_bytes();
        let api = Api::new(stores.clone(), Arc::clone(&keyring), config.api(), Some(hash)).await?;
        // Listening before the sequencer speaks.
        let background = api.background();
        let (stop, stopping) = watch::channel(false);
        let sequencer = Sequencer::start(stores, keyring, config.sequencer(), stopping).await?;
        let router = acclaim_api::router(api).layer(MockConnectInfo(SocketAddr::from(([127, 0, 0, 1], 0))));
        let sequencer = tokio::spawn(sequencer.run());
        Ok(Self { router, operator_key, database, stop, sequencer, background, directory })
    }

    /// The complete HTTP API.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// A bearer token valid in this process only, for its own requests.
    #[must_use]
    pub fn operator_key(&self) -> &str {
        &self.operator_key
    }

    /// Makes the installation's first staff key; `None` if there has been one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn first_key(&self) -> Result<Option<String>> {
        if !self.database.staff_keys().await?.is_empty() {
            return Ok(None);
        }
        let key = new_key()?;
        add_key(&*self.database, &key, "first-operator".to_owned(), Role::Operator, None).await?;
        Ok(Some(key))
    }

    /// Tells others who find the data directory locked where the engine listens.
    ///
    /// # Errors
    /// When the lock's file cannot be written.
    pub fn tell(&mut self, url: &str) -> Result<()> {
        Ok(self.directory.tell(url)?)
    }

    /// Lets the sequencer finish what it is at, and ends.
    pub async fn stop(self) {
        let _ended_before = self.stop.send(true);
        let _panicked = self.sequencer.await;
        drop(self.background);
    }
}

/// A new staff key's text.
///
/// # Errors
/// If the system gives no randomness.
pub fn new_key() -> Result<String> {
    Ok(format!("ack_{}", random::hex::<32>()?))
}

/// Adds a staff key to a database.
///
/// # Errors
/// When the name is in use or the database fails.
pub async fn add_key(
    database: &(impl acclaim_store::Keys + ?Sized),
    key: &str,
    name: String,
    role: Role,
    contests: Option<Vec<acclaim_contest::ContestId>>,
) -> Result<()> {
    let staff =
        StaffKey { name, role, contests, created: Instant::at_or_before(clock::now()), revoked: None };
    database
        .add_staff_key(*blake3::hash(key.as_bytes()).as_bytes(), &staff)
        .await
        .context("the key was not added")
}
