//! The highest checkpoint shown, in Redis: outside the ledger, and where every sequencer finds it.

use acclaim_contest::ContestId;
use acclaim_store::{Shown, error::Result, shown::size_of};
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

    async fn keep(&self, key: &str, note: &str) -> Result<()> {
        let size = size_of(note)?;
        let args = |command: &mut Cmd| {
            command.arg(note).arg(size);
        };
        self.redis.0.connection.call(&self.show, &[key], &args).await.map(drop).map_err(failed)
    }
}

#[async_trait]
impl Shown for RedisShown {
    async fn highest(&self, contest: &ContestId) -> Result<Option<String>> {
        self.redis.0.connection.run(cmd("GET").arg(layout::shown(contest))).await.map_err(unread)
    }

    async fn about_to_show(&self, contest: &ContestId, checkpoint: &str) -> Result<()> {
        self.keep(&layout::shown(contest), checkpoint).await
    }

    async fn cosigned(&self, contest: &ContestId) -> Result<Option<String>> {
        self.redis.0.connection.run(cmd("GET").arg(layout::cosigned(contest))).await.map_err(unread)
    }

    async fn keep_cosigned(&self, contest: &ContestId, note: &str) -> Result<()> {
        self.keep(&layout::cosigned(contest), note).await
    }

    async fn forget(&self, contest: &ContestId) -> Result<()> {
        for key in [layout::shown(contest), layout::cosigned(contest), layout::publication(contest)] {
            self.redis.0.connection.run::<()>(cmd("UNLINK").arg(key)).await.map_err(failed)?;
        }
        Ok(())
    }
}
