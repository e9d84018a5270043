//! The highest checkpoint shown, in Redis: outside the ledger, and where every sequencer finds it.

use acclaim_contest::ContestId;
use acclaim_store::{Shown, error::Result};
use async_trait::async_trait;
use redis::cmd;

use crate::{Redis, connection::failed, layout};

/// The highest checkpoints shown, in Redis. If it loses one, the sequencer writes the ledger's newest again.
pub struct RedisShown(Redis);

impl RedisShown {
    /// On these servers.
    #[must_use]
    pub fn new(redis: &Redis) -> Self {
        Self(redis.clone())
    }
}

#[async_trait]
impl Shown for RedisShown {
    async fn highest(&self, contest: &ContestId) -> Result<Option<String>> {
        self.0.0.connection.run(cmd("GET").arg(layout::shown(contest))).await.map_err(failed)
    }

    async fn about_to_show(&self, contest: &ContestId, checkpoint: &str) -> Result<()> {
        let command = cmd("SET").arg(layout::shown(contest)).arg(checkpoint).to_owned();
        self.0.0.connection.run(&command).await.map_err(failed)
    }

    async fn forget(&self, contest: &ContestId) -> Result<()> {
        for key in [layout::shown(contest), layout::publication(contest)] {
            self.0.0.connection.run::<()>(cmd("UNLINK").arg(key)).await.map_err(failed)?;
        }
        Ok(())
    }
}
