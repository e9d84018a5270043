//! What an engine stands on: nothing but a folder, or Redis and Postgres, started for it.

use std::{path::Path, process::Command, rc::Rc};

use acclaim_cli::client::Client;
use acclaim_test_servers::{postgres, redis};
use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::{
    cpu::Processes,
    engine::Engine,
    voters::{Voters, open_contest},
};

/// Postgres as it would be set up for a vote: memory and log files of a small server. Durability is as shipped: on.
const POSTGRES: &[&str] = &[
    "shared_buffers=1GB",
    "min_wal_size=2GB",
    "max_wal_size=8GB",
    "checkpoint_timeout=15min",
    "wal_compression=off",
];

/// Redis likewise: the append-only file may grow before it is written anew, which stalls every synchronisation for a moment. Durability is as required.
const REDIS: &[&str] = &["--auto-aof-rewrite-min-size", "1gb"];

/// How an engine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// On SQLite.
    Embedded,
    /// On one Redis and one Postgres, with so many shards.
    Clustered(u16),
}

/// A contest that is open.
pub struct Contest {
    /// Its id.
    pub id: String,
    /// Its verifier key.
    pub vkey: String,
    /// Its voters.
    pub voters: Rc<Voters>,
}

impl Contest {
    /// The route for ballots.
    #[must_use]
    pub fn ballots(&self) -> String {
        format!("/v1/contests/{}/ballots", self.id)
    }
}

/// A running engine.
pub struct Deployment {
    /// The engine.
    pub engine: Engine,
    /// An operator.
    pub client: Client,
    /// The Postgres, with the name of its database.
    pub postgres: Option<(postgres::Server, String)>,
    /// The Redis.
    pub redis: Option<redis::Server>,
    /// Removed last.
    pub folder: TempDir,
}

impl Deployment {
    /// Starts everything.
    ///
    /// # Errors
    /// If the engine does not start.
    pub fn start(binary: &Path, mode: Mode) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("acclaim-bars").tempdir()?;
        let (mut settings, mut databases, mut redis) = (Vec::new(), None, None);
        if let Mode::Clustered(shards) = mode {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (server, database) = runtime.block_on(async {
                let server = postgres::Server::start(POSTGRES).await;
                let database = server.empty_database().await;
                (server, database)
            });
            let intake = redis::Server::start(folder.path(), &[redis::DURABLE, REDIS].concat());
            let mut set = |name: &str, value: String| settings.push((format!("ACCLAIM_{name}"), value));
            set("POSTGRES_URL", server.url_by(server.port(), &database));
            set("REDIS_URL", intake.url());
            set("REDIS_SHARDS", shards.to_string());
            set("SECRET", "5a".repeat(32));
            databases = Some((server, database));
            redis = Some(intake);
        }
        let engine = Engine::start(binary, &folder.path().join("data"), &settings)?;
        let client = Client::of_server(&format!("http://{}", engine.address), Some(engine.key.clone()))?;
        Ok(Self { engine, client, postgres: databases, redis, folder })
    }

    /// Opens a contest.
    ///
    /// # Errors
    /// If the engine refuses it.
    pub fn open(&self, id: &str) -> Result<Contest> {
        let vkey = open_contest(&self.client, id)?;
        Ok(Contest { id: id.to_owned(), vkey, voters: Rc::new(Voters::new(id)) })
    }

    /// As it is for a server that has run for a while: a checkpoint has left segments of the write-ahead log to be used again, and the kernel holds
    /// back nothing of what was written so far. It would write that half a minute later, when every synchronisation waits for it.
    ///
    /// # Errors
    /// If the disks cannot be synchronised.
    pub fn settle(&self) -> Result<()> {
        if let Some((server, database)) = &self.postgres {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(server.execute(database, "CHECKPOINT"));
        }
        let status = Command::new("sync").status().context("sync")?;
        status.success().then_some(()).context("sync failed")
    }

    /// Every process with a part in it, and this one, the voters'.
    #[must_use]
    pub fn processes(&self) -> Processes {
        let mut processes =
            Processes::from([("voters", vec![std::process::id()]), ("engine", vec![self.engine.process()])]);
        if let Some((server, _)) = &self.postgres {
            processes.insert("postgres", vec![server.process()]);
        }
        if let Some(server) = &self.redis {
            processes.insert("redis", vec![server.process()]);
        }
        processes
    }

    /// Runs a query of one number on the engine's database.
    ///
    /// # Errors
    /// If there is no Postgres.
    pub fn number(&self, sql: &str) -> Result<i64> {
        let (server, database) = self.postgres.as_ref().context("an embedded engine has no Postgres")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(server.number(database, sql)))
    }
}
