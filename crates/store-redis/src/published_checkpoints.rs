//! The highest published checkpoints, in Redis.
//!
//! They are outside the ledger, and every sequencer can read them.

use acclaim_contest::ContestId;
use acclaim_store::{PublishedCheckpoints, error::Result, published_checkpoints::checkpoint_size};
use async_trait::async_trait;

use crate::{Redis, layout, sealed_store::SealedStore};

/// The highest published checkpoints, in Redis.
///
/// If Redis loses a checkpoint, the sequencer writes the ledger's newest one again.
pub struct RedisPublishedCheckpoints(SealedStore);

impl RedisPublishedCheckpoints {
    /// Uses these servers. `key` seals the stored checkpoints. It is the same in every process of
    /// the installation.
    #[must_use]
    pub fn new(redis: &Redis, key: [u8; 32]) -> Self {
        Self(SealedStore::new(redis, key))
    }

    /// Returns the note stored under a key. It is text, because a process of the installation
    /// sealed it.
    async fn note(&self, place: &str) -> Result<Option<String>> {
        Ok(self.0.load(place).await?.and_then(|note| String::from_utf8(note).ok()))
    }
}

#[async_trait]
impl PublishedCheckpoints for RedisPublishedCheckpoints {
    async fn highest(&self, contest: &ContestId) -> Result<Option<String>> {
        self.note(&layout::published_checkpoint(contest)).await
    }

    async fn record_before_publish(&self, contest: &ContestId, checkpoint: &str) -> Result<()> {
        self.0
            .save(&layout::published_checkpoint(contest), checkpoint_size(checkpoint)?, checkpoint.as_bytes())
            .await
    }

    async fn cosigned(&self, contest: &ContestId) -> Result<Option<String>> {
        self.note(&layout::cosigned(contest)).await
    }

    async fn save_cosigned(&self, contest: &ContestId, note: &str) -> Result<()> {
        self.0.save(&layout::cosigned(contest), checkpoint_size(note)?, note.as_bytes()).await
    }

    async fn forget(&self, contest: &ContestId) -> Result<()> {
        for place in
            [layout::published_checkpoint(contest), layout::cosigned(contest), layout::publication(contest)]
        {
            self.0.forget(&place).await?;
        }
        Ok(())
    }
}
