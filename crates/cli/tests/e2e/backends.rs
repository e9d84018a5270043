//! What a site under test stands on: a data directory, or the servers of a cluster.

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

use crate::server::{Server, acclaim};

/// The secret of every cluster under test that is founded as one.
const SECRET: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";

/// Gives each test a body over a running [`Site`](crate::site::Site), and runs it embedded and in a cluster.
macro_rules! on_both_backends {
    ($($body:ident),+ $(,)?) => {
        mod embedded {
            $(#[test]
            fn $body() {
                super::$body(&crate::site::Site::start());
            })+
        }
        mod clustered {
            $(#[test]
            fn $body() {
                super::$body(&crate::site::Site::start_clustered());
            })+
        }
    };
}
pub(crate) use on_both_backends;

/// Redis and Postgres of one cluster.
pub(crate) struct Servers {
    pub(crate) redis: Redis,
    /// By which the processes reach it.
    pub(crate) redis_url: String,
    /// The database's URL.
    pub(crate) postgres: String,
    pub(crate) secret: String,
}

impl Servers {
    /// A Redis of its own, and a database of its own on the Postgres that tests share.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_on(folder, empty_database())
    }

    /// The same, with the secret of a data directory.
    pub(crate) fn start_for(data: &Path, folder: &Path) -> Self {
        let secret = fs::read_to_string(data.join("secret")).unwrap().trim().to_owned();
        Self { secret, ..Self::start(folder) }
    }

    /// A Redis of its own, and this database, which gets its schema.
    pub(crate) fn start_on(folder: &Path, postgres: String) -> Self {
        let redis = Redis::start(folder, DURABLE);
        let servers = Self { redis_url: redis.url(), redis, postgres, secret: SECRET.to_owned() };
        succeeded(&servers.run(&["migrate"]));
        servers
    }

    /// This Redis, and a database of its own with what these statements make.
    pub(crate) fn start_from(redis: Redis, dump: &str) -> Self {
        let (redis_url, postgres) = (redis.url(), empty_database());
        let servers = Self { redis, redis_url, postgres, secret: SECRET.to_owned() };
        servers.execute(dump);
        succeeded(&servers.run(&["migrate"]));
        servers
    }

    /// A program with the environment of this cluster's processes; each voter's shard is one of three.
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

    /// Has its Redis remember that a checkpoint of a contest was shown by this installation.
    pub(crate) fn show(&self, contest: &str, checkpoint: &str) {
        let secret = acclaim_store_sqlite::directory::parse_secret(&self.secret).unwrap();
        let key = blake3::derive_key("acclaim v1 notices", &secret.0);
        shared().0.block_on(async {
            let settings = acclaim_store_redis::Settings::new(&self.redis_url);
            let redis = acclaim_store_redis::Redis::connect(&settings, Arc::new(SystemClock)).await.unwrap();
            let shown = acclaim_store_redis::RedisPublishedCheckpoints::new(&redis, key);
            shown.record_before_publish(&contest.parse().unwrap(), checkpoint).await.unwrap();
        });
    }

    /// Executes statements in its database, which is on the shared server.
    pub(crate) fn execute(&self, sql: &str) {
        let (runtime, server) = shared();
        runtime.block_on(server.execute(self.database(), sql));
    }

    /// The number that a query of its database answers with.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        let (runtime, server) = shared();
        runtime.block_on(server.number(self.database(), sql))
    }

    fn database(&self) -> &str {
        self.postgres.rsplit('/').next().unwrap()
    }

    /// Makes an operator's key.
    pub(crate) fn operator_key(&self) -> String {
        succeeded(&self.run(&["key", "create", "--role", "operator", "--name", "chair"]))
    }

    /// Starts a process of this cluster, and returns when it listens.
    pub(crate) fn serve(&self, role: &str, address: SocketAddr) -> Server {
        self.serve_in(&[], role, address)
    }

    /// The same, with more in its environment.
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

/// The one Postgres that tests share; its watchdog stops it when they are through.
fn shared() -> &'static (Runtime, Postgres) {
    static SERVER: OnceLock<(Runtime, Postgres)> = OnceLock::new();
    SERVER.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(Postgres::start(&["max_connections=300"]));
        (runtime, server)
    })
}

/// The URL of a new database there.
pub(crate) fn empty_database() -> String {
    let (runtime, server) = shared();
    server.url_by(server.port(), &runtime.block_on(server.empty_database()))
}

/// Demands that a command went well; returns what it printed.
#[track_caller]
pub(crate) fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap().trim().to_owned()
}
