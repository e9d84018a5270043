//! Test contests on real Redis and Postgres. Each contest has its own connections, which a fault
//! can cut.

use std::{sync::Arc, time::Duration};

use acclaim_contest::ContestId;
use acclaim_sequencer::Settings;
use acclaim_store::{Clock, keyring::Secret};
use acclaim_store_postgres::PostgresDatabase;
use acclaim_store_redis::{Redis, RedisIntake, RedisPublishedCheckpoints};
use acclaim_test_servers::{
    postgres::Server as Postgres,
    redis::{DURABLE, Server as RedisServer},
    switch::Switch,
};
use acclaim_test_support::{FaultPlan, ManualClock};
use tempfile::TempDir;

use crate::support::{Backends, OPENS, settings, time};

/// One Redis and one Postgres.
pub(crate) struct Cluster {
    redis: RedisServer,
    postgres: Postgres,
    _folder: TempDir,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let redis = RedisServer::start(folder.path(), DURABLE);
        let postgres = Postgres::start(&["fsync=on"]).await;
        Self { redis, postgres, _folder: folder }
    }

    /// Returns stores of three shards with their own database. [`acclaim_test_support::Fault::Cut`]
    /// cuts their connections.
    pub(crate) async fn backends(&self) -> Backends {
        let to_redis = Switch::start(self.redis.port()).await;
        let to_postgres = Switch::start(self.postgres.port()).await;
        let database = self.postgres.empty_database().await;
        let url = self.postgres.url_by(to_postgres.port(), &database);
        PostgresDatabase::migrate(&url).await.unwrap();
        let connections = 4;
        let postgres_settings =
            acclaim_store_postgres::Settings { connections, ..acclaim_store_postgres::Settings::new(url) };
        let redis_settings =
            acclaim_store_redis::Settings::new(format!("redis://127.0.0.1:{}", to_redis.port()));
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(time(OPENS)));
        let redis = Redis::connect(&redis_settings, clock).await.unwrap();
        let switches = Arc::new((to_redis, to_postgres));
        let cut = Arc::clone(&switches);
        Backends {
            database: Arc::new(PostgresDatabase::connect(&postgres_settings).await.unwrap()),
            intake: Arc::new(RedisIntake::new(&redis, [7; 32])),
            published_checkpoints: Arc::new(RedisPublishedCheckpoints::new(&redis, [7; 32])),
            faults: FaultPlan::with_cut(move || {
                cut.0.cut();
                cut.1.cut();
            }),
            secret: Secret([7; 32]),
            settings: Settings { shards: 3, lease: Duration::from_millis(400), ..settings() },
            alive: Box::new(switches),
        }
    }

    /// Deletes all data in Redis.
    pub(crate) fn flush(&self) {
        self.redis.run::<String>(&["FLUSHALL"]);
    }

    /// Deletes the slots that Redis remembers of a contest.
    pub(crate) fn forget_slots(&self, contest: &ContestId) {
        for shard in 0..3 {
            self.redis.run::<i64>(&["UNLINK", &format!("acclaim:1:{{{contest}:{shard}}}:slots")]);
        }
    }
}
