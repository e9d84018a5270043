//! The highest checkpoint shown, in Redis: outside the ledger, and where every sequencer finds it.

use acclaim_contest::ContestId;
use acclaim_store::{Shown, StoreError, error::Result};
use async_trait::async_trait;
use redis::{Cmd, cmd};

use crate::{
    Redis,
    connection::{Script, failed, unread},
    layout,
};

/// The highest checkpoints shown, in Redis. If it loses one, the sequencer writes the ledger's newest again.
pub struct RedisShown {
    redis: Redis,
    show: Script,
}

impl RedisShown {
    /// On these servers.
    #[must_use]
    pub fn new(redis: &Redis) -> Self {
        Self { redis: redis.clone(), show: Script::new(include_str!("scripts/show.lua")) }
    }
}

#[async_trait]
impl Shown for RedisShown {
    async fn highest(&self, contest: &ContestId) -> Result<Option<String>> {
        self.redis.0.connection.run(cmd("GET").arg(layout::shown(contest))).await.map_err(unread)
    }

    async fn about_to_show(&self, contest: &ContestId, checkpoint: &str) -> Result<()> {
        // The second line of a note is the size. What is no note could not be compared, and was not made by us.
        let size = checkpoint.lines().nth(1).and_then(|size| size.parse::<u64>().ok());
        let size = size.ok_or_else(|| StoreError::Corrupt("a checkpoint without a size".to_owned()))?;
        let args = |command: &mut Cmd| {
            command.arg(checkpoint).arg(size);
        };
        let keys = [&*layout::shown(contest)];
        self.redis.0.connection.call(&self.show, &keys, &args).await.map(drop).map_err(failed)
    }

    async fn forget(&self, contest: &ContestId) -> Result<()> {
        for key in [layout::shown(contest), layout::publication(contest)] {
            self.redis.0.connection.run::<()>(cmd("UNLINK").arg(key)).await.map_err(failed)?;
        }
        Ok(())
    }
}
