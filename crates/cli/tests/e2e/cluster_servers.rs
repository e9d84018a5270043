//! The servers of a cluster under test: Redis and Postgres.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Output},
    sync::{Arc, OnceLock},
};

use acclaim_cli::clock::SystemClock;
use acclaim_store::PublishedCheckpoints as _;
use acclaim_test_servers::{
    postgres::Server as Postgres,
    redis::{DURABLE, Server as Redis},
};
use tokio::runtime::Runtime;

use crate::server::{Server, acclaim, succeeded};

/// The secret of every cluster under test that was not moved from a data directory.
const SECRET: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";

/// Redis and Postgres of one cluster.
pub(crate) struct Servers {
    pub(crate) redis: Redis,
    /// The URL by which the processes reach Redis.
    pub(crate) redis_url: String,
    /// The database's URL.
    pub(crate) postgres: String,
    pub(crate) secret: String,
}

impl Servers {
    /// Starts a new Redis, and creates a database on the Postgres that tests share.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_on(folder, empty_database())
    }

    /// As [`Servers::start`], with the secret of a data directory.
    pub(crate) fn start_for(data: &Path, folder: &Path) -> Self {
        let secret = fs::read_to_string(data.join("secret")).unwrap().trim().to_owned();
        Self { secret, ..Self::start(folder) }
    }

    /// Starts a new Redis, and migrates this database.
    pub(crate) fn start_on(folder: &Path, postgres: String) -> Self {
        let redis = Redis::start(folder, DURABLE);
        let servers = Self { redis_url: redis.url(), redis, postgres, secret: SECRET.to_owned() };
        succeeded(&servers.run(&["migrate"]));
        servers
    }

    /// Uses this Redis, and creates a database from these statements.
    pub(crate) fn start_from(redis: Redis, dump: &str) -> Self {
        let (redis_url, postgres) = (redis.url(), empty_database());
        let servers = Self { redis, redis_url, postgres, secret: SECRET.to_owned() };
        servers.execute(dump);
        succeeded(&servers.run(&["migrate"]));
        servers
    }

    /// The program with the environment of this cluster's processes. The cluster has three shards.
    pub(crate) fn acclaim(&self) -> Command {
        let mut command = acclaim();
        command
            .env("ACCLAIM_REDIS_URL", &self.redis_url)
            .env("ACCLAIM_REDIS_SHARDS", "3")
            .env("ACCLAIM_POSTGRES_URL", &self.postgres)
            .env("ACCLAIM_POSTGRES_CONNECTIONS", "8")
            .env("ACCLAIM_SECRET", &self.secret);
        command
    }

    /// Runs a command on this cluster.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.acclaim().args(args).output().unwrap()
    }

    /// Stores a checkpoint of a contest in Redis as the highest published one of this installation.
    pub(crate) fn publish_checkpoint(&self, contest: &str, checkpoint: &str) {
        let secret = acclaim_store_sqlite::directory::parse_secret(&self.secret).unwrap();
        let key = blake3::derive_key("acclaim v1 notices", &secret.0);
        shared().0.block_on(async {
            let settings = acclaim_store_redis::Settings::new(&self.redis_url);
            let redis = acclaim_store_redis::Redis::connect(&settings, Arc::new(SystemClock)).await.unwrap();
            let checkpoints = acclaim_store_redis::RedisPublishedCheckpoints::new(&redis, key);
            checkpoints.record_before_publish(&contest.parse().unwrap(), checkpoint).await.unwrap();
        });
    }

    /// Executes statements in its database, which is on the shared server.
    pub(crate) fn execute(&self, sql: &str) {
        let (runtime, server) = shared();
        runtime.block_on(server.execute(self.database(), sql));
    }

    /// The number that a query of its database returns.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        let (runtime, server) = shared();
        runtime.block_on(server.number(self.database(), sql))
    }

    fn database(&self) -> &str {
        self.postgres.rsplit('/').next().unwrap()
    }

    /// Creates an operator's key.
    pub(crate) fn operator_key(&self) -> String {
        succeeded(&self.run(&["key", "create", "--role", "operator", "--name", "chair"]))
    }

    /// Starts a process of this cluster, and returns when it listens.
    pub(crate) fn serve(&self, role: &str, address: SocketAddr) -> Server {
        self.serve_in(&[], role, address)
    }

    /// As [`Servers::serve`], with more environment variables.
    pub(crate) fn serve_in(
        &self,
        environment: &[(String, String)],
        role: &str,
        address: SocketAddr,
    ) -> Server {
        let mut command = self.acclaim();
        command.envs(environment.iter().cloned());
        command.args(["serve", "--role", role, "--listen", &address.to_string()]);
        Server::spawn(command)
    }
}

/// The Postgres that all tests share. Its watchdog stops it after the last test.
fn shared() -> &'static (Runtime, Postgres) {
    static SERVER: OnceLock<(Runtime, Postgres)> = OnceLock::new();
    SERVER.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(Postgres::start(&["max_connections=300"]));
        (runtime, server)
    })
}

/// Returns the URL of a new database on the shared server.
pub(crate) fn empty_database() -> String {
    let (runtime, server) = shared();
    server.url_by(server.port(), &runtime.block_on(server.empty_database()))
}
