//! An engine with the servers that it needs: none if embedded, else its own Redis and Postgres.

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

/// Settings of Postgres for a vote: memory and log files of a small server.
///
/// Durability keeps its default: on.
const POSTGRES: &[&str] = &[
    "shared_buffers=1GB",
    "min_wal_size=2GB",
    "max_wal_size=8GB",
    "checkpoint_timeout=15min",
    "wal_compression=off",
];

/// Settings of Redis for a vote. The append-only file may grow to 1 GB before its rewrite.
///
/// A rewrite stalls every sync for a moment. Durability is as the engine requires.
const REDIS: &[&str] = &["--auto-aof-rewrite-min-size", "1gb"];

/// The mode in which an engine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// On SQLite, with the intake in the process.
    Embedded,
    /// On one Redis and one Postgres, with this number of shards.
    Clustered(u16),
}

/// An open contest.
pub struct Contest {
    /// The contest's id.
    pub id: String,
    /// The contest's verifier key.
    pub vkey: String,
    /// The contest's voters.
    pub voters: Rc<Voters>,
}

impl Contest {
    /// Returns the path of the route for ballots.
    #[must_use]
    pub fn ballots(&self) -> String {
        format!("/v1/contests/{}/ballots", self.id)
    }
}

/// A running engine with its servers.
pub struct Deployment {
    /// The process of the engine.
    pub engine: Engine,
    /// A client with the key of the first operator.
    pub client: Client,
    /// The Postgres server and the name of the engine's database; `None` if embedded.
    pub postgres: Option<(postgres::Server, String)>,
    /// The Redis server; `None` if embedded.
    pub redis: Option<redis::Server>,
    /// The folder of all data. It is the last field, so that it is removed last.
    pub folder: TempDir,
}

impl Deployment {
    /// Starts the servers and the engine.
    ///
    /// # Errors
    /// The engine does not start.
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
    /// The engine refuses the contest.
    pub fn open(&self, id: &str) -> Result<Contest> {
        let vkey = open_contest(&self.client, id)?;
        Ok(Contest { id: id.to_owned(), vkey, voters: Rc::new(Voters::new(id)) })
    }

    /// Brings the servers into the state of servers that have run for a while.
    ///
    /// The checkpoint leaves segments of the write-ahead log for reuse, and `sync` makes the kernel
    /// write all data of earlier measurements. Without it the kernel writes this data half a minute
    /// later, and every sync call waits meanwhile.
    ///
    /// # Errors
    /// `sync` fails.
    pub fn settle(&self) -> Result<()> {
        if let Some((server, database)) = &self.postgres {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(server.execute(database, "CHECKPOINT"));
        }
        let status = Command::new("sync").status().context("running sync")?;
        status.success().then_some(()).context("sync failed")
    }

    /// Returns the processes that take part: engine, servers, and this process with the voters.
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

    /// Runs a query for one number on the engine's database.
    ///
    /// # Errors
    /// The engine is embedded and has no Postgres.
    pub fn number(&self, sql: &str) -> Result<i64> {
        let (server, database) = self.postgres.as_ref().context("an embedded engine has no Postgres")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(server.number(database, sql)))
    }
}
