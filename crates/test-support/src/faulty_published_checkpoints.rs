//! A store of published checkpoints with planned faults, which remembers all of them.

use std::sync::Arc;

use acclaim_contest::ContestId;
use acclaim_store::{PublishedCheckpoints, error::Result};
use async_trait::async_trait;
use parking_lot::Mutex;

use crate::faults::{FaultPlan, Step};

/// A store of published checkpoints with planned faults, which remembers all of them.
pub struct FaultyPublishedCheckpoints {
    inner: Arc<dyn PublishedCheckpoints>,
    faults: Arc<FaultPlan>,
    notes: Mutex<Vec<String>>,
}

impl FaultyPublishedCheckpoints {
    /// Wraps a working store.
    #[must_use]
    pub fn new(inner: Arc<dyn PublishedCheckpoints>, faults: Arc<FaultPlan>) -> Self {
        Self { inner, faults, notes: Mutex::default() }
    }

    /// All checkpoints that may have been published, in their order.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.notes.lock().clone()
    }
}

#[async_trait]
impl PublishedCheckpoints for FaultyPublishedCheckpoints {
    async fn highest(&self, contest: &ContestId) -> Result<Option<String>> {
        self.inner.highest(contest).await
    }

    async fn record_before_publish(&self, contest: &ContestId, checkpoint: &str) -> Result<()> {
        self.notes.lock().push(checkpoint.to_owned());
        self.faults
            .run_step(Step::RecordBeforePublish, self.inner.record_before_publish(contest, checkpoint))
            .await
    }

    async fn cosigned(&self, contest: &ContestId) -> Result<Option<String>> {
        self.inner.cosigned(contest).await
    }

    async fn save_cosigned(&self, contest: &ContestId, note: &str) -> Result<()> {
        self.inner.save_cosigned(contest, note).await
    }

    async fn forget(&self, contest: &ContestId) -> Result<()> {
        self.inner.forget(contest).await
    }
}
