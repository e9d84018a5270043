//! The highest checkpoint shown, in Redis: outside the ledger, and where every sequencer finds it.

use acclaim_contest::ContestId;
use acclaim_store::{PublishedCheckpoints, error::Result, published_checkpoints::checkpoint_size};
use async_trait::async_trait;

use crate::{Redis, layout, sealed_store::SealedStore};

/// The highest checkpoints shown, in Redis. If it loses one, the sequencer writes the ledger's newest again.
pub struct RedisPublishedCheckpoints(SealedStore);

impl RedisPublishedCheckpoints {
    /// On these servers; `key` seals what is kept and is the same in every process of the installation.
    #[must_use]
    pub fn new(redis: &Redis, key: [u8; 32]) -> Self {
        Self(SealedStore::new(redis, key))
    }

    /// The note at a place: it is text, since its seal is ours.
    async fn note(&self, place: &str) -> Result<Option<String>> {
        Ok(self.0.load(place).await?.and_then(|note| String::from_utf8(note).ok()))
    }
}

#[async_trait]
impl PublishedCheckpoints for RedisPublishedCheckpoints {
    async fn highest(&self, contest: &ContestId) -> Result<Option<String>> {
        self.note(&layout::shown(contest)).await
    }

    async fn record_before_publish(&self, contest: &ContestId, checkpoint: &str) -> Result<()> {
        self.0.save(&layout::shown(contest), checkpoint_size(checkpoint)?, checkpoint.as_bytes()).await
    }

    async fn cosigned(&self, contest: &ContestId) -> Result<Option<String>> {
        self.note(&layout::cosigned(contest)).await
    }

    async fn save_cosigned(&self, contest: &ContestId, note: &str) -> Result<()> {
        self.0.save(&layout::cosigned(contest), checkpoint_size(note)?, note.as_bytes()).await
    }

    async fn forget(&self, contest: &ContestId) -> Result<()> {
        for place in [layout::shown(contest), layout::cosigned(contest), layout::publication(contest)] {
            self.0.forget(&place).await?;
        }
        Ok(())
    }
}
